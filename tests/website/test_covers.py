"""An uploaded cover keeps its shape wherever it is shown."""

from pathlib import Path

import pytest

from academy.infrastructure.security.principal import Role
from tests.academies.courses import published
from tests.academies.in_process import opened_test_academy
from tests.academies.media import make_picture
from tests.servers.academy import served_academy
from tests.website.checks import assert_fits
from tests.website.conftest import Visitor
from tests.website.people import sign_in

TEACHER, LEARNER = "teacher@example.com", "learner@example.com"


async def academy_with_a_cover(home: Path) -> str:
    """Makes a published course with an uploaded cover, its teacher and a learner; returns its slug."""
    async with opened_test_academy(home) as academy:
        teacher = await academy.person(Role.INSTRUCTOR, email=TEACHER)
        course = await published(academy, teacher)
        api = await academy.signed_in_api(person=teacher)
        sent = await api.post("files", data={"course": course.slug}, files={"file": ("cover.jpg", make_picture())})
        assert sent.status_code == 201, sent.text
        learner = await academy.person(email=LEARNER)
        await academy.academy.enrolments.grant(learner, course)
        return course.slug


@pytest.mark.parametrize("width", [360, 1440])
async def test_it_is_not_squashed(tmp_path: Path, visitor: Visitor, width: int) -> None:
    slug = await academy_with_a_cover(tmp_path / "home")
    with served_academy(tmp_path / "home") as served:
        page = await visitor(served.url, width=width)
        for who, paths in (
            ("", ("/", "/courses", f"/courses/{slug}")),
            (TEACHER, ("/studio", f"/studio/courses/{slug}")),
        ):
            if who:
                await sign_in(page, who)
            for path in paths:
                await page.goto(path)
                cover = page.locator("img.cover").first
                await cover.scroll_into_view_if_needed()
                box = await cover.bounding_box()
                assert box is not None
                # The narrow course page shows a flatter part of it on purpose.
                ratio = 5 / 2 if path == f"/courses/{slug}" and width == 360 else 16 / 9
                assert box["width"] / box["height"] == pytest.approx(ratio, rel=0.02), path
                await assert_fits(page)
