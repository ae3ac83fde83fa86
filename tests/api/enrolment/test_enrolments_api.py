"""Enrolling over the API: once, whatever is clicked how often; on both engines."""

import asyncio

import pytest

from academy.features.courses.model import Course
from academy.features.enrolment.model import Enrolment, EnrolmentStatus
from academy.infrastructure.security.principal import Principal, Role
from tests.academies.courses import PAID, draft, enrolled_learner, published, stored
from tests.academies.in_process import TestAcademy

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def confirmations(academy: TestAcademy, learner: Principal, course: Course) -> int:
    """How many mails about the course the learner got."""
    await academy.work()
    mails = await academy.messages()
    return sum(mail.to == learner.email and course.title in mail.subject + mail.text for mail in mails)


async def test_the_first_time_answers_201_and_then_200_with_the_same_enrolment(shared_academy: TestAcademy) -> None:
    course = await published(shared_academy)
    learner = await shared_academy.person()
    api = await shared_academy.signed_in_api(person=learner)
    first = await api.post(f"courses/{course.slug}/enrolments")
    second = await api.post(f"courses/{course.slug}/enrolments")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    body = first.json()
    assert set(body) == {"id", "course", "course_id", "status", "enrolled_at"}
    assert (body["course"], body["course_id"], body["status"]) == (course.slug, course.id, "active")
    assert (await api.get("me/enrolments")).json() == {"items": [body], "next_cursor": None}
    assert (await stored(shared_academy, course)).enrolment_count == 1
    assert await confirmations(shared_academy, learner, course) == 1


async def test_a_double_click_is_one_enrolment_one_mail_one_learner(shared_academy: TestAcademy) -> None:
    course = await published(shared_academy)
    learner = await shared_academy.person()
    api = await shared_academy.signed_in_api(person=learner)
    answers = await asyncio.gather(*(api.post(f"courses/{course.slug}/enrolments") for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len((await api.get("me/enrolments")).json()["items"]) == 1
    assert (await stored(shared_academy, course)).enrolment_count == 1
    assert await confirmations(shared_academy, learner, course) == 1


async def test_many_learners_at_once_are_all_counted(shared_academy: TestAcademy) -> None:
    course = await published(shared_academy)
    apis = [await shared_academy.signed_in_api() for _ in range(10)]
    answers = await asyncio.gather(*(api.post(f"courses/{course.slug}/enrolments") for api in apis))
    assert [answer.status_code for answer in answers] == [201] * 10
    assert (await stored(shared_academy, course)).enrolment_count == 10


async def test_a_paid_course_asks_to_be_bought(shared_academy: TestAcademy) -> None:
    course = await published(shared_academy, price=PAID)
    learner = await shared_academy.person()
    api = await shared_academy.signed_in_api(person=learner)
    answer = await api.post(f"courses/{course.slug}/enrolments")
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_needed")
    assert "buy it on its page" in answer.json()["detail"]
    assert (await api.get("me/enrolments")).json()["items"] == []
    assert await confirmations(shared_academy, learner, course) == 0


async def test_who_is_in_a_course_that_turns_paid_stays_in(shared_academy: TestAcademy) -> None:
    teacher = await shared_academy.person(Role.INSTRUCTOR)
    course = await published(shared_academy, teacher)
    learner = await enrolled_learner(shared_academy, course)
    await shared_academy.academy.courses.change(teacher, course.slug, {"price": PAID})
    api = await shared_academy.signed_in_api(person=learner)
    assert (await api.post(f"courses/{course.slug}/enrolments")).status_code == 200


async def test_strangers_sign_in_first(shared_academy: TestAcademy) -> None:
    course = await published(shared_academy)
    assert (await shared_academy.api().post(f"courses/{course.slug}/enrolments")).status_code == 401
    assert (await shared_academy.api().get("me/enrolments")).status_code == 401


async def test_only_what_is_in_the_catalogue_can_be_enrolled_in(shared_academy: TestAcademy) -> None:
    teacher = await shared_academy.person(Role.INSTRUCTOR)
    hidden, gone = await draft(shared_academy, teacher), await published(shared_academy, teacher)
    await shared_academy.academy.courses.unpublish(teacher, gone.slug)
    api = await shared_academy.signed_in_api()
    for slug, expected in (("unknown", 404), (hidden.slug, 404), (gone.slug, 409)):
        assert (await api.post(f"courses/{slug}/enrolments")).status_code == expected
    own = await shared_academy.signed_in_api(person=teacher)
    assert (await own.post(f"courses/{hidden.slug}/enrolments")).status_code == 409


async def test_a_revoked_enrolment_is_opened_again_when_access_is_given_again(shared_academy: TestAcademy) -> None:
    course = await published(shared_academy)
    learner = await enrolled_learner(shared_academy, course)
    enrolments = shared_academy.academy.database.collection(Enrolment)
    await enrolments.update_one(
        {"user_id": learner.user_id}, {"$set": {"status": EnrolmentStatus.REVOKED.value, "revoked_at": None}}
    )
    api = await shared_academy.signed_in_api(person=learner)
    assert (await api.get(f"courses/{course.slug}/progress")).status_code == 403
    answer = await api.post(f"courses/{course.slug}/enrolments")
    assert (answer.status_code, answer.json()["status"]) == (201, "active")
    assert (await api.get(f"courses/{course.slug}/progress")).status_code == 200


async def test_my_enrolments_are_mine_and_come_in_pages(shared_academy: TestAcademy) -> None:
    learner = await shared_academy.person()
    courses = [await published(shared_academy) for _ in range(3)]
    for course in courses:
        shared_academy.clock.move(seconds=1)
        await shared_academy.academy.enrolments.grant(learner, course)
        await enrolled_learner(shared_academy, course)
    api = await shared_academy.signed_in_api(person=learner)
    first = (await api.get("me/enrolments", params={"limit": 2})).json()
    second = (await api.get("me/enrolments", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    seen = [item["course"] for item in [*first["items"], *second["items"]]]
    assert seen == [course.slug for course in reversed(courses)]
    assert second["next_cursor"] is None
    assert (await api.get("me/enrolments", params={"cursor": "garbage"})).status_code == 422


async def test_a_deleted_account_leaves_no_enrolment_and_no_count(shared_academy: TestAcademy) -> None:
    course = await published(shared_academy)
    learner = await enrolled_learner(shared_academy, course)
    await enrolled_learner(shared_academy, course)
    await shared_academy.academy.enrolments.forget_user(learner.user_id)
    assert (await shared_academy.academy.enrolments.of_user(learner.user_id)).items == []
    assert (await stored(shared_academy, course)).enrolment_count == 1
