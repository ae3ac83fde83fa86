"""Who may enter the studio, and whose courses they may touch there."""

import httpx
import pytest
from litestar.handlers import HTTPRouteHandler

from academy.features.courses import studio, studio_lessons, studio_outline
from academy.features.courses.model import Course, LessonKind
from academy.features.videos import pages as uploads
from academy.infrastructure.security.principal import Role
from academy.kit.ids import new_id
from tests.academies.in_process import Browser, TestAcademy
from tests.api.studio.making import csrf_headers, make_course

HANDLERS = [*studio.handlers, *studio_outline.handlers, *studio_lessons.handlers, *uploads.handlers]


def routes(course: Course | None) -> list[tuple[str, str]]:
    """Method and path of everything in the studio that is about one course."""
    lesson, section = (course.lessons()[0].id, course.curriculum[0].id) if course else (new_id(), new_id())
    slug = course.slug if course else "unknown"
    found: list[tuple[str, str]] = []
    for handler in HANDLERS:
        assert isinstance(handler, HTTPRouteHandler)
        for path in handler.paths:
            filled = path.replace("{slug:str}", slug).replace("{lesson_id:str}", lesson)
            filled = filled.replace("{section_id:str}", section)
            if "{slug:str}" in path:
                found += [(str(method), filled) for method in handler.http_methods if method in ("GET", "POST")]
    assert len(found) >= 15
    return found


async def request(browser: Browser, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    if method == "GET":
        return await browser.get(path)
    fields = {"title": "Mine now", "kind": "text", "action": "remove", "order": "section:x"}
    return await browser.post(path, data=fields, headers=headers)


async def test_unknown_courses_are_not_found(embedded_academy: TestAcademy) -> None:
    teacher = await embedded_academy.signed_in_browser(Role.INSTRUCTOR)
    person = await embedded_academy.person(Role.INSTRUCTOR)
    await make_course(embedded_academy, person)
    headers = await token_of(teacher)
    for method, path in routes(None):
        answer = await request(teacher, method, path, headers)
        assert answer.status_code == 404, (method, path, answer.text)


async def token_of(browser: Browser) -> dict[str, str]:
    """The header with the token of a person who has a course of their own."""
    await browser.submit("/studio", "/studio/courses", title="mine")
    return await csrf_headers(browser, "/studio/courses/mine")


@pytest.mark.parametrize("published", [False, True])
async def test_a_strangers_course_cannot_be_touched(embedded_academy: TestAcademy, published: bool) -> None:
    academy = embedded_academy
    owner = await academy.person(Role.INSTRUCTOR)
    course = await make_course(academy, owner, LessonKind.TEXT)
    if published:
        lesson = course.lessons()[0]
        await academy.academy.courses.edit_lesson(owner, course.slug, lesson.id, lambda one: one, markdown="Text")
        course = await academy.academy.courses.publish(owner, course.slug)
    stranger = await academy.signed_in_browser(Role.INSTRUCTOR)
    headers = await token_of(stranger)
    before = await academy.academy.courses.get(course.slug, owner)
    for method, path in routes(course):
        answer = await request(stranger, method, path, headers)
        assert answer.status_code == (403 if published else 404), (method, path, answer.text)
    assert await academy.academy.courses.get(course.slug, owner) == before


async def test_learners_and_visitors_stay_outside(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    course = await make_course(academy, await academy.person(Role.INSTRUCTOR), LessonKind.TEXT)
    learner, visitor = await academy.signed_in_browser(), academy.browser()
    studio_wide = [("GET", "/studio"), ("POST", "/studio/courses"), ("POST", "/studio/preview")]
    for method, path in [*studio_wide, *routes(course)]:
        assert (await request(learner, method, path, {})).status_code == 403, (method, path)
        answer = await request(visitor, method, path, {})
        if method == "GET" and not path.endswith("/video"):
            assert answer.url.path == "/login", path
        else:
            assert answer.status_code == 401, (method, path)


async def test_nothing_happens_without_the_token_of_the_page(embedded_academy: TestAcademy) -> None:
    owner = await embedded_academy.person(Role.INSTRUCTOR)
    course = await make_course(embedded_academy, owner, LessonKind.TEXT)
    teacher = await embedded_academy.signed_in_browser(person=owner)
    before = await embedded_academy.academy.courses.get(course.slug, owner)
    for method, path in routes(course):
        if method == "POST":
            answer = await request(teacher, method, path, {})
            assert answer.status_code == 403, (path, answer.text)
    assert await embedded_academy.academy.courses.get(course.slug, owner) == before


async def test_an_admin_may_edit_every_course(embedded_academy: TestAcademy) -> None:
    owner = await embedded_academy.person(Role.INSTRUCTOR)
    course = await make_course(embedded_academy, owner, title="Somebody's")
    admin = await embedded_academy.signed_in_browser(Role.ADMIN)
    assert "Somebody&#39;s" in (await admin.get("/studio")).text
    await admin.submit(f"/studio/courses/{course.slug}", f"/studio/courses/{course.slug}/sections", title="Two")
    assert [s.title for s in (await embedded_academy.academy.courses.get(course.slug, owner)).curriculum] == [
        "One",
        "Two",
    ]
