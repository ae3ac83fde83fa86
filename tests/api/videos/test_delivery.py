"""Who gets at the media of a course: nobody without a signed address, and that only for a while."""

import re
from urllib.parse import urlsplit

import pytest

from academy.infrastructure.security.principal import Principal, Role
from tests.academies.in_process import TestAcademy
from tests.academies.media import PDF, make_picture
from tests.api.videos.teaching import make_course, stored_keys


async def course_with_media(academy: TestAcademy, teacher: Principal, film: bytes, *, free_preview: bool) -> str:
    """Makes a draft with a video, a file and a cover, and returns its slug."""
    course = await make_course(academy, teacher, free_preview=free_preview)
    watch, read = course.lessons()
    api = await academy.signed_in_api(person=teacher)
    to = {"course": course.slug}
    for path, data, name, content in (
        ("videos", {**to, "lesson_id": watch.id}, "a.mp4", film),
        ("files", {**to, "lesson_id": read.id}, "a.pdf", PDF),
        ("files", to, "a.jpg", make_picture()),
    ):
        assert (await api.post(path, data=data, files={"file": (name, content)})).status_code == 201
    await academy.work()
    return course.slug


@pytest.mark.parametrize("free_preview", [False, True])
async def test_media_of_every_course_need_a_signed_address(
    embedded_academy: TestAcademy, film: bytes, free_preview: bool
) -> None:
    """Whatever state the course is in, and whoever asks: its makers are given signed addresses, too."""
    academy = embedded_academy
    teacher = await academy.person(Role.INSTRUCTOR)
    slug = await course_with_media(academy, teacher, film, free_preview=free_preview)
    private = [key for key in await stored_keys(academy) if not key.startswith("public/images/")]
    assert {key.rpartition("/")[2] for key in private} == {"original.mp4", "poster.webp", "file.pdf"}
    callers = [academy.browser(), await academy.signed_in_browser(), await academy.signed_in_browser(person=teacher)]
    courses = academy.academy.courses
    for change in (None, courses.publish, courses.unpublish):
        if change is not None:
            await change(teacher, slug)
        for browser in callers:
            for key in private:
                for query in ("", "?expires=9999999999", "?expires=9999999999&signature=0"):
                    assert (await browser.get(f"/media/{key}{query}")).status_code == 403


async def test_a_free_preview_is_free_while_the_course_is_published(academy: TestAcademy, film: bytes) -> None:
    teacher = await academy.person(Role.INSTRUCTOR)
    slug = await course_with_media(academy, teacher, film, free_preview=True)
    courses, visitor = academy.academy.courses, academy.api()
    watch = (await courses.get(slug, teacher)).lessons()[0]
    path = f"videos/{watch.video_id}/playback"
    assert (await visitor.get(path)).status_code == 403, "a draft"
    await courses.publish(teacher, slug)
    assert (await visitor.get(path)).status_code == 200
    learner = await academy.signed_in_api()
    assert (await learner.post(f"courses/{slug}/enrolments")).status_code == 201
    await courses.unpublish(teacher, slug)
    assert (await visitor.get(path)).status_code == 403, "unpublished: for its learners only"
    assert (await learner.get(path)).status_code == 200


async def test_a_signed_address_expires_and_cannot_be_altered(embedded_academy: TestAcademy, film: bytes) -> None:
    academy = embedded_academy
    teacher = await academy.person(Role.INSTRUCTOR)
    slug = await course_with_media(academy, teacher, film, free_preview=False)
    api, visitor = await academy.signed_in_api(person=teacher), academy.browser()
    watch, read = (await academy.academy.courses.get(slug, teacher)).lessons()
    playback = (await api.get(f"videos/{watch.video_id}/playback")).json()
    signature = urlsplit(playback["url"]).query
    assert (await visitor.get(playback["url"])).status_code == 200
    for altered in (
        f"/media/{read.file_key}?{signature}",
        re.sub(r"expires=\d+", "expires=9999999999", playback["url"]),
        playback["url"][:-1],
        playback["url"] + "0",
        playback["url"] + "&name=film.exe",
        playback["url"].replace("original", "poster").replace("mp4", "webp"),
    ):
        assert (await visitor.get(altered)).status_code == 403, altered
    academy.clock.move(seconds=playback["expires_in"] - 5)
    assert (await visitor.get(playback["url"])).status_code == 200
    academy.clock.move(seconds=10)
    for url in (playback["url"], playback["poster_url"]):
        assert (await visitor.get(url)).status_code == 403


async def test_ranges_through_the_whole_application(embedded_academy: TestAcademy, film: bytes) -> None:
    api = await embedded_academy.signed_in_api(Role.INSTRUCTOR)
    video = (await api.post("videos", files={"file": ("a.mp4", film, "video/mp4")})).json()
    await embedded_academy.work()
    url = (await api.get(f"videos/{video['id']}/playback")).json()["url"]
    visitor = embedded_academy.browser()
    size = len(film)
    head = await visitor.head(url)
    assert (head.status_code, head.headers["content-length"], head.headers["accept-ranges"]) == (
        200,
        str(size),
        "bytes",
    )
    etag = head.headers["etag"]
    part = await visitor.get(url, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert part.headers["content-range"] == f"bytes 4-7/{size}"
    suffix = await visitor.get(url, headers={"Range": "bytes=-5"})
    assert (suffix.status_code, suffix.content) == (206, film[-5:])
    beyond = await visitor.get(url, headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    same = await visitor.get(url, headers={"Range": "bytes=0-3", "If-Range": etag})
    other = await visitor.get(url, headers={"Range": "bytes=0-3", "If-Range": '"other"'})
    assert [(same.status_code, len(same.content)), (other.status_code, len(other.content))] == [(206, 4), (200, size)]
    assert (await visitor.get(url, headers={"If-None-Match": etag})).status_code == 304
    assert "content-encoding" not in (await visitor.get(url, headers={"Accept-Encoding": "br, gzip"})).headers
