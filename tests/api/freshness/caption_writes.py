"""Every write around a video on the website: its captions and chapters, and that it was watched."""

import re

import httpx

from tests.academies.captions import ENGLISH
from tests.academies.in_process import Browser
from tests.api.freshness.page_writes import browser_of
from tests.api.freshness.stage import Stage
from tests.api.freshness.writes import Write, entering, film_lesson

CAPTION_WRITES: dict[str, Write] = {}
write = entering(CAPTION_WRITES)


async def _filmed(stage: Stage, *, with_captions: bool) -> tuple[Browser, str, str]:
    """Gives the course a video; returns its teacher's browser, the page of its captions, and their editor or ""."""
    video_id = (await film_lesson(stage)).json()["id"]
    await stage.writer.work()
    browser = await browser_of(stage, stage.teacher_person)
    course = await stage.writer.academy.courses.get(stage.course.slug, stage.teacher_person)
    page = f"/studio/courses/{course.slug}/lessons/{course.lessons()[0].id}/captions"
    if not with_captions:
        return browser, page, ""
    added = await stage.teacher.put(f"videos/{video_id}/captions/en", content=ENGLISH)
    assert added.is_success, added.text
    (track,) = await stage.writer.academy.captions.tracks(video_id)
    return browser, page, f"{page}/{track.id}"


@write("POST /studio/courses/{slug}/lessons/{lesson_id}/captions")
async def add_captions(stage: Stage) -> httpx.Response:
    browser, page, _ = await _filmed(stage, with_captions=False)
    token = re.search(r'name="_csrf_token" value="([^"]+)"', (await browser.get(page)).text)
    assert token
    data = {"_csrf_token": token.group(1), "language": "en", "kind": "captions"}
    return await browser.post(page, data=data, files={"file": ("a.vtt", ENGLISH, "text/vtt")})


@write("POST /studio/courses/{slug}/lessons/{lesson_id}/captions/{track_id}")
async def edit_captions(stage: Stage) -> httpx.Response:
    browser, _, editor = await _filmed(stage, with_captions=True)
    revision = re.search(r'name="revision" value="(\d+)"', (await browser.get(editor)).text)
    assert revision
    return await browser.submit(editor, editor, text=ENGLISH.replace("loop", "ring"), revision=revision.group(1))


@write("POST /studio/courses/{slug}/lessons/{lesson_id}/captions/{track_id}/default")
async def default_captions(stage: Stage) -> httpx.Response:
    browser, page, editor = await _filmed(stage, with_captions=True)
    return await browser.submit(page, f"{editor}/default", is_default="true")


@write("POST /studio/courses/{slug}/lessons/{lesson_id}/captions/{track_id}/delete")
async def delete_captions(stage: Stage) -> httpx.Response:
    browser, page, editor = await _filmed(stage, with_captions=True)
    return await browser.submit(page, f"{editor}/delete")


@write("POST /studio/courses/{slug}/lessons/{lesson_id}/chapters")
async def save_chapters(stage: Stage) -> httpx.Response:
    browser, page, _ = await _filmed(stage, with_captions=False)
    return await browser.submit(page, f"{page.removesuffix('/captions')}/chapters", chapters="0:00 The whole film")


@write("POST /learn/{slug}/{lesson_id}/view")
async def view(stage: Stage) -> httpx.Response:
    await film_lesson(stage)
    await stage.writer.work()
    browser = await browser_of(stage, stage.learner_person)
    course = await stage.writer.academy.courses.get(stage.course.slug)
    lesson = f"/learn/{course.slug}/{course.lessons()[0].id}"
    page = (await browser.get(lesson)).text
    told = {name: re.search(rf'data-{name}="([^"]+)"', page) for name in ("view-ticket", "csrf")}
    assert told["view-ticket"]
    assert told["csrf"]
    stage.writer.clock.move(minutes=1)
    body, headers = {"ticket": told["view-ticket"].group(1)}, {"X-CSRF-Token": told["csrf"].group(1)}
    return await browser.post(f"{lesson}/view", json=body, headers=headers)
