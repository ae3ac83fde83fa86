"""A write drops no more of the kept answers than what shows it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.academies.in_process import TestAcademy
from tests.api.freshness.stage import Stage, opened_stages, set_stage
from tests.api.freshness.writes import WRITES

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def academies(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[TestAcademy, TestAcademy, TestAcademy]]:
    home: Path = tmp_path_factory.mktemp("academy")
    async with opened_stages(home) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def stage(academies: tuple[TestAcademy, TestAcademy, TestAcademy]) -> Stage:
    made = await set_stage(*academies, b"")
    await made.warm()
    return made


SPARED = {
    "PATCH /me#headline": {"/sitemap.xml", "/courses?min_rating=4"},
    "PATCH /me#preferences": "all",
    "POST /courses": "all",
    "POST /auth/register": "all",
    "PUT /courses/{slug}/progress/{lesson_id}": "all",
    "POST /files#document": "all",
    "POST /courses/{slug}/enrolments": {"/courses", "/sitemap.xml", "/api/v1/courses", "neighbour"},
    "PUT /courses/{slug}/curriculum": {"/sitemap.xml"},
    "PUT /courses/{slug}/reviews": {"/sitemap.xml"},
    "PATCH /courses/{slug}#title": {"/api/v1/courses/{neighbour}", "/api/v1/courses/{neighbour}/reviews"},
    "POST /courses/{slug}/unpublish": {"/api/v1/courses/{neighbour}", "/api/v1/courses/{neighbour}/reviews"},
}


@pytest.mark.parametrize("route", SPARED)
async def test_a_write_drops_only_what_shows_it(stage: Stage, route: str) -> None:
    if route == "PATCH /courses/{slug}#title":
        await stage.writer.academy.reviews.write(stage.learner_person, stage.course.slug, 5, "")
        await stage.warm()
    answer = await WRITES[route](stage)
    assert answer.is_success, answer.text
    spared = SPARED[route]
    slug = stage.neighbour.slug
    expected = (
        set(stage.addresses())
        if spared == "all"
        else {f"/courses/{slug}" if one == "neighbour" else one.format(neighbour=slug) for one in spared}
    )
    assert expected <= await stage.kept_addresses()
