"""Views of a lesson's video: once per viewer and day, and only when somebody had the time to watch."""

import asyncio
import re
from html import unescape

import httpx
import pytest

from academy.features.videos.model import Video, VideoView
from academy.infrastructure.security.principal import Principal, Role
from tests.academies.in_process import Browser, TestAcademy
from tests.unit.features.learning.taught import Taught, course_of_everything

# Half of a film of two seconds has to be played, which at double speed takes half a second.
LONG_ENOUGH = {"seconds": 1}


class Watcher:
    """A browser with the lesson's page open."""

    def __init__(self, browser: Browser, taught: Taught) -> None:
        self._browser = browser
        self._lesson = f"/learn/{taught.slug}/{taught.lesson('Watch').id}"
        self.ticket = ""
        self._token = ""

    async def open(self) -> str:
        """Opens the page, and returns it."""
        page = (await self._browser.get(self._lesson)).text
        ticket, token = (re.search(rf'data-{name}="([^"]+)"', page) for name in ("view-ticket", "csrf"))
        self.ticket = unescape(ticket.group(1)) if ticket else ""
        self._token = token.group(1) if token else ""
        return page

    async def report(self, ticket: str | None = None, **headers: str) -> httpx.Response:
        """Tells that the video was watched, as the page's script does."""
        sent = {"X-CSRF-Token": self._token, **headers}
        body = {"ticket": self.ticket if ticket is None else ticket}
        return await self._browser.post(f"{self._lesson}/view", json=body, headers=sent)


async def opened(academy: TestAcademy, taught: Taught, person: Principal | None = None) -> Watcher:
    browser = await academy.signed_in_browser(person=person) if person else academy.browser()
    watcher = Watcher(browser, taught)
    await watcher.open()
    return watcher


@pytest.fixture
async def taught(academy: TestAcademy, film: bytes) -> Taught:
    taught = await course_of_everything(academy, film)
    await academy.work()
    return taught


async def views(taught: Taught) -> int:
    """How many views the teacher is told of."""
    teacher = await taught.academy.signed_in_api(person=taught.teacher)
    answer = await teacher.get(f"videos/{taught.lesson('Watch').video_id}")
    return int(answer.json()["views"])


async def test_a_view_counts_once_per_viewer_and_day(academy: TestAcademy, taught: Taught) -> None:
    learner = await taught.learner()
    watcher = await opened(academy, taught, learner)
    academy.clock.move(**LONG_ENOUGH)
    answers = await asyncio.gather(*(watcher.report() for _ in range(8)))
    assert {answer.status_code for answer in answers} == {204}
    assert await views(taught) == 1
    elsewhere = await opened(academy, taught, learner)
    academy.clock.move(**LONG_ENOUGH)
    await elsewhere.report()
    assert await views(taught) == 1, "the same person on another device"
    academy.clock.move(days=1)
    await watcher.open()
    academy.clock.move(**LONG_ENOUGH)
    await watcher.report()
    assert await views(taught) == 2
    studio = await academy.signed_in_browser(person=taught.teacher)
    page = await studio.get(f"/studio/courses/{taught.slug}/lessons/{taught.lesson('Watch').id}")
    assert "2 views" in page.text


async def test_a_stranger_counts_by_browser_and_leaves_no_trace(academy: TestAcademy, taught: Taught) -> None:
    stranger, other = await opened(academy, taught), await opened(academy, taught)
    academy.clock.move(**LONG_ENOUGH)
    for watcher in (stranger, stranger, other):
        assert (await watcher.report()).status_code == 204
    assert await views(taught) == 2
    facts = await academy.academy.database.collection(VideoView).find({})
    assert len({fact.viewer for fact in facts}) == 2
    academy.clock.move(days=1)
    await stranger.open()
    academy.clock.move(**LONG_ENOUGH)
    await stranger.report()
    again = await academy.academy.database.collection(VideoView).find({})
    assert len({fact.viewer for fact in again}) == 3, "nobody can be followed from day to day"


async def test_what_is_no_view(academy: TestAcademy, taught: Taught) -> None:
    learner = await taught.learner()
    watcher, other = await opened(academy, taught, learner), await opened(academy, taught)
    assert (await watcher.report()).status_code == 204, "nobody watches that fast"
    academy.clock.move(**LONG_ENOUGH)
    for ticket in ("", "x", "1.2", "nan.x", other.ticket, watcher.ticket[:-1], f"9{watcher.ticket}", "₹.₹"):
        assert (await watcher.report(ticket)).status_code in (204, 400, 422)
    assert (await watcher.report(**{"User-Agent": "Googlebot/2.1"})).status_code == 204
    assert (await watcher.report(**{"X-CSRF-Token": "forged"})).status_code == 403
    academy.clock.move(days=3)
    await watcher.report()
    assert await views(taught) == 0, "the page was opened days ago"
    teacher = await opened(academy, taught, taught.teacher)
    assert teacher.ticket == "", "who made it does not count"


async def test_only_who_may_open_the_lesson_counts(academy: TestAcademy, taught: Taught) -> None:
    stranger = await opened(academy, taught)
    academy.clock.move(**LONG_ENOUGH)
    await academy.academy.courses.unpublish(taught.teacher, taught.slug)
    assert (await stranger.report()).status_code in (403, 404)
    assert await views(taught) == 0


async def test_facts_of_past_days_are_forgotten_and_the_count_stays(academy: TestAcademy, taught: Taught) -> None:
    facts = academy.academy.database.collection(VideoView)
    for days in (1, 1, 3):
        watcher = await opened(academy, taught)
        academy.clock.move(**LONG_ENOUGH)
        await watcher.report()
        assert await facts.count({}) >= 1
        academy.clock.move(days=days)
    await academy.work()
    assert await facts.count({}) == 0
    assert await views(taught) == 3


async def test_only_its_owner_is_told(academy: TestAcademy, taught: Taught) -> None:
    other = await academy.signed_in_api(Role.INSTRUCTOR)
    assert (await other.get(f"videos/{taught.lesson('Watch').video_id}")).status_code == 404


async def test_a_video_that_is_gone_counts_nothing(academy: TestAcademy, taught: Taught) -> None:
    watcher = await opened(academy, taught)
    academy.clock.move(**LONG_ENOUGH)
    await academy.academy.database.collection(Video).delete_many({})
    assert (await watcher.report()).status_code == 204
    assert await academy.academy.database.collection(VideoView).count({}) == 0
