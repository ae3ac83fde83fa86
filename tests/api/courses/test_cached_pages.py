"""Anonymous pages and answers come from the response cache, and a write shows at once; on both engines."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from academy.features.courses.model import Course
from academy.infrastructure.security.principal import Role
from tests.academies.courses import draft, enrolled_learner, published
from tests.academies.in_process import TestAcademy, opened_test_academy

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sqlite", "mongodb"])
async def caching(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[TestAcademy]:
    """An academy that keeps its answers for an hour: only a write can renew them."""
    uri: str = request.getfixturevalue("mongodb_uri") if request.param == "mongodb" else ""
    home: Path = tmp_path_factory.mktemp("academy")
    async with opened_test_academy(home, mongodb_uri=uri, RESPONSE_CACHE_SECONDS="3600") as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def course(caching: TestAcademy) -> Course:
    return await published(caching, title="Kept in memory")


PATHS = ["/", "/courses", "/courses?category=programming", "/courses?q=memory", "/courses/{slug}"]
API_PATHS = ["/api/v1/courses", "/api/v1/courses?q=memory", "/api/v1/courses/{slug}/reviews"]


@pytest.mark.parametrize("path", PATHS + API_PATHS)
async def test_what_strangers_see_can_be_kept_and_asked_after(caching: TestAcademy, course: Course, path: str) -> None:
    address = path.format(slug=course.slug)
    first = await caching.browser().get(address)
    second = await caching.browser().get(address)
    assert first.status_code == 200
    assert "set-cookie" not in first.headers
    assert "_csrf_token" not in first.text
    assert "private" not in first.headers["cache-control"]
    assert "no-store" not in first.headers["cache-control"]
    assert first.headers["etag"] == second.headers["etag"]
    assert first.content == second.content
    again = await caching.browser().get(address, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize("path", PATHS)
async def test_pages_differ_by_who_asks_and_say_so(caching: TestAcademy, course: Course, path: str) -> None:
    address = path.format(slug=course.slug)
    stranger = await caching.browser().get(address)
    assert "Cookie" in stranger.headers["vary"]
    browser = await caching.signed_in_browser()
    mine = await browser.get(address, headers={"If-None-Match": stranger.headers["etag"]})
    assert mine.status_code == 200
    assert "no-store" in mine.headers["cache-control"]
    assert "Sign out" in mine.text
    assert "Sign out" not in (await caching.browser().get(address)).text


async def test_the_results_alone_and_the_whole_page_are_kept_apart(caching: TestAcademy, course: Course) -> None:
    whole = await caching.browser().get("/courses?q=kept")
    part = await caching.browser().get("/courses?q=kept", headers={"HX-Request": "true"})
    assert "<html" in whole.text
    assert "<html" not in part.text
    assert course.title in part.text
    assert "HX-Request" in part.headers["vary"]
    assert "<html" in (await caching.browser().get("/courses?q=kept")).text
    boosted = await caching.browser().get("/courses?q=kept", headers={"HX-Request": "true", "HX-Boosted": "true"})
    assert "<html" in boosted.text


class Watched:
    """A page or answer as strangers see it, before and after a write."""

    def __init__(self, academy: TestAcademy, path: str) -> None:
        self._academy = academy
        self._path = path

    async def text(self) -> str:
        answer = await self._academy.browser().get(self._path)
        assert answer.status_code == 200
        return answer.text


async def test_a_change_of_a_course_shows_at_once(caching: TestAcademy) -> None:
    admin = await caching.person(Role.ADMIN)
    course = await published(caching, title="Before the change")
    watched = [Watched(caching, path) for path in ("/courses", f"/courses/{course.slug}", "/api/v1/courses")]
    for page in watched:
        assert "Before the change" in await page.text()
    await caching.academy.courses.change(admin, course.slug, {"title": "After the change"})
    for page in watched:
        text = await page.text()
        assert "After the change" in text
        assert "Before the change" not in text


async def test_publishing_unpublishing_and_deleting_show_at_once(caching: TestAcademy) -> None:
    admin = await caching.person(Role.ADMIN)
    course = await draft(caching, admin, "Now you see me")
    lists = [Watched(caching, path) for path in ("/courses", "/api/v1/courses", "/courses?q=see")]

    async def shown() -> list[bool]:
        return [course.slug in await page.text() for page in lists]

    assert await shown() == [False] * 3
    await caching.academy.courses.publish(admin, course.slug)
    assert await shown() == [True] * 3
    await caching.academy.courses.unpublish(admin, course.slug)
    assert await shown() == [False] * 3
    assert "not open for new learners" in await Watched(caching, f"/courses/{course.slug}").text()
    await caching.academy.courses.delete(admin, course.slug)
    assert (await caching.browser().get(f"/courses/{course.slug}")).status_code == 404


async def test_a_review_and_an_enrolment_show_at_once(caching: TestAcademy) -> None:
    course = await published(caching)
    page = Watched(caching, f"/courses/{course.slug}")
    assert "1 learner<" not in await page.text()
    learner = await enrolled_learner(caching, course)
    assert "1 learner" in await page.text()
    await caching.academy.reviews.write(learner, course.slug, 4, "Nobody had read this before.")
    assert "Nobody had read this before." in await page.text()
    answer = await caching.api().get(f"courses/{course.slug}")
    assert answer.json()["rating"] == {"average": 4.0, "count": 1}
    await caching.academy.database.transaction(lambda: caching.academy.reviews.forget_author(learner.user_id))
    assert "Former learner" in await page.text()


async def test_a_new_category_and_a_new_language_show_at_once(caching: TestAcademy) -> None:
    filters = Watched(caching, "/courses")
    await filters.text()
    await caching.academy.courses.append_category("Beekeeping")
    assert "Beekeeping" in await filters.text()
    assert "Tamil" not in await filters.text()
    await published(caching, language="ta")
    assert "Tamil" in await filters.text()


async def test_a_write_that_is_rolled_back_shows_nowhere(caching: TestAcademy) -> None:
    admin = await caching.person(Role.ADMIN)
    course = await published(caching, title="As it was")
    page = Watched(caching, f"/courses/{course.slug}")
    await page.text()

    async def doomed() -> None:
        await caching.academy.courses.change(admin, course.slug, {"title": "As it never was"})
        raise LookupError

    with pytest.raises(LookupError):
        await caching.academy.database.transaction(doomed)
    assert "As it was" in await page.text()


async def test_errors_are_not_kept(caching: TestAcademy) -> None:
    admin = await caching.person(Role.ADMIN)
    assert (await caching.browser().get("/courses/arrives-soon")).status_code == 404
    course = await draft(caching, admin, slug="arrives-soon")
    await caching.academy.courses.publish(admin, course.slug)
    assert (await caching.browser().get("/courses/arrives-soon")).status_code == 200
