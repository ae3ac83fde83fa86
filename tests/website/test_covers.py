"""An uploaded cover keeps its shape wherever it is shown."""

from pathlib import Path

import pytest

from academy.features.courses.model import Course
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


async def test_a_screen_gets_the_size_that_it_needs(tmp_path: Path, visitor: Visitor) -> None:
    slug = await academy_with_a_cover(tmp_path / "home")
    with served_academy(tmp_path / "home") as served:
        page = await visitor(served.url, width=1440)
        await page.goto(f"/courses/{slug}")
        shown = await page.locator("img.cover").first.evaluate("image => image.decode().then(() => image.currentSrc)")
        assert shown.endswith("/640.avif"), "a column of 400 pixels"
        narrow = await visitor(served.url, width=320)
        await narrow.goto(f"/courses/{slug}")
        shown = await narrow.locator("img.cover").first.evaluate("image => image.decode().then(() => image.currentSrc)")
        assert shown.endswith("/320.avif")


async def test_a_cover_of_old_is_shown_as_it_is(tmp_path: Path, visitor: Visitor) -> None:
    slug = await academy_with_a_cover(tmp_path / "home")
    async with opened_test_academy(tmp_path / "home") as academy:
        storage, courses = academy.academy.storage, academy.academy.database.collection(Course)
        course = await courses.find_one({"slug": slug})
        assert course is not None
        assert course.cover_key
        old = f"{course.cover_key.rpartition('/')[0]}.webp"
        await storage.copy(course.cover_key, old)
        await courses.update_one({"id": course.id}, {"$set": {"cover_key": old}})
    with served_academy(tmp_path / "home") as served:
        page = await visitor(served.url)
        await page.goto(f"/courses/{slug}")
        shown = await page.locator("img.cover").first.evaluate("image => image.decode().then(() => image.currentSrc)")
        assert shown == f"{served.url}/media/{old}"
