"""Mail from its cause to the provider: written once, sent by a job, tried again, given up."""

import asyncio
import re
from datetime import timedelta

import pytest

from academy.infrastructure.email.base import Recipient
from academy.infrastructure.email.model import MailState
from academy.infrastructure.email.sending import SEND_MAIL, SendMail
from academy.infrastructure.jobs.model import JobStatus
from academy.kit.errors import InvalidError
from tests.contracts.email.post_office import ASHA, PostOffice
from tests.contracts.jobs.workshop import effect

COURSE = "https://rtechacademy.com/learn/python"
UNSUBSCRIBE = "https://rtechacademy.com/unsubscribe/token"


class CauseFailed(Exception):
    """The cause of a mail does not happen."""


async def send_code(office: PostOffice) -> None:
    await office.email.send_otp(ASHA, code="048213", purpose="verify_email", minutes=10)


async def send_news(office: PostOffice, *, to: Recipient = ASHA, title: str = "News", cause: str | None = None) -> None:
    await office.email.send_notification(
        to,
        title=title,
        message="A lesson was added.",
        action="Open it",
        action_url=COURSE,
        unsubscribe_url=UNSUBSCRIBE,
        cause=cause,
    )


async def test_a_mail_is_written_with_its_cause_and_sent_by_a_job(office: PostOffice) -> None:
    async def work() -> None:
        await office.workshop.effects.insert(effect(office.clock, 1))
        await office.email.send_welcome(ASHA)

    await office.workshop.database.transaction(work)
    assert office.provider.offered == [], "nothing is sent inside the transaction"
    mail = await office.only_mail()
    assert (mail.kind, mail.to, mail.state, mail.attempts) == ("welcome", ASHA.address, MailState.QUEUED, 0)
    assert mail.user_id == ASHA.user_id

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
    assert (offered.to, offered.subject, offered.mail_id) == (ASHA.address, "Welcome to Rtech Academy", mail.id)
    assert (offered.sender, offered.sender_name) == ("post@mail.example", "Rtech Academy")
    assert (offered.message_id, offered.unsubscribe_url) == (mail.message_id, "")
    assert re.fullmatch(r"<[0-9a-f-]{36}@mail\.example>", offered.message_id)
    assert len(await office.inbox.messages()) == 1


async def test_without_its_cause_there_is_no_mail(office: PostOffice) -> None:
    async def work() -> None:
        await office.email.send_welcome(ASHA)
        raise CauseFailed

    with pytest.raises(CauseFailed):
        await office.workshop.database.transaction(work)
    assert await office.mails.count({}) == await office.workshop.jobs.count({}) == 0


async def test_a_fact_is_told_once(office: PostOffice) -> None:
    for _ in range(3):
        await office.email.send_enrolment_confirmation(
            ASHA, course_title="Python", course_url=COURSE, cause="enrolment:1"
        )
        await office.work()
    await office.email.send_enrolment_confirmation(ASHA, course_title="Python", course_url=COURSE, cause="enrolment:2")
    assert await office.mails.count({}) == 2
    assert len(office.provider.offered) == 1


async def test_a_job_that_runs_again_sends_no_second_mail(office: PostOffice) -> None:
    await office.email.send_welcome(ASHA)
    await office.work()
    mail = await office.only_mail()
    await office.email.sender.handle_mail(SendMail(mail.id))
    await office.email.sender.handle_mail(SendMail("01900000-0000-7000-8000-000000000000"))
    assert len(office.provider.offered) == 1


async def test_a_technical_failure_is_tried_again_under_the_same_message_id(office: PostOffice) -> None:
    office.provider.is_down = True
    await office.email.send_welcome(ASHA)
    await office.work(minutes=10)
    waiting = await office.only_mail()
    assert (waiting.state, waiting.attempts, waiting.provider) == (MailState.QUEUED, 2, "")
    assert waiting.last_error == "unreliable: The server does not answer."
    office.provider.is_down = False
    await office.work(minutes=10)
    sent = await office.only_mail()
    assert (sent.state, sent.attempts, sent.last_error) == (MailState.SENT, 3, "")
    assert len(office.provider.offered) == 3
    assert {message.message_id for message in office.provider.offered} == {sent.message_id}
    assert len(await office.inbox.messages()) == 1


async def test_a_mail_that_never_leaves_is_tried_for_a_day_then_given_up(office: PostOffice) -> None:
    office.provider.is_down = True
    await office.email.send_welcome(ASHA)
    begun = office.clock.now()
    while (await office.only_mail()).state is MailState.QUEUED:
        await office.work(minutes=10)
    assert (office.clock.now() - begun).total_seconds() / 3600 == pytest.approx(24, abs=2)
    mail = await office.only_mail()
    assert mail.attempts == SEND_MAIL.max_attempts
    assert (mail.state, mail.last_error.partition(":")[0]) == (MailState.FAILED, "unreliable")
    (job,) = [job for job in await office.workshop.all_jobs() if job.kind == SEND_MAIL.name]
    assert job.status is JobStatus.DEAD

    office.provider.is_down = False
    office.clock.move(minutes=10)
    await office.workshop.queue.retry(job.id)
    await office.work()
    assert (await office.only_mail()).state is MailState.SENT
    assert len(await office.inbox.messages()) == 1


async def test_a_refusal_is_noted_and_not_tried_again(office: PostOffice) -> None:
    office.provider.refused = {ASHA.address}
    await office.email.send_welcome(ASHA)
    await office.work(minutes=60)
    mail = await office.only_mail()
    assert (mail.state, mail.attempts, mail.sent_at) == (MailState.FAILED, 1, None)
    assert mail.last_error == "unreliable: There is no such mailbox."
    assert len(office.provider.offered) == 1


@pytest.mark.parametrize("ending", ["sent", "refused", "too late"])
async def test_a_code_is_forgotten_when_its_mail_has_ended(office: PostOffice, ending: str) -> None:
    office.provider.refused = {ASHA.address} if ending == "refused" else set()
    office.provider.is_down = ending == "too late"
    await send_code(office)
    assert "048213" in await office.stored_text(), "it has to be sent yet"
    await office.work(minutes=20)
    assert "048213" not in await office.stored_text()
    assert "048213" in office.provider.offered[0].subject
    assert "048213" in office.provider.offered[0].text
    mail = await office.only_mail()
    assert (mail.subject, mail.values) == ("Your code for Rtech Academy", {})
    assert mail.state is (MailState.SENT if ending == "sent" else MailState.FAILED)
    if ending == "too late":
        assert mail.last_error.startswith("It was of no more use")

    tried = len(office.provider.offered)
    office.provider.is_down = False
    await office.email.sender.handle_mail(SendMail(mail.id))
    assert len(office.provider.offered) == tried, "there is nothing left to send"


async def test_a_code_whose_job_dies_is_forgotten(office: PostOffice) -> None:
    await send_code(office)
    mail = await office.only_mail()
    await office.workshop.database.transaction(lambda: office.email.sender.handle_mail_given_up(SendMail(mail.id)))
    assert "048213" not in await office.stored_text()
    given_up = await office.only_mail()
    assert (given_up.state, given_up.last_error) == (MailState.FAILED, "Every try to send it broke off.")


async def test_every_kind_of_mail_arrives_in_its_language(office: PostOffice) -> None:
    await send_code(office)
    await office.email.send_welcome(ASHA)
    await office.email.send_enrolment_confirmation(ASHA, course_title="Python", course_url=COURSE, cause="e")
    receipt = {
        "transaction_id": "T-1",
        "course_title": "Python",
        "course_url": COURSE,
        "amount": "₹1,499.00",
        "invoice_number": "2026-000001",
        "date": "24 November 2026",
        "receipt_url": COURSE,
    }
    await office.email.send_payment_receipt(ASHA, receipt, cause="r")
    await send_news(office)
    ravi = Recipient(address="ravi@example.com", name="रवि", language="hi")
    await office.email.send_welcome(ravi)
    await office.work()
    messages = await office.inbox.messages()
    assert len(messages) == 6
    by_subject = {message.subject: message for message in messages if message.to == ASHA.address}
    assert {"048213 is your code for Rtech Academy", "News", "Welcome to Rtech Academy"} <= set(by_subject)
    for message in by_subject.values():
        assert "Asha" in message.text
        assert "Asha" in message.html
    (bill,) = [message for message in messages if "2026-000001" in message.text]
    assert all(value in bill.text and value in bill.html for value in ("T-1", "₹1,499.00", "24 November 2026"))
    (hindi,) = [message for message in messages if message.to == ravi.address]
    assert "रवि" in hindi.text
    assert "स्वागत" in hindi.subject


async def test_notifications_alone_can_be_declined_with_one_click(office: PostOffice) -> None:
    await send_news(office)
    await send_code(office)
    await office.email.send_welcome(ASHA)
    await office.work()
    declinable = {message.subject: message.unsubscribe_url for message in office.provider.offered}
    assert declinable.pop("News") == UNSUBSCRIBE
    assert set(declinable.values()) == {""}


async def test_a_subject_of_two_lines_is_refused_before_anything_is_written(office: PostOffice) -> None:
    with pytest.raises(InvalidError):
        await send_news(office, title="News\r\nBcc: all@example.com")
    assert await office.mails.count({}) == 0


async def test_health_is_what_the_providers_said_last_and_asks_nobody(office: PostOffice) -> None:
    office.provider.is_down = True
    assert await office.email.health_check() == "", "nobody has been asked"
    assert await office.email.verify() == {"unreliable": "The server does not answer."}
    assert await office.email.health_check() == "unreliable: The server does not answer."
    office.provider.is_down = False
    await office.email.verify()
    assert await office.email.health_check() == ""


async def test_the_providers_are_asked_in_the_background_from_the_start(office: PostOffice) -> None:
    office.provider.is_down = True
    await office.email.initialize()
    async with asyncio.timeout(5):
        while not await office.email.health_check():  # noqa: ASYNC110 - it is another task that is waited for
            await asyncio.sleep(0)
    await office.email.close()


async def test_a_provider_that_cannot_even_be_asked_does_not_end_the_watch(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("academy.infrastructure.email.service._VERIFIED_EVERY", timedelta(seconds=0.01))
    asked = 0

    async def choke() -> str:
        nonlocal asked
        asked += 1
        raise RuntimeError("nobody thought of this")

    office.provider.verify = choke  # type: ignore[method-assign]
    await office.email.initialize()
    async with asyncio.timeout(5):
        while asked < 3:  # noqa: ASYNC110 - it is another task that is waited for
            await asyncio.sleep(0)
    await office.email.close()


async def test_two_senders_of_one_mail_are_one(office: PostOffice) -> None:
    office.provider.is_down = True
    await office.email.send_welcome(ASHA)
    await office.work()
    mail = await office.only_mail()
    for _ in range(3):
        await office.workshop.queue.enqueue(SEND_MAIL, SendMail(mail.id), key=mail.id)
    office.provider.is_down = False
    await office.work(minutes=10)
    assert len(await office.inbox.messages()) == 1
    assert len([job for job in await office.workshop.all_jobs() if job.kind == SEND_MAIL.name]) == 1


async def test_a_provider_that_fails_again_and_again_shows_at_once_in_health(office: PostOffice) -> None:
    assert await office.email.health_check() == ""
    office.provider.is_down = True
    for number in range(5):
        await send_news(office, title=f"News {number}")
    await office.work()
    assert await office.email.health_check() == "unreliable: left alone for a while, after several failures"
    assert len(office.provider.offered) == 5
    await send_news(office)
    await office.work()
    assert len(office.provider.offered) == 5, "it is left alone"


async def test_a_test_message_goes_out_at_once_and_leaves_no_trace(office: PostOffice) -> None:
    assert (await office.email.send_now(ASHA)).provider == "unreliable"
    assert [message.subject for message in await office.inbox.messages()] == ["Rtech Academy can send mail"]
    assert await office.mails.count({}) == 0
