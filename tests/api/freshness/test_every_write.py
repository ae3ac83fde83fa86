"""Every write of the API and the website shows at once, in every process; and drops no more than what shows it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from academy.app import build_litestar
from academy.features.courses.model import Course
from tests.academies.buckets import gcs_variables
from tests.academies.html import elements
from tests.academies.in_process import TestAcademy
from tests.academies.media import make_film
from tests.api.freshness.admin_writes import ADMIN_WRITES
from tests.api.freshness.caption_writes import CAPTION_WRITES
from tests.api.freshness.page_writes import PAGE_WRITES
from tests.api.freshness.payment_writes import PAYMENT_WRITES
from tests.api.freshness.stage import Stage, opened_stages, set_stage
from tests.api.freshness.studio_writes import STUDIO_WRITES
from tests.api.freshness.writes import PUBLIC_KEY, WRITES
from tests.api.test_routes import registered
from tests.servers.redis import running_redis_url

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECONDS_FOR_NEWS = 10
# Take what only others can sign, and do what SendGrid's and the rehearsal gateway's do, by the same services.
WITHOUT_A_SIGNER = {"POST /webhooks/ses", "POST /webhooks/stripe", "POST /webhooks/razorpay"}
WRITES_OF_API = WRITES | PAYMENT_WRITES
# Takes a text and shows what it will look like.
ONLY_LOOKS = {"POST /studio/preview"}
WRITES_OF_PAGES = PAGE_WRITES | ADMIN_WRITES | STUDIO_WRITES | CAPTION_WRITES


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sqlite", "mongodb and another process"])
async def academies(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[TestAcademy, TestAcademy, TestAcademy]]:
    home: Path = tmp_path_factory.mktemp("academy")
    with gcs_variables() as bucket:  # a folder takes no direct uploads
        variables = {**bucket, "SENDGRID_WEBHOOK_PUBLIC_KEY": PUBLIC_KEY}
        if request.param == "sqlite":
            async with opened_stages(home, **variables) as opened:
                yield opened
            return
        uri: str = request.getfixturevalue("mongodb_uri")
        with running_redis_url() as redis_url:
            async with opened_stages(home, mongodb_uri=uri, redis_url=redis_url, **variables) as opened:
                yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def stage(academies: tuple[TestAcademy, TestAcademy, TestAcademy], film: bytes) -> Stage:
    made = await set_stage(*academies, film)
    await made.warm()
    return made


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4")


async def stale_in_the_end(stage: Stage) -> list[str]:
    """Addresses that are stale; another process has the time that news takes to hear of the write."""
    stale = await stage.stale()
    if stage.kept is not stage.writer:
        deadline = asyncio.get_running_loop().time() + SECONDS_FOR_NEWS
        while stale and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)
            stale = await stage.stale()
    return stale


async def test_every_write_of_the_api_is_walked(academies: tuple[TestAcademy, TestAcademy, TestAcademy]) -> None:
    writes = {f"{method} {path.removeprefix('/api/v1')}" for method, path in writing(academies[0], "/api/v1/")}
    assert {route.partition("#")[0] for route in WRITES_OF_API} == writes - WITHOUT_A_SIGNER


async def test_every_write_of_the_website_is_walked(academies: tuple[TestAcademy, TestAcademy, TestAcademy]) -> None:
    of_pages = writing(academies[0], "/") - writing(academies[0], "/api/")
    writes = {f"{method} {path}" for method, path in of_pages}
    assert {route.partition("#")[0] for route in WRITES_OF_PAGES} == writes - ONLY_LOOKS


def writing(academy: TestAcademy, below: str) -> set[tuple[str, str]]:
    """Method and path of all routes that write, and begin so."""
    routes = registered(build_litestar(academy.academy))
    return {
        (method, path)
        for method, path in routes
        if method in {"POST", "PUT", "PATCH", "DELETE"} and path.startswith(below)
    }


@pytest.mark.parametrize("route", WRITES_OF_API)
async def test_no_stale_answer_can_be_read_after(stage: Stage, route: str) -> None:
    answer = await WRITES_OF_API[route](stage)
    assert answer.is_success, f"{route}: {answer.text}"
    await nothing_is_stale(stage)


@pytest.mark.parametrize("route", WRITES_OF_PAGES)
async def test_no_stale_answer_can_be_read_after_a_form(stage: Stage, route: str) -> None:
    answer = await WRITES_OF_PAGES[route](stage)
    assert answer.is_success, f"{route}: {answer.text}"
    alerts = elements(answer.text, "p", role="alert")
    assert [alert.text for alert in alerts if "hidden" not in alert.attributes] == [], "it is done, not refused"
    await nothing_is_stale(stage)


async def nothing_is_stale(stage: Stage) -> None:
    """Looks right after a write, and again when its jobs are done."""
    assert await stale_in_the_end(stage) == [], "after the write"
    await stage.writer.work()
    assert await stale_in_the_end(stage) == [], "after the jobs that it began"


async def test_a_write_past_the_services_would_be_seen_here(stage: Stage) -> None:
    """The comparison can fail: nobody is told of this change."""
    courses = stage.writer.academy.database.collection(Course)
    await courses.update_one({"id": stage.course.id}, {"$set": {"title": "Unheard of"}})
    stale = await stage.stale()
    assert {"/courses", f"/courses/{stage.course.slug}", f"/api/v1/courses/{stage.course.slug}"} <= set(stale)
    await stage.writer.academy.cache.invalidate_tags([f"course:{stage.course.id}", f"course:{stage.course.id}:card"])
    assert await stale_in_the_end(stage) == []
