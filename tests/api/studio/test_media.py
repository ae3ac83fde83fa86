"""The media of the studio: a lesson's video and file, the cover."""

from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from academy.features.courses.errors import LessonNotFound
from academy.features.courses.model import Course, LessonKind
from academy.features.videos.model import Video
from academy.infrastructure.security.principal import Principal, Role
from tests.academies.in_process import Browser, TestAcademy
from tests.academies.media import PDF, make_picture, sizes_of
from tests.api.studio.making import make_course, text_of


class Studio:
    """An instructor at a course with a video lesson and a file lesson."""

    def __init__(
        self, academy: TestAcademy, person: Principal, course: Course, browser: Browser, api: httpx.AsyncClient
    ) -> None:
        self.academy, self.person, self.course, self.browser, self.api = academy, person, course, browser, api
        self.base = f"/studio/courses/{course.slug}"
        self.watching, self.reading = [lesson.id for lesson in course.lessons()]
        self.watch, self.read = [f"{self.base}/lessons/{lesson.id}" for lesson in course.lessons()]

    @classmethod
    async def opened(cls, academy: TestAcademy) -> "Studio":
        person = await academy.person(Role.INSTRUCTOR)
        course = await make_course(academy, person, LessonKind.VIDEO, LessonKind.FILE)
        browser = await academy.signed_in_browser(person=person)
        return cls(academy, person, course, browser, await academy.signed_in_api(person=person))

    async def send(self, name: str, content: bytes, lesson_id: str = "", *, status: int = 201) -> dict[str, object]:
        """Sends a file for a lesson, or as the cover."""
        path = "videos" if name.endswith(".mp4") else "files"
        fields = {"course": self.course.slug, "lesson_id": lesson_id}
        answer = await self.api.post(path, data=fields, files={"file": (name, content)})
        assert answer.status_code == status, answer.text
        return msgspec.json.decode(answer.content, type=dict[str, object])

    async def video(self) -> dict[str, object]:
        """What the script learns when it asks how far the check is."""
        answer = await self.browser.get(f"{self.watch}/video")
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=dict[str, object])

    async def page(self, path: str) -> str:
        return text_of(await self.browser.get(path))

    async def keys(self) -> set[str]:
        return {found.key for found in await self.academy.academy.storage.list_files()}

    async def stored(self) -> Course:
        return await self.academy.academy.courses.get(self.course.slug, self.person)


async def test_a_video_from_the_drop_zone_to_the_lesson(academy: TestAcademy, film: bytes) -> None:
    studio = await Studio.opened(academy)
    assert "Drop the video here" in await studio.page(studio.watch)
    assert (await studio.browser.get(f"{studio.watch}/video")).status_code == 404
    await studio.send("Film.mp4", film, studio.watching)
    assert (await studio.video())["state"] == "checking"
    assert "It is being checked" in await studio.page(studio.watch)
    assert "checking" in await studio.page(studio.base)
    await academy.work()
    shown = await studio.video()
    assert (shown["state"], shown["file_name"]) == ("converting", "Film.mp4")
    assert (await academy.browser().get(str(shown["url"]))).content == film
    page = await studio.page(studio.watch)
    for fact in ("Film.mp4", "2 s", "960 × 540"):
        assert fact in page
    assert "Drop another video here" in page
    assert (await studio.stored()).lessons()[0].duration_seconds == 2


async def test_a_video_is_shown_until_a_better_one_is_ready(academy: TestAcademy, film: bytes) -> None:
    studio = await Studio.opened(academy)
    first = await studio.send("first.mp4", film, studio.watching)
    await academy.work()
    for name, content, state in (("broken.mp4", film[:3000], "failed"), ("second.mp4", film, "converting")):
        await studio.send(name, content, studio.watching)
        lesson = (await studio.stored()).lessons()[0]
        assert (lesson.video_id, lesson.duration_seconds) == (first["id"], 2)
        assert f"{name} is being checked. Learners see the video below until it is ready." in await studio.page(
            studio.watch
        )
        await academy.work()
        assert (await studio.video())["state"] == state
        if state == "failed":
            page = await studio.page(studio.watch)
            assert "broken.mp4 cannot be used. This file is not a video that can be read." in page
            assert "Learners still see the video before it." in page
            assert "failed" in await studio.page(studio.base)
            await studio.browser.submit(studio.watch, f"{studio.watch}/video/discard")
            assert "broken.mp4" not in await studio.page(studio.watch)
    assert (await studio.video())["file_name"] == "second.mp4"
    lesson = (await studio.stored()).lessons()[0]
    assert (lesson.new_video_id, lesson.duration_seconds) == (None, 2)


async def test_a_broken_video_says_why_and_can_be_replaced(academy: TestAcademy, film: bytes) -> None:
    studio = await Studio.opened(academy)
    await studio.send("broken.mp4", film[:2000], studio.watching)
    await academy.work()
    assert "broken.mp4 cannot be used." in await studio.page(studio.watch)
    assert "upload its video and wait until it is ready" in await studio.page(studio.base)
    await studio.send("good.mp4", film, studio.watching)
    await academy.work()
    assert (await studio.video())["state"] == "converting"
    gone = await studio.browser.submit(studio.watch, f"{studio.watch}/video/discard")
    assert "The video is deleted." in text_of(gone)
    lesson = (await studio.stored()).lessons()[0]
    assert (lesson.video_id, lesson.duration_seconds) == (None, 0)


async def test_the_file_of_a_lesson(academy: TestAcademy) -> None:
    studio = await Studio.opened(academy)
    for name in ("Plan.pdf", "Better plan.pdf"):
        await studio.send(name, PDF, studio.reading)
        assert name in await studio.page(studio.read)
        assert (await studio.stored()).lessons()[1].file_name == name
    assert "upload its file" not in await studio.page(studio.base)
    refused = await studio.send("Plan.exe", b"MZ", studio.reading, status=422)
    assert refused["code"] == "file_refused"


async def test_the_cover(academy: TestAcademy) -> None:
    studio = await Studio.opened(academy)
    first = await studio.send("a.jpg", make_picture())
    second = await studio.send("b.jpg", make_picture())
    assert await studio.keys() == set(sizes_of(str(second["key"]), 320, 640, 960, 1280)), "the one before is deleted"
    assert first["key"] != second["key"]
    assert f"/media/{second['key']}" in (await studio.browser.get(studio.base)).text
    removed = await studio.browser.submit(studio.base, f"{studio.base}/cover/remove")
    assert "The cover is removed." in text_of(removed)
    assert await studio.keys() == set()
    assert (await studio.stored()).cover_key is None
    again = await studio.browser.submit(studio.base, f"{studio.base}/cover/remove")
    assert again.status_code == 200


async def test_a_deleted_course_leaves_no_media(academy: TestAcademy, film: bytes) -> None:
    studio = await Studio.opened(academy)
    await studio.send("a.mp4", film, studio.watching)
    await studio.send("a.pdf", PDF, studio.reading)
    await studio.send("a.jpg", make_picture())
    await academy.work()
    assert len(await studio.keys()) == 3 + 8, "a video with its poster, a file, a cover in four sizes and two formats"
    await studio.browser.submit(studio.base, f"{studio.base}/delete")
    assert await studio.keys() == set()


async def test_uploads_to_the_wrong_kind_of_lesson(embedded_academy: TestAcademy, film: bytes) -> None:
    studio = await Studio.opened(embedded_academy)
    for name, content, lesson_id in (("a.mp4", film, studio.reading), ("a.pdf", PDF, studio.watching)):
        refused = await studio.send(name, content, lesson_id, status=404)
        assert refused["code"] == "lesson_not_found"
    assert (await studio.send("a.jpg", PDF, status=422))["code"] == "file_refused"
    assert await studio.keys() == set()


async def test_a_lesson_that_is_removed_meanwhile_takes_no_video(embedded_academy: TestAcademy, film: bytes) -> None:
    studio = await Studio.opened(embedded_academy)
    videos, courses = embedded_academy.academy.videos, embedded_academy.academy.courses

    async def chunks() -> AsyncIterator[bytes]:
        yield film
        await courses.set_curriculum(studio.person, studio.course.slug, [])

    async def attach(video: Video) -> None:
        await courses.set_lesson_video(studio.course.id, studio.course.lessons()[0].id, video.id, 0)

    with pytest.raises(LessonNotFound):
        await videos.upload(studio.person, "a.mp4", "", chunks(), course_id=studio.course.id, attach=attach)
    assert await studio.keys() == set()
