"""Mail from its cause to the provider: written once, sent by a job, tried again, given up, sent again."""

import re

import pytest

from academy.infrastructure.database.errors import InvalidCursor
from academy.infrastructure.email.model import MailState
from academy.infrastructure.email.service import SEND_MAIL, SendMail
from academy.infrastructure.jobs.model import JobStatus
from academy.kit.errors import ConflictError, InvalidError, NotFoundError
from tests.contracts.email.post_office import PostOffice
from tests.contracts.jobs.workshop import effect

ASHA = "asha@example.com"
COURSE = "https://rtechacademy.com/learn/python"


class CauseFailed(Exception):
    """The cause of a mail does not happen."""


async def send_code(office: PostOffice) -> None:
    await office.email.send_otp(ASHA, "Asha", "048213", "Use it to confirm your address.", 10)


async def test_a_mail_is_written_with_its_cause_and_sent_by_a_job(office: PostOffice) -> None:
    async def work() -> None:
        await office.workshop.effects.insert(effect(office.clock, 1))
        await office.email.send_welcome(ASHA, "Asha")

    await office.workshop.database.transaction(work)
    assert office.provider.offered == [], "nothing is sent inside the transaction"
    mail = await office.only_mail()
    assert (mail.template, mail.to, mail.state, mail.attempts) == ("welcome", ASHA, MailState.QUEUED, 0)

    office.clock.move(seconds=1)
    await office.work()
    sent = await office.only_mail()
    assert (sent.state, sent.provider, sent.attempts, sent.sent_at, sent.last_error) == (
        MailState.SENT,
        "unreliable",
        1,
        office.clock.now(),
        "",
    )
    (offered,) = office.provider.offered
    assert (offered.to, offered.subject) == (ASHA, "Welcome to Rtech Academy")
    assert (offered.sender, offered.sender_name) == ("post@mail.example", "Rtech Academy")
    assert (offered.text, offered.html) == (mail.text, mail.html)
    assert re.fullmatch(r"<[0-9a-f-]{36}@mail\.example>", offered.message_id)
    assert len(await office.inbox.messages()) == 1


async def test_without_its_cause_there_is_no_mail(office: PostOffice) -> None:
    async def work() -> None:
        await office.email.send_welcome(ASHA, "Asha")
        raise CauseFailed

    with pytest.raises(CauseFailed):
        await office.workshop.database.transaction(work)
    assert await office.mails.count({}) == await office.workshop.jobs.count({}) == 0


async def test_a_job_that_runs_again_sends_no_second_mail(office: PostOffice) -> None:
    await office.email.send_welcome(ASHA, "Asha")
    await office.work()
    mail = await office.only_mail()
    await office.email.handle_send_mail(SendMail(mail.id))
    await office.email.handle_send_mail(SendMail("01900000-0000-7000-8000-000000000000"))
    assert len(office.provider.offered) == 1


async def test_a_technical_failure_is_tried_again_under_the_same_message_id(office: PostOffice) -> None:
    office.provider.is_down = True
    await office.email.send_welcome(ASHA, "Asha")
    await office.work(hours=1)
    waiting = await office.only_mail()
    assert (waiting.state, waiting.attempts, waiting.last_error) == (
        MailState.QUEUED,
        2,
        "The server does not answer.",
    )
    office.provider.is_down = False
    await office.work(hours=1)
    sent = await office.only_mail()
    assert (sent.state, sent.attempts, sent.last_error) == (MailState.SENT, 3, "")
    assert len(office.provider.offered) == 3
    assert {message.message_id for message in office.provider.offered} == {sent.message_id}
    assert len(await office.inbox.messages()) == 1


async def test_a_mail_that_never_leaves_is_given_up_and_can_be_sent_later(office: PostOffice) -> None:
    office.provider.is_down = True
    await office.email.send_welcome(ASHA, "Asha")
    await office.work(hours=SEND_MAIL.max_attempts + 2)
    mail = await office.only_mail()
    assert len(office.provider.offered) == SEND_MAIL.max_attempts
    assert (mail.state, mail.last_error) == (MailState.FAILED, "The server does not answer.")
    (job,) = await office.workshop.all_jobs()
    assert job.status is JobStatus.DEAD

    office.provider.is_down = False
    await office.workshop.queue.retry(job.id)
    await office.work()
    assert (await office.only_mail()).state is MailState.SENT
    assert len(await office.inbox.messages()) == 1


async def test_a_refusal_is_noted_and_not_tried_again(office: PostOffice) -> None:
    office.provider.refused = {ASHA}
    await office.email.send_welcome(ASHA, "Asha")
    await office.work(hours=3)
    mail = await office.only_mail()
    assert (mail.state, mail.attempts, mail.sent_at) == (MailState.FAILED, 1, None)
    assert mail.last_error == "There is no such mailbox."
    assert len(office.provider.offered) == 1
    assert await office.workshop.queue.counts() == {"done": 1}


@pytest.mark.parametrize("ending", ["sent", "refused", "given up"])
async def test_a_code_is_forgotten_when_its_mail_has_ended(office: PostOffice, ending: str) -> None:
    office.provider.refused = {ASHA} if ending == "refused" else set()
    office.provider.is_down = ending == "given up"
    await send_code(office)
    assert "048213" in await office.stored_text(), "it has to be sent yet"
    await office.work(hours=10)
    assert "048213" not in await office.stored_text()
    assert "048213" in office.provider.offered[0].subject
    assert "048213" in office.provider.offered[0].text
    mail = await office.only_mail()
    assert (mail.subject, mail.html) == ("Your code for Rtech Academy", "")
    assert mail.state is (MailState.SENT if ending == "sent" else MailState.FAILED)

    tried = len(office.provider.offered)
    office.provider.is_down = False
    await office.email.handle_send_mail(SendMail(mail.id))
    assert len(office.provider.offered) == tried, "there is nothing left to send"


async def test_the_log_never_shows_a_code(office: PostOffice) -> None:
    await send_code(office)
    (listed,) = (await office.email.list_mail()).items
    assert listed.state is MailState.QUEUED
    assert "048213" not in f"{listed.subject} {listed.text} {listed.html}"
    assert listed.subject == "Your code for Rtech Academy"


async def test_the_log_is_listed_by_pages_newest_first(office: PostOffice) -> None:
    office.provider.refused = {"3@example.com"}
    for number in range(5):
        await office.email.send_welcome(f"{number}@example.com", "Asha")
        office.clock.move(seconds=1)
    await office.work()
    page = await office.email.list_mail(limit=2)
    rest = await office.email.list_mail(limit=9, cursor=page.next_cursor)
    assert [mail.to for mail in [*page.items, *rest.items]] == [f"{n}@example.com" for n in (4, 3, 2, 1, 0)]
    assert rest.next_cursor is None
    failed = await office.email.list_mail(state=MailState.FAILED)
    assert [mail.to for mail in failed.items] == ["3@example.com"]
    assert len((await office.email.list_mail(state=MailState.SENT)).items) == 4
    with pytest.raises(InvalidCursor):
        await office.email.list_mail(cursor="nonsense")


async def test_a_sent_mail_is_sent_again_as_a_new_message(office: PostOffice) -> None:
    await office.email.send_enrolment_confirmation(ASHA, "Asha", "Python", COURSE)
    await office.work()
    mail = await office.only_mail()
    await office.email.resend(mail.id)
    with pytest.raises(ConflictError, match="waits"):
        await office.email.resend(mail.id)
    await office.work()
    again = await office.only_mail()
    assert (again.state, again.attempts, again.text) == (MailState.SENT, 2, mail.text)
    assert again.message_id != mail.message_id
    assert len(await office.inbox.messages()) == 2, "whoever lost the first finds the second"


async def test_a_failed_mail_is_sent_again_under_its_message_id(office: PostOffice) -> None:
    office.provider.refused = {ASHA}
    await office.email.send_welcome(ASHA, "Asha")
    await office.work()
    mail = await office.only_mail()
    office.provider.refused = set()
    await office.email.resend(mail.id)
    assert (await office.only_mail()).last_error == ""
    await office.work()
    again = await office.only_mail()
    assert (again.state, again.message_id) == (MailState.SENT, mail.message_id)


async def test_what_cannot_be_sent_again(office: PostOffice) -> None:
    with pytest.raises(NotFoundError):
        await office.email.resend("01900000-0000-7000-8000-000000000000")
    await office.email.send_welcome(ASHA, "Asha")
    with pytest.raises(ConflictError, match="waits"):
        await office.email.resend((await office.only_mail()).id)
    await office.mails.delete_many({})
    await send_code(office)
    for _ in range(2):
        with pytest.raises(ConflictError, match="one-time code"):
            await office.email.resend((await office.only_mail()).id)
        await office.work()


async def test_every_kind_of_mail_arrives(office: PostOffice) -> None:
    await send_code(office)
    await office.email.send_welcome(ASHA, "Asha")
    await office.email.send_enrolment_confirmation(ASHA, "Asha", "Python\n for you", COURSE)
    await office.email.send_notification(ASHA, "Asha", "News", "A lesson was added.", "Open it", COURSE)
    await office.work()
    assert sorted(message.subject for message in await office.inbox.messages()) == [
        "048213 is your code for Rtech Academy",
        "News",
        "Welcome to Rtech Academy",
        "You are enrolled: Python for you",
    ]


async def test_a_subject_of_two_lines_is_refused_before_anything_is_written(office: PostOffice) -> None:
    with pytest.raises(InvalidError):
        await office.email.send_notification(ASHA, "Asha", "News\r\nBcc: all@example.com", "Text.", "Open", COURSE)
    assert await office.mails.count({}) == 0


async def test_health_is_that_of_the_provider(office: PostOffice) -> None:
    assert await office.email.health_check() == ""
    office.provider.is_down = True
    assert await office.email.health_check() == "The server does not answer."


async def test_the_mails_to_an_address_are_told_and_forgotten(office: PostOffice) -> None:
    await office.email.send_welcome("maya@example.com", "Maya")
    await office.email.send_welcome(ASHA, "Asha")
    office.clock.move(seconds=1)
    await send_code(office)
    told = await office.email.log_of(ASHA)
    assert [(one["subject"], one["state"]) for one in told] == [
        ("Your code for Rtech Academy", "queued"),
        ("Welcome to Rtech Academy", "queued"),
    ]
    await office.email.forget([ASHA, "asha@former.example"])
    assert await office.email.log_of(ASHA) == []
    assert [mail.to for mail in (await office.email.list_mail()).items] == ["maya@example.com"]
    await office.work()
    assert [message.to for message in await office.inbox.messages()] == ["maya@example.com"]


async def test_every_query_is_served_by_an_index(office: PostOffice) -> None:
    for number in range(30):
        await office.email.send_welcome(f"{number}@example.com", "Asha")
    for query in ({}, {"state": MailState.FAILED}, {"to": ASHA}):
        plan = await office.mails.explain(query, sort=("-created_at",))
        assert not plan.scans_collection, (query, plan)
        assert not plan.sorts_in_memory, (query, plan)
