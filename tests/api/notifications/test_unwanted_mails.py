"""Between the writing of a mail and its leaving people decline, and accounts are shut: that counts, too."""

import pytest

from academy.features.accounts.model import Preferences, Topic, User
from academy.infrastructure.email.batches import Announcement
from academy.infrastructure.email.log import MailFilter
from academy.infrastructure.email.model import MailState
from academy.infrastructure.security.principal import Principal, Role
from tests.academies.courses import published
from tests.academies.in_process import PASSWORD, TestAcademy

NEWS = Announcement(title="News", message="Hello {{ name }}.", action="Open", action_url="https://academy.test/")


async def decline(academy: TestAcademy, who: Principal, *topics: Topic) -> None:
    await academy.academy.accounts.change(who, preferences=Preferences(declined=list(topics)))


async def outcome(academy: TestAcademy, who: Principal, kind: str = "notification") -> tuple[MailState, str]:
    """Sends what waits and returns how the mail to somebody ended."""
    await academy.work()
    mails = (await academy.academy.email.log.page(MailFilter(to=who.email))).items
    (mail,) = [mail for mail in mails if mail.kind == kind]
    return mail.state, mail.last_error


async def announced(academy: TestAcademy) -> Principal:
    """Returns somebody to whom an announcement is written, and not sent yet."""
    person = await academy.person()
    await academy.academy.notifications.announce_to_all(NEWS)
    return person


async def test_who_declines_before_it_leaves_does_not_get_it(academy: TestAcademy) -> None:
    person, other = await academy.person(), await announced(academy)
    await decline(academy, person, Topic.ANNOUNCEMENTS)
    await decline(academy, other, Topic.COURSE_COMPLETED)
    told = "Its recipient declined mail about news from the academy."
    assert await outcome(academy, person) == (MailState.SUPPRESSED, told)
    assert await outcome(academy, other) == (MailState.SENT, "")


@pytest.mark.parametrize("goes_on", [False, True])
async def test_a_suspended_account_gets_no_notification_until_it_is_open_again(
    academy: TestAcademy, goes_on: bool
) -> None:
    admin, person = await academy.person(Role.ADMIN), await announced(academy)
    await academy.academy.admin.suspend(admin, person.user_id)
    if goes_on:
        await academy.academy.administration.unsuspend(admin.user_id, person.user_id)
        assert await outcome(academy, person) == (MailState.SENT, "")
    else:
        told = "The account of its recipient is suspended."
        assert await outcome(academy, person) == (MailState.SUPPRESSED, told)


async def test_a_notification_does_not_follow_an_account_that_has_got_another_address(academy: TestAcademy) -> None:
    person = await announced(academy)
    new = {"email": "new@example.com", "email_key": "new@example.com"}
    await academy.academy.database.collection(User).update_one({"id": person.user_id}, {"$set": new})
    told = "The account of its recipient has got another address."
    assert await outcome(academy, person) == (MailState.SUPPRESSED, told)


async def test_confirmations_always_leave(academy: TestAcademy) -> None:
    person, course = await academy.person(), await published(academy)
    await decline(academy, person, *Topic)
    await academy.academy.enrolments.enrol(person, course.slug)
    assert await outcome(academy, person, "enrolment") == (MailState.SENT, "")


async def test_a_mail_that_was_written_while_its_account_was_deleted_stays(academy: TestAcademy) -> None:
    person = await academy.person()
    to = (await academy.academy.accounts.user(person.user_id)).as_recipient()
    await academy.academy.accounts.delete(person, PASSWORD)
    await academy.academy.email.send_welcome(to)
    told = "The account of its recipient was deleted."
    assert await outcome(academy, person, "welcome") == (MailState.SUPPRESSED, told)


async def test_an_admin_who_sends_it_again_hears_why_not(academy: TestAcademy) -> None:
    person = await announced(academy)
    await academy.work()
    (mail,) = (await academy.academy.email.log.page(MailFilter(to=person.email))).items
    await decline(academy, person, Topic.ANNOUNCEMENTS)
    api = await academy.signed_in_api(Role.ADMIN)
    answer = await api.post(f"admin/mail/{mail.id}/resend")
    assert answer.status_code == 409
    assert "declined mail about news from the academy" in answer.text
    assert len([message for message in await academy.messages() if message.to == person.email]) == 1
