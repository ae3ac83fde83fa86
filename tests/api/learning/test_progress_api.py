"""`GET` and `PUT /courses/{slug}/progress`, on both engines."""

import asyncio

import httpx

from academy.features.learning.model import CourseProgress
from tests.academies.in_process import TestAcademy
from tests.unit.features.learning.taught import Taught, published_course


async def learner_of(taught: Taught) -> httpx.AsyncClient:
    return await taught.academy.signed_in_api(person=await taught.learner())


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


async def test_progress_from_nothing_to_all(academy: TestAcademy) -> None:
    taught = await published_course(academy, ["One", "Two"], ["Three"])
    learner = await learner_of(taught)
    one, two, three = taught.ids("One", "Two", "Three")
    path = f"courses/{taught.slug}/progress"
    answer = await learner.get(path)
    assert (answer.status_code, answer.json()) == (200, {"percent": 0, "lessons": {}})

    answer = await learner.put(f"{path}/{two}", json={"position_seconds": 61.5, "completed": False})
    expected = {"percent": 0, "lessons": {two: {"position_seconds": 61.5, "completed": False}}}
    assert (answer.status_code, answer.json()) == (200, expected)
    assert (await learner.get(path)).json() == expected

    answer = await learner.put(f"{path}/{two}", json={"position_seconds": 120, "completed": True})
    assert answer.json() == {"percent": 33, "lessons": {two: {"position_seconds": 120.0, "completed": True}}}
    for lesson_id, percent in ((one, 66), (three, 100)):
        answer = await learner.put(f"{path}/{lesson_id}", json={"completed": True})
        assert answer.json()["percent"] == percent
    answer = await learner.put(f"{path}/{one}", json={"position_seconds": 0, "completed": False})
    assert answer.json()["percent"] == 66


async def test_a_completed_course_is_marked_once(academy: TestAcademy) -> None:
    taught = await published_course(academy, ["One", "Two"])
    learner = await learner_of(taught)
    stored = academy.academy.database.collection(CourseProgress)
    one, two = taught.ids("One", "Two")

    async def marked_after(lesson_id: str, *, completed: bool) -> object:
        path = f"courses/{taught.slug}/progress/{lesson_id}"
        assert (await learner.put(path, json={"completed": completed})).status_code == 200
        held = await stored.find_one({"course_id": taught.course.id})
        assert held is not None
        return held.completed_at

    assert await marked_after(one, completed=True) is None
    finished = await marked_after(two, completed=True)
    assert finished is not None
    academy.clock.move(minutes=5)
    assert await marked_after(two, completed=False) == finished
    assert await marked_after(two, completed=True) == finished


async def test_another_session_goes_on_where_the_first_stopped(academy: TestAcademy) -> None:
    taught = await published_course(academy)
    person = await taught.learner()
    lesson_id = taught.lesson("Two").id
    at_home = await academy.signed_in_api(person=person)
    answer = await at_home.put(f"courses/{taught.slug}/progress/{lesson_id}", json={"position_seconds": 42.25})
    assert answer.status_code == 200
    under_way = await academy.signed_in_api(person=person)
    lessons = (await under_way.get(f"courses/{taught.slug}/progress")).json()["lessons"]
    assert lessons == {lesson_id: {"position_seconds": 42.25, "completed": False}}


async def test_two_devices_at_once_keep_both_lessons(academy: TestAcademy) -> None:
    taught = await published_course(academy, [f"Lesson {number}" for number in range(6)])
    person = await taught.learner()
    devices = [await academy.signed_in_api(person=person) for _ in range(2)]
    ids = [lesson.id for lesson in taught.course.lessons()]
    answers = await asyncio.gather(
        *(
            devices[number % 2].put(
                f"courses/{taught.slug}/progress/{lesson_id}",
                json={"position_seconds": number, "completed": number % 2 == 0},
            )
            for number, lesson_id in enumerate(ids)
        )
    )
    assert [answer.status_code for answer in answers] == [200] * 6
    kept = (await devices[0].get(f"courses/{taught.slug}/progress")).json()
    assert kept == {
        "percent": 50,
        "lessons": {
            lesson_id: {"position_seconds": float(number), "completed": number % 2 == 0}
            for number, lesson_id in enumerate(ids)
        },
    }


async def test_lessons_that_left_the_course_are_not_shown(academy: TestAcademy) -> None:
    taught = await published_course(academy, ["One", "Two"])
    learner = await learner_of(taught)
    one, two = taught.ids("One", "Two")
    path = f"courses/{taught.slug}/progress"
    for lesson_id in (one, two):
        await learner.put(f"{path}/{lesson_id}", json={"completed": True})
    await taught.arrange(["Two", "Three"])
    assert (await learner.get(path)).json() == {
        "percent": 50,
        "lessons": {two: {"position_seconds": 0.0, "completed": True}},
    }
    assert problem(await learner.put(f"{path}/{one}", json={"completed": True})) == (404, "lesson_not_found")


async def test_who_may_ask(academy: TestAcademy) -> None:
    taught = await published_course(academy)
    lesson_id = taught.lesson("One").id
    path = f"courses/{taught.slug}/progress"
    stranger = await academy.signed_in_api()
    teacher = await academy.signed_in_api(person=taught.teacher)
    for client, expected in (
        (academy.api(), (401, "not_signed_in")),
        (stranger, (403, "not_enrolled")),
        (teacher, (403, "not_enrolled")),
    ):
        assert problem(await client.get(path)) == expected
        assert problem(await client.put(f"{path}/{lesson_id}", json={"completed": True})) == expected


async def test_unknown_courses_and_lessons(academy: TestAcademy) -> None:
    taught, other = await published_course(academy), await published_course(academy)
    learner = await learner_of(taught)
    body = {"position_seconds": 1}
    for lesson_id in ("no-such-lesson", "a.b", "$set", other.lesson("One").id):
        answer = await learner.put(f"courses/{taught.slug}/progress/{lesson_id}", json=body)
        assert problem(answer) == (404, "lesson_not_found")
    assert problem(await learner.get("courses/no-such-course/progress")) == (404, "course_not_found")
    answer = await learner.put(f"courses/no-such-course/progress/{taught.lesson('One').id}", json=body)
    assert problem(answer) == (404, "course_not_found")


REFUSED = (
    '{"position_seconds": -0.001}',
    '{"position_seconds": 86400.001}',
    '{"position_seconds": 1e999}',
    '{"position_seconds": NaN}',
    '{"position_seconds": Infinity}',
    '{"position_seconds": "12"}',
    '{"position_seconds": true}',
    '{"position_seconds": {"$ne": null}}',
    '{"position_seconds": [1]}',
    '{"completed": "yes"}',
    '{"completed": 1}',
    '{"completed": {"$ne": null}}',
    '{"position_seconds": 1, "user_id": "someone"}',
    "[]",
    "",
    "{",
    b'{"position_seconds": 1, "\xff": 1}',
    '{"position_seconds": ' + "[" * 50_000,
)


async def test_what_is_no_progress_is_refused(embedded_academy: TestAcademy) -> None:
    taught = await published_course(embedded_academy)
    learner = await learner_of(taught)
    path = f"courses/{taught.slug}/progress"
    headers = {"Content-Type": "application/json"}
    for body in REFUSED:
        answer = await learner.put(f"{path}/{taught.lesson('One').id}", content=body, headers=headers)
        assert problem(answer) == (422, "invalid_input"), body
    assert (await learner.get(path)).json() == {"percent": 0, "lessons": {}}


async def test_a_refusal_names_the_field(embedded_academy: TestAcademy) -> None:
    taught = await published_course(embedded_academy)
    learner = await learner_of(taught)
    path = f"courses/{taught.slug}/progress/{taught.lesson('One').id}"
    for position in (-1, "12"):
        answer = await learner.put(path, json={"position_seconds": position})
        assert [error["field"] for error in answer.json()["errors"]] == ["position_seconds"]
