"""The studio's pages of captions and chapters, as a browser without JavaScript uses them."""

import re

import pytest

from academy.features.courses.model import Course, Lesson
from academy.features.videos.model import Video
from academy.infrastructure.security.principal import Principal, Role
from tests.academies.captions import ENGLISH, HINDI, captioned, film_lessons
from tests.academies.courses import draft, published
from tests.academies.html import assert_harmless, elements
from tests.academies.in_process import Browser, TestAcademy
from tests.api.studio.making import field_value, text_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

XSS = "<img src=x onerror=alert(1)>\"'&"


class Studio:
    """A teacher in the studio, with a lesson whose video is ready."""

    def __init__(
        self, academy: TestAcademy, teacher: Principal, browser: Browser, course: Course, video: Video
    ) -> None:
        self.academy = academy
        self.teacher = teacher
        self.browser = browser
        self.course = course
        self.video = video
        self.lesson: Lesson = course.lessons()[0]
        self.page = f"/studio/courses/{course.slug}/lessons/{self.lesson.id}"
        self.captions = f"{self.page}/captions"

    async def upload(self, content: str | bytes, language: str = "en", **fields: str) -> str:
        """Uploads a file and returns the text of the page that follows."""
        token = field_token((await self.browser.get(self.captions)).text)
        data = {"_csrf_token": token, "language": language, "kind": "captions", **fields}
        answer = await self.browser.post(self.captions, data=data, files={"file": ("a.vtt", content, "text/vtt")})
        assert answer.status_code in (200, 422), answer.text
        return text_of(answer)

    async def track(self, language: str = "en") -> str:
        """The address of the editor of a language."""
        tracks = await self.academy.academy.captions.tracks(self.video.id)
        return f"{self.captions}/{next(one.id for one in tracks if one.language == language)}"


def field_token(page: str) -> str:
    found = re.search(r'name="_csrf_token" value="([^"]+)"', page)
    assert found
    return found.group(1)


async def opened(academy: TestAcademy, lesson: str = "Watch") -> Studio:
    teacher = await academy.person(Role.INSTRUCTOR)
    course, (video,) = await film_lessons(academy, teacher, await published(academy, teacher), lesson)
    return Studio(academy, teacher, await academy.signed_in_browser(person=teacher), course, video)


async def test_captions_from_upload_to_deletion(shared_academy: TestAcademy) -> None:
    studio = await opened(shared_academy)
    assert f'href="{studio.captions}"' in (await studio.browser.get(studio.page)).text
    assert "No captions yet" in text_of(await studio.browser.get(studio.captions))
    assert "The captions are added." in await studio.upload(ENGLISH)
    page = await studio.upload(HINDI, "hi", kind="subtitles", is_default="true")
    for told in ("Hindi On from the start", "Subtitles2 cues", "Captions3 cues"):
        assert told in page
    english = await studio.track()
    file = await studio.browser.get(f"{english}/file")
    assert (file.text, file.headers["content-disposition"]) == (ENGLISH, 'attachment; filename="captions.en.vtt"')
    page = text_of(await studio.browser.submit(studio.captions, f"{english}/default", is_default="true"))
    assert ("English On from the start" in page, "Hindi On from the start" in page) == (True, False)
    page = text_of(await studio.browser.submit(studio.captions, f"{english}/default", is_default="false"))
    assert "Captions are off at the start now." in page
    page = text_of(await studio.browser.submit(studio.captions, f"{english}/delete"))
    assert ("The captions are deleted." in page, "Captions3 cues" in page) == (True, False)
    assert (await studio.browser.get(english)).status_code == 404


async def test_the_whole_file_is_edited_as_a_text(shared_academy: TestAcademy) -> None:
    studio = await opened(shared_academy)
    await studio.upload(ENGLISH)
    editor = await studio.track()
    page = await studio.browser.get(editor)
    assert elements(page.text, "textarea", id="text")[0].text == " ".join(ENGLISH.replace("<i>", "<i>").split())
    changed = ENGLISH.replace("repeats", "does again")
    page = await studio.browser.submit(editor, editor, text=changed, revision=field_value(page, "revision"))
    assert ("Saved." in text_of(page), "does again" in page.text) == (True, True)
    page = await studio.browser.submit(
        editor, editor, text="WEBVTT\n\n00:05 --> x\nA", revision=field_value(page, "revision")
    )
    assert (page.status_code, "Line 3: here the times" in text_of(page), "00:05 --&gt; x" in page.text) == (
        422,
        True,
        True,
    )
    page = await studio.browser.submit(editor, editor, text="WEBVTT", revision="2")
    assert (page.status_code, "no cue with a text" in text_of(page)) == (422, True)
    assert (await studio.browser.get(f"{editor}/file")).text == changed


async def test_two_who_edit_at_once_lose_nothing(shared_academy: TestAcademy) -> None:
    studio = await opened(shared_academy)
    await studio.upload(ENGLISH)
    editor = await studio.track()
    first = await studio.browser.get(editor)
    theirs, mine = ENGLISH.replace("loop", "round"), ENGLISH.replace("loop", "circle")
    await studio.browser.submit(editor, editor, text=theirs, revision=field_value(first, "revision"))
    page = await studio.browser.submit(editor, editor, text=mine, revision=field_value(first, "revision"))
    assert (page.status_code, "Somebody else saved these captions" in text_of(page)) == (422, True)
    assert "A circle repeats" in page.text
    assert (await studio.browser.get(f"{editor}/file")).text == theirs
    # Setting the default is no edit of the text.
    await studio.browser.submit(studio.captions, f"{editor}/default", is_default="true")
    await studio.browser.submit(editor, editor, text=mine, revision=field_value(page, "revision"))
    assert (await studio.browser.get(f"{editor}/file")).text == mine


@pytest.mark.parametrize(
    ("content", "language", "said"),
    [
        ("Hello", "en", "Line 1: a WebVTT file begins"),
        (b"WEBVTT\n\n\xff", "en", "is not UTF-8 text"),
        (b"WEBVTT" + b"\n" * 2_000_001, "en", "larger than 2 MB"),
        ("", "en", "This file is empty"),
        (ENGLISH, "klingon", "Use a language tag"),
    ],
)
async def test_a_refused_file_says_why(
    shared_embedded_academy: TestAcademy, content: str | bytes, language: str, said: str
) -> None:
    studio = await opened(shared_embedded_academy)
    assert said in await studio.upload(content, language)
    assert await shared_embedded_academy.academy.captions.tracks(studio.video.id) == []


async def test_a_form_without_a_file_and_a_language_that_is_there(shared_embedded_academy: TestAcademy) -> None:
    studio = await opened(shared_embedded_academy)
    page = await studio.browser.submit(studio.captions, studio.captions, language="en")
    assert (page.status_code, "Choose a file" in text_of(page)) == (422, True)
    await studio.upload(ENGLISH)
    assert "There are captions in this language already." in await studio.upload(ENGLISH)


async def test_chapters(shared_academy: TestAcademy) -> None:
    studio = await opened(shared_academy)

    async def save(text: str) -> tuple[int, str]:
        page = await studio.browser.submit(studio.captions, f"{studio.page}/chapters", chapters=text)
        return page.status_code, text_of(page)

    for text, said in (
        ("0:30 Late", "Line 1: the first chapter begins at 0:00."),
        ("0:00 A\n\n0:09 B", "Line 3: a chapter lasts at least 10 seconds."),
        ("0:00 A\n0:30 B\n0:20 C", "Line 3: each chapter begins after the one before it."),
        ("0:00 A\nB", "Line 2: write the time and the title"),
        ("0:00 A\n2:00 B", "Line 2: the video ends at 2:00"),
        ("0:00 " + "A" * 101, "Line 1: a title has between 1 and 100 characters."),
        ("\n".join(f"{n // 6}:{n % 6}0 T" for n in range(101)), "at most 100 chapters"),
    ):
        status, page = await save(text)
        assert (status, said in page) == (422, True), page
        assert " ".join(text.split())[:40] in page, "what was typed is kept"
    status, page = await save(f"0:00 Start\n 0:30 - {XSS}\n\n1:45 अंत ")
    assert (status, "3 chapters are saved." in page) == (200, True)
    captions = shared_academy.academy.captions
    found = [(one.start_seconds, one.title) for one in await captions.chapters(studio.video.id)]
    assert found == [(0, "Start"), (30, XSS), (105, "अंत")]
    assert await captions.chapters_as_typed(studio.video.id) == f"0:00 Start\n0:30 {XSS}\n1:45 अंत"
    assert_harmless((await studio.browser.get(studio.captions)).text)
    assert (await save("0:00 All"))[0] == 200
    assert "The video has no chapters now." in (await save("  "))[1]
    assert await captions.tracks(studio.video.id) == []


async def test_captions_are_the_makers(shared_embedded_academy: TestAcademy) -> None:
    studio = await opened(shared_embedded_academy)
    await studio.upload(ENGLISH)
    editor = await studio.track()
    stranger = await shared_embedded_academy.signed_in_browser(Role.INSTRUCTOR)
    admin = await shared_embedded_academy.signed_in_browser(Role.ADMIN)
    for path in (studio.captions, editor, f"{editor}/file"):
        assert [(await who.get(path)).status_code for who in (stranger, admin)] == [403, 200]
    for action in ("", "/delete", "/default"):
        answer = await stranger.submit("/account", f"{editor}{action}", text=ENGLISH, revision=1)
        assert answer.status_code == 403
    # A track is not reached through the lesson of another course.
    other = await opened(shared_embedded_academy)
    assert (await other.browser.get(editor.replace(studio.captions, other.captions))).status_code == 404
    assert len(await shared_embedded_academy.academy.captions.tracks(studio.video.id)) == 1


async def test_a_lesson_without_a_video(shared_embedded_academy: TestAcademy) -> None:
    teacher = await shared_embedded_academy.person(Role.INSTRUCTOR)
    course, _ = await film_lessons(
        shared_embedded_academy, teacher, await draft(shared_embedded_academy, teacher), "Watch"
    )
    lesson = course.lessons()[0]
    await shared_embedded_academy.academy.courses.set_lesson_video(course.id, lesson.id, None, 0)
    browser = await shared_embedded_academy.signed_in_browser(person=teacher)
    page = f"/studio/courses/{course.slug}/lessons/{lesson.id}"
    assert "This lesson has no video yet" in text_of(await browser.get(f"{page}/captions"))
    assert (await browser.submit("/account", f"{page}/chapters", chapters="0:00 A")).status_code == 404


async def test_whatever_is_written_is_text(shared_embedded_academy: TestAcademy) -> None:
    studio = await opened(shared_embedded_academy, XSS)
    text = f"WEBVTT\n\n00:01.000 --> 00:02.000\n{XSS}</textarea><script>alert(1)</script>"
    await captioned(shared_embedded_academy, studio.video, text)
    for path in (studio.captions, await studio.track()):
        page = await studio.browser.get(path)
        assert page.status_code == 200
        assert_harmless(page.text)
