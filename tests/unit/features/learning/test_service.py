"""Progress through edits of the course, the dashboard, and who may open what."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from academy.features.courses.errors import LessonNotFound
from academy.features.enrolment.errors import NotEnrolled
from academy.features.enrolment.model import Enrolment, EnrolmentStatus
from academy.features.learning.errors import LessonLocked
from academy.features.learning.model import LessonCompleted
from academy.features.learning.service import percent_done
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import InvalidError
from tests.academies.in_process import TestAcademy
from tests.unit.features.learning.taught import Taught, published_course

T = TypeVar("T")


async def revoke(academy: TestAcademy, learner: Principal, taught: Taught) -> None:
    enrolments = academy.academy.database.collection(Enrolment)
    assert await enrolments.update_one(
        {"user_id": learner.user_id, "course_id": taught.course.id}, {"$set": {"status": EnrolmentStatus.REVOKED.value}}
    )


async def complete(academy: TestAcademy, learner: Principal, taught: Taught, *titles: str) -> None:
    for lesson_id in taught.ids(*titles):
        await academy.academy.learning.record(learner, taught.slug, lesson_id, completed=True)


async def test_no_edit_of_the_course_loses_progress(embedded_academy: TestAcademy) -> None:
    learning = embedded_academy.academy.learning
    taught = await published_course(embedded_academy, ["One", "Two"], ["Three", "Four"])
    learner = await taught.learner()
    one, two, three, four = taught.ids("One", "Two", "Three", "Four")
    await complete(embedded_academy, learner, taught, "One")
    await learning.record(learner, taught.slug, three, position_seconds=41.5)

    async def held() -> tuple[int, dict[str, tuple[float, bool]]]:
        course, progress = await learning.progress(learner, taught.slug)
        assert progress is not None
        kept = {lesson_id: (p.position_seconds, p.completed) for lesson_id, p in progress.lessons.items()}
        return percent_done(course, progress), kept

    before = {one: (0.0, True), three: (41.5, False)}
    assert await held() == (25, before)
    await taught.arrange(["Three", "Four"], ["Two", "One"])  # moved, in new sections
    assert await held() == (25, before)
    await taught.arrange(["One", "Two", "Three", "Four"], renamed={"One": "First", "Three": "Third"})
    assert await held() == (25, before)
    await taught.arrange(["First", "Two", "Third", "Four", "Five"])  # added
    assert await held() == (20, before)
    await taught.arrange(["First", "Third"])  # removed: undone ones
    assert await held() == (50, before)
    await taught.arrange(["Third"])  # removed: the done one
    assert await held() == (0, before)
    await embedded_academy.academy.courses.unpublish(taught.teacher, taught.slug)
    assert await held() == (0, before)
    for gone in (one, two, four):
        with pytest.raises(LessonNotFound):
            await learning.record(learner, taught.slug, gone, completed=True)


async def test_what_is_not_told_stays_as_it_was(embedded_academy: TestAcademy) -> None:
    learning = embedded_academy.academy.learning
    taught = await published_course(embedded_academy)
    learner = await taught.learner()
    lesson_id = taught.lesson("One").id

    async def record(position_seconds: float | None, completed: bool | None) -> tuple[float, bool]:
        _, stored = await learning.record(
            learner, taught.slug, lesson_id, position_seconds=position_seconds, completed=completed
        )
        return stored.lessons[lesson_id].position_seconds, stored.lessons[lesson_id].completed

    assert await record(None, None) == (0.0, False)
    assert await record(12.5, None) == (12.5, False)
    assert await record(None, True) == (12.5, True)
    assert await record(30.0, None) == (30.0, True)
    assert await record(None, False) == (30.0, False)


async def test_a_position_lies_in_a_day(embedded_academy: TestAcademy) -> None:
    taught = await published_course(embedded_academy)
    learner, lesson_id = await taught.learner(), taught.lesson("One").id
    for position in (-0.1, 86_400.1, float("nan"), float("inf"), float("-inf")):
        with pytest.raises(InvalidError) as caught:
            await embedded_academy.academy.learning.record(learner, taught.slug, lesson_id, position_seconds=position)
        assert set(caught.value.fields) == {"position_seconds"}


async def test_completion_is_told_once_and_the_course_marked_when_all_is_done(academy: TestAcademy) -> None:
    told: list[str] = []

    async def hear(event: LessonCompleted) -> None:
        told.append(event.lesson_id)

    academy.academy.jobs.subscribe(LessonCompleted, "test", hear)
    learning = academy.academy.learning
    taught = await published_course(academy, ["One", "Two"])
    learner = await taught.learner()
    one, two = taught.ids("One", "Two")
    await asyncio.gather(
        *(learning.record(learner, taught.slug, one, position_seconds=n, completed=True) for n in range(6))
    )
    _, stored = await learning.record(learner, taught.slug, one, position_seconds=3.0)
    assert stored.completed_at is None
    await academy.work()
    assert told == [one]
    _, stored = await learning.record(learner, taught.slug, two, completed=True)
    finished = stored.completed_at
    assert finished is not None
    academy.clock.move(days=1)
    await learning.record(learner, taught.slug, two, completed=False)
    _, stored = await learning.record(learner, taught.slug, two, completed=True)
    assert stored.completed_at == finished, "the course was finished on the day it was first finished"


async def test_two_devices_lose_nothing_of_each_other(academy: TestAcademy) -> None:
    learning = academy.academy.learning
    titles = [f"Lesson {number}" for number in range(8)]
    taught = await published_course(academy, titles)
    learner = await taught.learner()
    ids = taught.ids(*titles)
    await asyncio.gather(
        *(
            learning.record(learner, taught.slug, lesson_id, position_seconds=float(number), completed=number % 2 == 0)
            for number, lesson_id in enumerate(ids)
        )
    )
    course, progress = await learning.progress(learner, taught.slug)
    assert progress is not None
    kept = [(progress.lessons[x].position_seconds, progress.lessons[x].completed) for x in ids]
    assert kept == [(float(number), number % 2 == 0) for number in range(8)]
    assert percent_done(course, progress) == 50


async def test_the_dashboard_begins_with_what_was_touched_last(embedded_academy: TestAcademy) -> None:
    learning = embedded_academy.academy.learning
    first, second, third, refunded = [await published_course(embedded_academy) for _ in range(4)]
    learner = await first.learner()
    for taught in (second, third, refunded):
        await embedded_academy.academy.enrolments.grant(learner, taught.course)
    await complete(embedded_academy, learner, refunded, "One")
    embedded_academy.clock.move(minutes=1)
    await complete(embedded_academy, learner, second, "One", "Two", "Three")
    embedded_academy.clock.move(minutes=1)
    two = first.lesson("Two").id
    await learning.record(learner, first.slug, two, position_seconds=15.5)
    await revoke(embedded_academy, learner, refunded)

    shown = await learning.dashboard(learner)
    assert [item.course.id for item in shown] == [first.course.id, second.course.id, third.course.id]
    assert [(item.percent, item.done) for item in shown] == [(0, 0), (100, 3), (0, 0)]
    now = shown[0]
    assert now.next_lesson is not None
    assert now.next_lesson.id == two
    # A text counts as a minute: three lessons, of one of which 15.5 s are over.
    assert (now.lesson_seconds_left, now.seconds_left) == (44.5, 164.5)
    assert shown[1].seconds_left == 0


async def test_a_position_beyond_the_end_leaves_no_negative_time(embedded_academy: TestAcademy) -> None:
    taught = await published_course(embedded_academy)
    learner = await taught.learner()
    learning = embedded_academy.academy.learning
    await learning.record(learner, taught.slug, taught.lesson("One").id, position_seconds=5000)
    (shown,) = await learning.dashboard(learner)
    assert (shown.lesson_seconds_left, shown.seconds_left) == (0, 120)


async def test_who_may_open_which_lesson(embedded_academy: TestAcademy) -> None:
    learning = embedded_academy.academy.learning
    taught = await published_course(embedded_academy)
    await taught.preview("One")
    one, two = taught.ids("One", "Two")
    learner, stranger = await taught.learner(), await embedded_academy.person()
    gone = await taught.learner()
    await revoke(embedded_academy, gone, taught)

    async def opens(lesson_id: str) -> list[bool]:
        return [
            await _may_open(learning.open_lesson, who, taught.slug, lesson_id)
            for who in (taught.teacher, learner, gone, stranger, None)
        ]

    assert await opens(one) == [True, True, True, True, True]
    assert await opens(two) == [True, True, False, False, False]
    await embedded_academy.academy.courses.unpublish(taught.teacher, taught.slug)
    assert await opens(one) == [True, True, False, False, False], "what left the catalogue is its learners' only"
    for who in (gone, stranger, taught.teacher):
        with pytest.raises(NotEnrolled):
            await learning.record(who, taught.slug, two, completed=True)
        with pytest.raises(NotEnrolled):
            await learning.progress(who, taught.slug)


async def _may_open(open_lesson: Callable[..., Any], who: Principal | None, slug: str, lesson_id: str) -> bool:
    try:
        await open_lesson(who, slug, lesson_id)
    except LessonLocked:
        return False
    return True


async def test_a_lesson_knows_its_neighbours(embedded_academy: TestAcademy) -> None:
    learning = embedded_academy.academy.learning
    taught = await published_course(embedded_academy, ["One"], ["Two", "Three"])
    found = [await learning.open_lesson(taught.teacher, taught.slug, x.id) for x in taught.course.lessons()]
    titles = [(o.previous.title if o.previous else "", o.number, o.next.title if o.next else "") for o in found]
    assert titles == [("", 1, "Two"), ("One", 2, "Three"), ("Two", 3, "")]
