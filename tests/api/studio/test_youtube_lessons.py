"""YouTube lessons: what they learn from YouTube, and what stays as their instructor made it."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from academy.features.courses.curriculum import UNTITLED_YOUTUBE
from academy.features.courses.model import Course, LessonKind
from academy.infrastructure.jobs.model import JobStatus
from academy.infrastructure.security.principal import Principal, Role
from tests.academies.in_process import TestAcademy, opened_test_academy
from tests.api.studio.making import make_course, text_of
from tests.simulators.youtube import API_KEY, Fault, Video, YouTubeSite, running_youtube

TALK, OTHER = "abcdefghi_1", "abcdefghi_2"


@pytest.fixture
def site() -> Iterator[YouTubeSite]:
    with running_youtube() as site:
        site.videos = {TALK: Video("Branches <in> depth", "PT1H2M3S"), OTHER: Video("Rebase", "PT5M")}
        yield site


@pytest.fixture(params=["sqlite", "mongodb"])
async def knowing(request: pytest.FixtureRequest, tmp_path: Path, site: YouTubeSite) -> AsyncIterator[TestAcademy]:
    """An academy with a key, once on each database engine."""
    uri: str = request.getfixturevalue("mongodb_uri") if request.param == "mongodb" else ""
    settings = {"YOUTUBE_API_KEY": API_KEY, "YOUTUBE_URL": site.url}
    async with opened_test_academy(tmp_path, mongodb_uri=uri, **settings) as opened:
        yield opened


@pytest.fixture
async def embedded_knowing(tmp_path: Path, site: YouTubeSite) -> AsyncIterator[TestAcademy]:
    """An academy with a key on the embedded database."""
    async with opened_test_academy(tmp_path, YOUTUBE_API_KEY=API_KEY, YOUTUBE_URL=site.url) as opened:
        yield opened


@pytest.fixture
async def embedded_unknowing(tmp_path: Path, site: YouTubeSite) -> AsyncIterator[TestAcademy]:
    """An academy without a key."""
    async with opened_test_academy(tmp_path, YOUTUBE_URL=site.url) as opened:
        yield opened


class Teacher:
    """An instructor with a course of one YouTube lesson, called `youtube`."""

    def __init__(self, academy: TestAcademy, person: Principal, course: Course) -> None:
        self.academy = academy
        self.person = person
        self.slug = course.slug
        self._ids = course.curriculum[0].id, course.lessons()[0].id

    @property
    def page(self) -> str:
        """The lesson's page in the studio."""
        return f"/studio/courses/{self.slug}/lessons/{self._ids[1]}"

    async def set_lesson(self, youtube_id: str, title: str = "Mine") -> None:
        """Saves the outline with this lesson."""
        section_id, lesson_id = self._ids
        lesson = {"id": lesson_id, "kind": "youtube", "title": title, "youtube_id": youtube_id}
        sections = [{"id": section_id, "title": "One", "lessons": [lesson]}]
        api = await self.academy.signed_in_api(person=self.person)
        answer = await api.put(f"courses/{self.slug}/curriculum", json={"sections": sections})
        assert answer.status_code == 200, answer.text

    async def facts(self) -> tuple[str, int, int]:
        """Title and length of the lesson as the API tells them, and the length that the course keeps."""
        api = await self.academy.signed_in_api(person=self.person)
        course = (await api.get(f"courses/{self.slug}")).json()
        lesson = course["curriculum"][0]["lessons"][0]
        kept = await self.academy.academy.courses.get(self.slug, self.person)
        return lesson["title"], lesson["duration_seconds"], kept.duration_seconds


async def teacher_at(academy: TestAcademy) -> Teacher:
    person = await academy.person(Role.INSTRUCTOR)
    course = await make_course(academy, person, LessonKind.YOUTUBE)
    return Teacher(academy, person, course)


async def test_a_lesson_learns_its_length_and_keeps_its_title(knowing: TestAcademy, site: YouTubeSite) -> None:
    teacher = await teacher_at(knowing)
    await teacher.set_lesson(TALK)
    assert site.asked == [], "no provider is asked while somebody waits"
    assert await teacher.facts() == ("Mine", 0, 0)
    await knowing.work()
    assert await teacher.facts() == ("Mine", 3723, 3723)
    browser = await knowing.signed_in_browser(person=teacher.person)
    page = await browser.get(f"/courses/{teacher.slug}")
    assert "1 h 2 min" in text_of(page)
    await teacher.set_lesson(TALK)
    await knowing.work()
    assert site.asked == [TALK], "the same video is not asked for again"
    await teacher.set_lesson(OTHER)
    assert await teacher.facts() == ("Mine", 0, 0), "the length of another video is not known yet"
    await knowing.work()
    assert await teacher.facts() == ("Mine", 300, 300)


async def test_pages_kept_in_memory_show_the_new_length(tmp_path: Path, site: YouTubeSite) -> None:
    variables = {"YOUTUBE_API_KEY": API_KEY, "YOUTUBE_URL": site.url, "RESPONSE_CACHE_SECONDS": "60"}
    async with opened_test_academy(tmp_path, **variables) as academy:
        teacher = await teacher_at(academy)
        await teacher.set_lesson(TALK)
        await academy.academy.courses.publish(teacher.person, teacher.slug)
        stranger = academy.browser()
        assert "1 h 2 min" not in text_of(await stranger.get(f"/courses/{teacher.slug}"))
        await academy.work()
        assert "1 h 2 min" in text_of(await stranger.get(f"/courses/{teacher.slug}"))


async def test_a_lesson_without_a_title_takes_that_of_its_video(
    embedded_knowing: TestAcademy, site: YouTubeSite
) -> None:
    teacher = await teacher_at(embedded_knowing)
    await teacher.set_lesson(TALK, title=" ")
    assert (await teacher.facts())[0] == UNTITLED_YOUTUBE
    await embedded_knowing.work()
    assert await teacher.facts() == ("Branches <in> depth", 3723, 3723)
    browser = await embedded_knowing.signed_in_browser(person=teacher.person)
    page = await browser.submit(teacher.page, teacher.page, title="Mine again", youtube=TALK)
    assert (page.status_code, (await teacher.facts())[0]) == (200, "Mine again")
    page = await browser.submit(teacher.page, teacher.page, title="", youtube=TALK)
    assert (page.status_code, await teacher.facts()) == (200, (UNTITLED_YOUTUBE, 3723, 3723))
    await embedded_knowing.work()
    assert (await teacher.facts())[0] == "Branches <in> depth"
    assert site.asked == [TALK, TALK]
    page = await browser.get(teacher.page)
    assert "Branches &lt;in&gt; depth" in page.text
    assert "<in>" not in page.text


@pytest.mark.parametrize("title", ["\u2028\x07", "  "])
async def test_a_title_that_says_nothing_or_breaks_lines_is_not_taken(
    embedded_knowing: TestAcademy, site: YouTubeSite, title: str
) -> None:
    site.videos[TALK] = Video(title, "PT5M")
    teacher = await teacher_at(embedded_knowing)
    await teacher.set_lesson(TALK, title="")
    await embedded_knowing.work()
    assert await teacher.facts() == (UNTITLED_YOUTUBE, 300, 300)


@pytest.mark.parametrize("kind", [LessonKind.TEXT, LessonKind.VIDEO])
async def test_other_lessons_need_a_title(embedded_academy: TestAcademy, kind: LessonKind) -> None:
    person = await embedded_academy.person(Role.INSTRUCTOR)
    course = await make_course(embedded_academy, person, kind)
    browser = await embedded_academy.signed_in_browser(person=person)
    path = f"/studio/courses/{course.slug}/lessons/{course.lessons()[0].id}"
    page = await browser.submit(path, path, title="")
    assert page.status_code == 422
    assert 'id="title-error"' in page.text


async def test_without_a_key_nobody_is_asked(embedded_unknowing: TestAcademy, site: YouTubeSite) -> None:
    teacher = await teacher_at(embedded_unknowing)
    await teacher.set_lesson(TALK, title="")
    await embedded_unknowing.work()
    assert await teacher.facts() == (UNTITLED_YOUTUBE, 0, 0)
    jobs = await embedded_unknowing.academy.jobs.list_jobs()
    assert "fetch_youtube_lesson" not in {job.kind for job in jobs.items}
    assert site.server.connections == 0


async def test_a_used_up_quota_is_waited_for_however_long(embedded_knowing: TestAcademy, site: YouTubeSite) -> None:
    site.fault = Fault.QUOTA
    teacher = await teacher_at(embedded_knowing)
    await teacher.set_lesson(TALK)
    with capture_logs() as logs:
        for _ in range(24):
            await embedded_knowing.work()
            embedded_knowing.clock.move(hours=1, seconds=1)
    assert len(site.asked) == 24
    assert [log["event"] for log in logs if log["log_level"] != "debug"] == ["youtube_quota_used_up"] * 24
    site.fault = Fault.NONE
    await embedded_knowing.work()
    assert await teacher.facts() == ("Mine", 3723, 3723)


async def test_a_youtube_that_is_away_is_asked_again(embedded_knowing: TestAcademy, site: YouTubeSite) -> None:
    site.fault = Fault.ERROR_500
    teacher = await teacher_at(embedded_knowing)
    await teacher.set_lesson(TALK)
    await embedded_knowing.work()
    site.fault = Fault.NONE
    await embedded_knowing.work()
    assert await teacher.facts() == ("Mine", 0, 0), "not before the pause is over"
    embedded_knowing.clock.added += timedelta(seconds=3)
    await embedded_knowing.work()
    assert await teacher.facts() == ("Mine", 3723, 3723)


async def test_a_wrong_key_is_said_once_and_never_shown(embedded_knowing: TestAcademy, site: YouTubeSite) -> None:
    site.api_key = "AIza-another-key"
    teacher = await teacher_at(embedded_knowing)
    await teacher.set_lesson(TALK)
    with capture_logs() as logs:
        for _ in range(3):
            await embedded_knowing.work()
            embedded_knowing.clock.move(hours=1)
    [said] = [log for log in logs if log["event"] == "youtube_refuses_key"]
    assert (said["log_level"], said["reason"], said["youtube_id"]) == ("error", "API_KEY_INVALID", TALK)
    assert API_KEY not in repr(logs)
    assert API_KEY not in repr(site.addresses)
    assert await teacher.facts() == ("Mine", 0, 0)
    jobs = await embedded_knowing.academy.jobs.list_jobs(status=JobStatus.DEAD)
    assert jobs.items == []


async def test_a_video_that_is_not_there_leaves_the_lesson_as_it_is(
    embedded_knowing: TestAcademy, site: YouTubeSite
) -> None:
    site.videos.clear()
    teacher = await teacher_at(embedded_knowing)
    await teacher.set_lesson(TALK, title="")
    for _ in range(2):
        await embedded_knowing.work()
        embedded_knowing.clock.move(hours=1)
    assert await teacher.facts() == (UNTITLED_YOUTUBE, 0, 0)
    assert site.asked == [TALK]


async def test_what_is_told_of_an_old_video_changes_nothing(embedded_knowing: TestAcademy, site: YouTubeSite) -> None:
    site.videos.pop(OTHER)
    teacher = await teacher_at(embedded_knowing)
    await teacher.set_lesson(TALK, title="")
    await teacher.set_lesson(OTHER, title="")
    await embedded_knowing.work()
    assert sorted(site.asked) == [TALK, OTHER]
    assert await teacher.facts() == (UNTITLED_YOUTUBE, 0, 0)


async def test_a_course_that_is_gone_needs_nothing(embedded_knowing: TestAcademy, site: YouTubeSite) -> None:
    teacher = await teacher_at(embedded_knowing)
    await teacher.set_lesson(TALK)
    await embedded_knowing.academy.courses.delete(teacher.person, teacher.slug)
    await embedded_knowing.work()
    assert site.asked == [TALK]
    jobs = await embedded_knowing.academy.jobs.list_jobs()
    assert {job.status for job in jobs.items if job.kind == "fetch_youtube_lesson"} == {JobStatus.DONE}
