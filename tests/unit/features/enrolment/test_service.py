"""Enrolling is one transaction: all of it happens, or nothing."""

import asyncio

import pytest

from academy.features.courses.errors import CourseNotFound
from academy.features.enrolment.model import Enrolment, EnrolmentStatus
from academy.features.enrolment.service import EnrolmentService
from academy.infrastructure.database.base import LARGEST_PAGE
from academy.infrastructure.jobs.base import Event
from academy.infrastructure.jobs.queue import DatabaseJobQueue
from academy.infrastructure.security.principal import Role
from academy.kit.ids import new_id
from tests.academies.courses import PAID, published, stored
from tests.academies.in_process import TestAcademy
from tests.academies.shared import shared_academy

__all__ = ["shared_academy"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


class NewsLost(Exception):
    """The event could not be written down."""


class BrokenQueue(DatabaseJobQueue):
    """Cannot write anything down."""

    async def publish(self, event: Event) -> None:
        raise NewsLost


async def test_without_its_event_there_is_no_enrolment(shared_academy: TestAcademy) -> None:
    course, learner = await published(shared_academy), await shared_academy.person()
    academy = shared_academy.academy
    queue = BrokenQueue(academy.database, shared_academy.clock)
    enrolments = EnrolmentService(academy.database, shared_academy.clock, academy.courses, queue)
    with pytest.raises(NewsLost):
        await enrolments.enrol(learner, course.slug)
    assert not await academy.enrolments.is_enrolled(learner.user_id, course.id)
    assert (await stored(shared_academy, course)).enrolment_count == 0


async def test_nobody_is_enrolled_in_a_course_that_was_deleted_meanwhile(
    shared_academy: TestAcademy,
) -> None:
    teacher = await shared_academy.person(Role.INSTRUCTOR)
    course, learner = await published(shared_academy, teacher), await shared_academy.person()
    await shared_academy.academy.courses.delete(teacher, course.slug)
    with pytest.raises(CourseNotFound):
        await shared_academy.academy.enrolments.grant(learner, course)
    assert (await shared_academy.academy.enrolments.of_user(learner.user_id)).items == []


async def test_granting_opens_a_paid_course_once(shared_academy: TestAcademy) -> None:
    course, learner = await published(shared_academy, price=PAID), await shared_academy.person()
    grants = await asyncio.gather(*(shared_academy.academy.enrolments.grant(learner, course) for _ in range(5)))
    assert sorted(is_new for _, is_new in grants) == [False] * 4 + [True]
    assert len({enrolment.id for enrolment, _ in grants}) == 1
    assert (await stored(shared_academy, course)).enrolment_count == 1


async def test_it_tells_in_which_courses_somebody_is(shared_academy: TestAcademy) -> None:
    learner = await shared_academy.person()
    mine, other = await published(shared_academy), await published(shared_academy)
    await shared_academy.academy.enrolments.enrol(learner, mine.slug)
    asked = [mine.id, other.id, "unknown"]
    assert await shared_academy.academy.enrolments.enrolled_in(learner.user_id, asked) == {mine.id}
    assert await shared_academy.academy.enrolments.enrolled_in(learner.user_id, []) == set()


async def test_an_account_with_more_courses_than_a_page_holds_is_wholly_forgotten(
    shared_academy: TestAcademy,
) -> None:
    academy, learner = shared_academy.academy, await shared_academy.person()
    courses = [await published(shared_academy) for _ in range(2)]
    await academy.enrolments.grant(learner, courses[0])
    now = shared_academy.clock.now()
    others = [
        Enrolment(user_id=learner.user_id, course_id=new_id(), course_slug="other", created_at=now, updated_at=now)
        for _ in range(LARGEST_PAGE)
    ]
    await academy.database.collection(Enrolment).insert_many(others)
    await academy.enrolments.grant(learner, courses[1])
    await academy.database.transaction(lambda: academy.enrolments.forget_user(learner.user_id))
    assert (await academy.enrolments.of_user(learner.user_id)).items == []
    assert [(await stored(shared_academy, course)).enrolment_count for course in courses] == [0, 0]


async def test_a_revoked_enrolment_was_counted_off_already(shared_academy: TestAcademy) -> None:
    academy, learner, course = shared_academy.academy, await shared_academy.person(), await published(shared_academy)
    await academy.enrolments.grant(learner, course)
    enrolments = academy.database.collection(Enrolment)
    await enrolments.update_one({"user_id": learner.user_id}, {"$set": {"status": EnrolmentStatus.REVOKED.value}})
    await academy.courses.count_enrolment(course.id, -1)
    await academy.enrolments.forget_user(learner.user_id)
    assert (await stored(shared_academy, course)).enrolment_count == 0
