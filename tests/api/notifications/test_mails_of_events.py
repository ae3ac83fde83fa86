"""What people are told by mail, event by event: once each, in their language, and only what they did not decline."""

from academy.features.accounts.model import Preferences, Topic
from academy.features.payments.model import PaymentReceived
from academy.infrastructure.email.base import InboxMessage
from academy.infrastructure.security.principal import Principal, Role
from academy.kit.money import Money
from tests.academies.courses import published
from tests.academies.in_process import TestAcademy


async def mails_to(academy: TestAcademy, who: Principal) -> list[InboxMessage]:
    await academy.work()
    return [message for message in await academy.messages() if message.to == who.email]


async def prefer(academy: TestAcademy, who: Principal, **preferences: object) -> None:
    await academy.academy.accounts.change(who, preferences=Preferences(**preferences))  # type: ignore[arg-type]


async def test_an_enrolment_is_confirmed_once(academy: TestAcademy) -> None:
    learner, course = await academy.person(), await published(academy)
    for _ in range(3):
        await academy.academy.enrolments.enrol(learner, course.slug)
        await academy.work()
    (mail,) = await mails_to(academy, learner)
    assert mail.subject == f"You are enrolled: {course.title}"
    assert f"/learn/{course.slug}" in mail.text


async def test_a_receipt_follows_the_payment_once_in_the_payers_language(academy: TestAcademy) -> None:
    learner, course = await academy.person(), await published(academy)
    await prefer(academy, learner, language="hi")
    paid = PaymentReceived(
        transaction_id="01900000-0000-7000-8000-000000000001",
        user_id=learner.user_id,
        course_id=course.id,
        amount=Money(amount=149_900, currency="INR"),
        invoice_number="2026-000042",
        paid_at=academy.clock.now(),
    )
    for _ in range(2):
        await academy.academy.jobs.publish(paid)
        (mail,) = await mails_to(academy, learner)
    for fact in ("2026-000042", paid.transaction_id, "₹1,499.00", course.title):
        assert fact in mail.text
        assert fact in mail.html
    assert "नमस्ते" in mail.text


async def test_who_finishes_a_course_is_congratulated_unless_they_declined(academy: TestAcademy) -> None:
    course = await published(academy)
    glad, quiet = await academy.person(), await academy.person()
    await prefer(academy, quiet, declined=[Topic.COURSE_COMPLETED])
    for learner in (glad, quiet):
        await academy.academy.enrolments.enrol(learner, course.slug)
        for _ in range(2):
            for lesson in course.lessons():
                await academy.academy.learning.record(learner, course.slug, lesson.id, completed=True)
    subjects = {who.email: sorted(m.subject for m in await mails_to(academy, who)) for who in (glad, quiet)}
    assert subjects[glad.email] == [f"You are enrolled: {course.title}", f"You finished {course.title}"]
    assert subjects[quiet.email] == [f"You are enrolled: {course.title}"]


async def test_teachers_hear_of_a_first_review_and_not_of_its_changes(academy: TestAcademy) -> None:
    teacher = await academy.person(Role.INSTRUCTOR)
    course, learner = await published(academy, teacher), await academy.person()
    await academy.academy.enrolments.enrol(learner, course.slug)
    await academy.academy.reviews.write(learner, course.slug, 4, "Good.")
    await academy.academy.reviews.write(learner, course.slug, 5, "Better.")
    (mail,) = await mails_to(academy, teacher)
    assert mail.subject == f"A new review of {course.title}"
    assert "4 of 5 stars" in mail.text
    await prefer(academy, teacher, language="hi")
    other = await academy.person()
    await academy.academy.enrolments.enrol(other, course.slug)
    await academy.academy.reviews.write(other, course.slug, 1, "")
    newest = (await mails_to(academy, teacher))[0]
    assert "5 में से 1" in newest.text


async def test_a_suspended_account_is_not_notified(academy: TestAcademy) -> None:
    admin, teacher = await academy.person(Role.ADMIN), await academy.person(Role.INSTRUCTOR)
    course, learner = await published(academy, teacher), await academy.person()
    await academy.academy.enrolments.enrol(learner, course.slug)
    await academy.academy.admin.suspend(admin, teacher.user_id)
    await academy.academy.reviews.write(learner, course.slug, 4, "Good.")
    assert await mails_to(academy, teacher) == []
