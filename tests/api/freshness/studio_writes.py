"""Every write of the studio, as the course's teacher does it with a form or by its scripts."""

import httpx

from tests.academies import tus
from tests.academies.buckets import send_form
from tests.academies.courses import published, unique
from tests.academies.in_process import Browser
from tests.academies.media import PDF, make_picture
from tests.api.freshness.page_writes import browser_of, script_headers
from tests.api.freshness.stage import Stage
from tests.api.freshness.writes import Write, entering, film_lesson

STUDIO_WRITES: dict[str, Write] = {}
write = entering(STUDIO_WRITES)

_UPLOADS = "/studio/uploads"


async def _submit(stage: Stage, below: str, /, **fields: str) -> httpx.Response:
    """Sends a form of the course's page in the studio to an address below it."""
    page = f"/studio/courses/{stage.course.slug}"
    return await (await browser_of(stage, stage.teacher_person)).submit(page, f"{page}{below}", **fields)


async def _details(stage: Stage, **changed: str) -> httpx.Response:
    course = stage.course
    held = {
        "title": course.title,
        "subtitle": course.subtitle,
        "description": course.description,
        "category": course.category,
        "price": "0",
        "currency": course.price.currency,
        "outcomes": "\n".join(course.outcomes),
        "requirements": "\n".join(course.requirements),
    }
    return await _submit(stage, "", **held | changed)


@write("POST /studio/courses")
async def create_course(stage: Stage) -> httpx.Response:
    browser = await browser_of(stage, stage.teacher_person)
    return await browser.submit("/studio", "/studio/courses", title=unique("Bread"))


@write("POST /studio/courses/{slug}#title")
async def retitle(stage: Stage) -> httpx.Response:
    return await _details(stage, title=unique("Rolls"))


@write("POST /studio/courses/{slug}#price")
async def change_price(stage: Stage) -> httpx.Response:
    return await _details(stage, price="99")


@write("POST /studio/courses/{slug}#language")
async def change_language(stage: Stage) -> httpx.Response:
    return await _details(stage, language="ta", level="advanced", tags="bread, butter")


@write("POST /studio/courses/{slug}/publish")
async def publish(stage: Stage) -> httpx.Response:
    await stage.writer.academy.courses.unpublish(stage.teacher_person, stage.course.slug)
    return await _submit(stage, "/publish")


@write("POST /studio/courses/{slug}/unpublish")
async def unpublish(stage: Stage) -> httpx.Response:
    return await _submit(stage, "/unpublish")


@write("POST /studio/courses/{slug}/delete")
async def delete_course(stage: Stage) -> httpx.Response:
    lonely = await published(stage.writer, stage.teacher_person, category_slug=stage.course.category)
    page = f"/studio/courses/{lonely.slug}"
    return await (await browser_of(stage, stage.teacher_person)).submit(page, f"{page}/delete")


@write("POST /studio/courses/{slug}/cover/remove")
async def remove_cover(stage: Stage) -> httpx.Response:
    picture = {"file": ("a.jpg", make_picture(), "image/jpeg")}
    sent = await stage.teacher.post("files", data={"course": stage.course.slug}, files=picture)
    assert sent.status_code == 201, sent.text
    return await _submit(stage, "/cover/remove")


# --- the outline ---


@write("POST /studio/courses/{slug}/sections")
async def add_section(stage: Stage) -> httpx.Response:
    return await _submit(stage, "/sections", title="And then")


@write("POST /studio/courses/{slug}/sections/{section_id}")
async def rename_section(stage: Stage) -> httpx.Response:
    (section, *_) = stage.course.curriculum
    return await _submit(stage, f"/sections/{section.id}", action="rename", title="Another beginning")


@write("POST /studio/courses/{slug}/sections/{section_id}/lessons")
async def add_lesson(stage: Stage) -> httpx.Response:
    (section, *_) = stage.course.curriculum
    return await _submit(stage, f"/sections/{section.id}/lessons", title="Sourdough", kind="text")


@write("POST /studio/courses/{slug}/lessons/{lesson_id}/move#down")
async def move_lesson(stage: Stage) -> httpx.Response:
    (lesson, *_) = stage.course.lessons()
    return await _submit(stage, f"/lessons/{lesson.id}/move", action="down")


@write("POST /studio/courses/{slug}/lessons/{lesson_id}/move#remove")
async def remove_lesson(stage: Stage) -> httpx.Response:
    (*_, lesson) = stage.course.lessons()
    return await _submit(stage, f"/lessons/{lesson.id}/move", action="remove")


@write("POST /studio/courses/{slug}/order")
async def reorder(stage: Stage) -> httpx.Response:
    (section,) = stage.course.curriculum
    browser, page = await browser_of(stage, stage.teacher_person), f"/studio/courses/{stage.course.slug}"
    lines = [f"section:{section.id}", *(f"lesson:{lesson.id}" for lesson in reversed(section.lessons))]
    headers = await script_headers(browser, page)
    return await browser.post(f"{page}/order", data={"order": "\n".join(lines)}, headers=headers)


@write("POST /studio/courses/{slug}/lessons/{lesson_id}")
async def change_lesson(stage: Stage) -> httpx.Response:
    (lesson, *_) = stage.course.lessons()
    return await _submit(stage, f"/lessons/{lesson.id}", title="Sourdough", text="word " * 3_000, free_preview="true")


@write("POST /studio/courses/{slug}/lessons/{lesson_id}/attachments/{file_id}/delete")
async def delete_attachment(stage: Stage) -> httpx.Response:
    (lesson, *_) = stage.course.lessons()
    data = {"course": stage.course.slug, "lesson_id": lesson.id, "attachment": "true"}
    answer = await stage.teacher.post("files", data=data, files={"file": ("Plan.pdf", PDF, "application/pdf")})
    return await _submit(stage, f"/lessons/{lesson.id}/attachments/{answer.json()['id']}/delete")


@write("POST /studio/courses/{slug}/lessons/{lesson_id}/video/discard")
async def discard_video(stage: Stage) -> httpx.Response:
    assert (await film_lesson(stage)).is_success
    await stage.writer.work()
    (lesson, *_) = (await stage.writer.academy.courses.get(stage.course.slug, stage.teacher_person)).lessons()
    return await _submit(stage, f"/lessons/{lesson.id}/video/discard")


# --- uploads in parts ---


async def _begin(stage: Stage) -> tuple[Browser, dict[str, str], bytes, str]:
    """Begins the upload of a cover; returns the browser, its CSRF header, the picture, and the upload's address."""
    browser, picture = await browser_of(stage, stage.teacher_person), make_picture()
    token = await script_headers(browser, f"/studio/courses/{stage.course.slug}")
    headers = {**token, **tus.creation("a.jpg", len(picture), course=stage.course.slug)}
    begun = await browser.post(_UPLOADS, headers=headers)
    assert begun.status_code == 201, begun.text
    return browser, token, picture, f"{_UPLOADS}/{begun.headers['Location'].rpartition('/')[2]}"


@write("POST /studio/uploads")
async def begin_upload(stage: Stage) -> httpx.Response:
    """A whole cover at once, which a job puts on the course."""
    browser, picture = await browser_of(stage, stage.teacher_person), make_picture()
    token = await script_headers(browser, f"/studio/courses/{stage.course.slug}")
    headers = {**token, **tus.creation("a.jpg", len(picture), course=stage.course.slug), **tus.BYTES}
    return await browser.post(_UPLOADS, headers=headers, content=picture)


@write("PATCH /studio/uploads/{upload_id}")
async def append_to_upload(stage: Stage) -> httpx.Response:
    browser, token, picture, address = await _begin(stage)
    return await browser.patch(address, headers={**token, **tus.BYTES, "Upload-Offset": "0"}, content=picture)


@write("DELETE /studio/uploads/{upload_id}")
async def terminate_upload(stage: Stage) -> httpx.Response:
    browser, token, _, address = await _begin(stage)
    return await browser.delete(address, headers={**token, **tus.VERSION})


async def _begin_directly(stage: Stage, picture: bytes) -> tuple[Browser, dict[str, str], httpx.Response]:
    browser = await browser_of(stage, stage.teacher_person)
    token = await script_headers(browser, f"/studio/courses/{stage.course.slug}")
    body = {"file_name": "a.jpg", "size": len(picture), "course": stage.course.slug}
    return browser, token, await browser.post(f"{_UPLOADS}/direct", headers=token, json=body)


@write("POST /studio/uploads/direct")
async def begin_direct_upload(stage: Stage) -> httpx.Response:
    _, _, answer = await _begin_directly(stage, make_picture())
    return answer


@write("POST /studio/uploads/{upload_id}/completion")
async def complete_direct_upload(stage: Stage) -> httpx.Response:
    """A cover that lies in the bucket, which a job puts on the course."""
    picture = make_picture()
    browser, token, answer = await _begin_directly(stage, picture)
    begun = answer.json()
    assert (await send_form(begun["url"], begun["fields"], picture)).is_success
    return await browser.post(f"{_UPLOADS}/{begun['id']}/completion", headers=token)
