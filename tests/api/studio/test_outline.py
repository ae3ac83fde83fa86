"""The outline: moved, reordered by the script, and changed by several people at once."""

import asyncio

from academy.features.courses.model import Course, LessonKind
from academy.infrastructure.security.principal import Role
from academy.kit.ids import new_id
from tests.academies.in_process import Browser, TestAcademy
from tests.api.studio.making import csrf_headers, make_course, outline, text_of

TEXT = LessonKind.TEXT


def order_of(course: Course) -> list[str]:
    return [
        line
        for section in course.curriculum
        for line in (f"section:{section.id}", *(f"lesson:{lesson.id}" for lesson in section.lessons))
    ]


async def set_up(academy: TestAcademy) -> tuple[Browser, str, Course]:
    """An instructor's browser, the editor's path, and a course with sections One (a, b) and Two (c)."""
    person = await academy.person(Role.INSTRUCTOR)
    course = await make_course(academy, person, TEXT, TEXT)
    browser = await academy.signed_in_browser(person=person)
    path = f"/studio/courses/{course.slug}"
    await browser.submit(path, f"{path}/sections", title="Two")
    course = (await academy.academy.courses.by_id(course.id)) or course
    await browser.submit(path, f"{path}/sections/{course.curriculum[1].id}/lessons", title="c", kind="text")
    for lesson, title in zip(course.lessons(), "ab", strict=True):
        lesson_path = f"{path}/lessons/{lesson.id}"
        await browser.submit(lesson_path, lesson_path, title=title, text=title)
    return browser, path, await stored(academy, course)


async def stored(academy: TestAcademy, course: Course) -> Course:
    found = await academy.academy.courses.by_id(course.id)
    assert found
    return found


async def test_the_script_sends_a_whole_order(academy: TestAcademy) -> None:
    browser, path, course = await set_up(academy)
    assert outline(course) == [("One", ["a", "b"]), ("Two", ["c"])]
    headers = await csrf_headers(browser, path)
    one, a, b, two, c = order_of(course)
    answer = await browser.post(f"{path}/order", data={"order": "\n".join([two, b, c, a, one])}, headers=headers)
    assert answer.status_code == 204
    assert outline(await stored(academy, course)) == [("Two", ["b", "c", "a"]), ("One", [])]
    changed = await stored(academy, course)
    assert {lesson.id for lesson in changed.lessons()} == {lesson.id for lesson in course.lessons()}
    assert await academy.academy.courses.lesson_text(a.partition(":")[2]) == "a"


async def test_an_order_of_another_outline_changes_nothing(academy: TestAcademy) -> None:
    browser, path, course = await set_up(academy)
    headers = await csrf_headers(browser, path)
    one, a, b, two, c = order_of(course)
    for wrong in (
        [one, a, two, c],
        [one, a, b, b, two, c],
        [one, a, b, c],
        [one, one, a, b, two, c],
        [a, one, b, two, c],
        [one, a, b, two, c, f"lesson:{new_id()}"],
        [one, a, b, two, c, f"section:{new_id()}"],
        ["nonsense"],
    ):
        answer = await browser.post(f"{path}/order", data={"order": "\n".join(wrong)}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (409, "outline_changed"), wrong
    empty = await browser.post(f"{path}/order", data={"order": ""}, headers=headers)
    assert empty.status_code == 422
    assert outline(await stored(academy, course)) == outline(course)


async def test_moves_at_the_ends_and_unknown_actions_change_nothing(embedded_academy: TestAcademy) -> None:
    browser, path, course = await set_up(embedded_academy)
    first, last = course.curriculum[0], course.curriculum[-1]
    for action, target in (
        ("up", f"sections/{first.id}"),
        ("down", f"sections/{last.id}"),
        ("sideways", f"sections/{first.id}"),
        ("up", f"lessons/{first.lessons[0].id}/move"),
        ("down", f"lessons/{last.lessons[-1].id}/move"),
        ("sideways", f"lessons/{first.lessons[0].id}/move"),
    ):
        answer = await browser.submit(path, f"{path}/{target}", action=action)
        assert answer.status_code == 200
        assert outline(await stored(embedded_academy, course)) == outline(course)


async def test_titles_are_needed(embedded_academy: TestAcademy) -> None:
    browser, path, course = await set_up(embedded_academy)
    section = course.curriculum[0].id
    for action, fields in (
        ("sections", {"title": " "}),
        ("sections", {"title": "x" * 121}),
        (f"sections/{section}", {"title": "", "action": "rename"}),
        (f"sections/{section}/lessons", {"title": "", "kind": "text"}),
        (f"sections/{section}/lessons", {"title": "x", "kind": "song"}),
    ):
        answer = await browser.submit(path, f"{path}/{action}", **fields)
        assert "title" in text_of(answer)
        assert 'class="alert alert-error" role="alert"' in answer.text
    assert outline(await stored(embedded_academy, course)) == outline(course)
    unknown = await browser.submit(path, f"{path}/sections/{new_id()}/lessons", title="x", kind="text")
    assert unknown.status_code == 404


async def test_removing(academy: TestAcademy) -> None:
    browser, path, course = await set_up(academy)
    a, b, c = course.lessons()
    full = await browser.submit(path, f"{path}/sections/{course.curriculum[1].id}", action="remove")
    assert "Move or remove the lessons of this section first." in text_of(full)
    removed = await browser.submit(path, f"{path}/lessons/{c.id}/move", action="remove")
    assert "The lesson is removed." in text_of(removed)
    await browser.submit(path, f"{path}/sections/{course.curriculum[1].id}", action="remove")
    await browser.submit(path, f"{path}/lessons/{a.id}/move", action="remove")
    assert outline(await stored(academy, course)) == [("One", ["b"])]
    assert await academy.academy.courses.lesson_text(a.id) == "", "its text went with it"
    assert await academy.academy.courses.lesson_text(b.id) == "b"
    assert (await browser.get(f"{path}/lessons/{a.id}")).status_code == 404


async def test_changes_at_the_same_time_are_all_kept(academy: TestAcademy) -> None:
    browser, path, course = await set_up(academy)
    headers = await csrf_headers(browser, path)
    one, two = [section.id for section in course.curriculum]
    a = course.lessons()[0].id
    answers = await asyncio.gather(
        browser.post(f"{path}/sections", data={"title": "Three"}, headers=headers),
        browser.post(f"{path}/sections/{one}/lessons", data={"title": "d", "kind": "text"}, headers=headers),
        browser.post(f"{path}/sections/{two}", data={"action": "rename", "title": "Zwei"}, headers=headers),
        browser.post(f"{path}/lessons/{a}/move", data={"action": "remove"}, headers=headers),
    )
    assert [answer.status_code for answer in answers] == [200] * 4
    assert outline(await stored(academy, course)) == [("One", ["b", "d"]), ("Zwei", ["c"]), ("Three", [])]
