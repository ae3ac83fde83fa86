"""Our own rate limit holds mail up and does nothing else: no try is counted, no error is shown, nothing is given up."""

from typing import Literal

import pytest

from academy.infrastructure.email.base import EmailMessage, TechnicalEmailError
from academy.infrastructure.email.chain import TurnLater
from academy.infrastructure.email.factory import make_chain
from academy.infrastructure.email.model import MailState
from academy.infrastructure.email.sending import SEND_BATCH, SEND_MAIL
from academy.infrastructure.email.settings import EmailSettings, SendGridSettings, SesSettings, SmtpSettings
from academy.infrastructure.jobs.model import Job, JobStatus
from tests.contracts.email.post_office import ASHA, PostOffice
from tests.contracts.email.sent_mails import mail
from tests.contracts.email.test_batches import NEWS, people
from tests.contracts.jobs.workshop import StandingClock
from tests.servers.mongodb import free_port


async def told(office: PostOffice) -> set[tuple[str, int, str]]:
    return {(mail.state.value, mail.attempts, mail.last_error) for mail in await office.mails.find({}, limit=500)}


async def jobs_of(office: PostOffice, kind: str) -> list[Job]:
    return [job for job in await office.workshop.all_jobs() if job.kind == kind]


async def test_a_batch_under_a_low_rate_reaches_everybody_with_one_try_each(slow_office: PostOffice) -> None:
    begun = slow_office.clock.now()
    batch = await slow_office.email.send_batch(people(120), NEWS)
    await slow_office.work()
    assert await slow_office.email.log.states_of_batch(batch) == {MailState.SENT: 120}
    assert await told(slow_office) == {("sent", 1, "")}
    assert (slow_office.clock.now() - begun).total_seconds() == pytest.approx(1190, abs=1)
    (job,) = await jobs_of(slow_office, SEND_BATCH.name)
    assert (job.status, job.attempts, job.last_error) == (JobStatus.DONE, 1, "")


async def test_a_single_mail_under_a_low_rate_is_put_back_until_its_turn(slow_office: PostOffice) -> None:
    begun = slow_office.clock.now()
    for _ in range(20):
        await slow_office.email.send_welcome(ASHA)
    await slow_office.work()
    assert await told(slow_office) == {("sent", 1, ""), ("queued", 0, "")}
    waiting = [job for job in await jobs_of(slow_office, SEND_MAIL.name) if job.status is JobStatus.QUEUED]
    assert {(job.attempts, job.last_error) for job in waiting} == {(0, "")}
    due = sorted((job.due_at - begun).total_seconds() for job in waiting if job.due_at)
    assert due == [10 * turn for turn in range(1, 20)], "each at a time of its own"
    for sent in range(2, 21):
        slow_office.clock.move(seconds=10)
        await slow_office.work()
        assert len(slow_office.provider.offered) == sent
    assert await told(slow_office) == {("sent", 1, "")}


async def test_a_batch_that_is_dropped_while_it_waits_for_its_turn_stops(slow_office: PostOffice) -> None:
    real_send = slow_office.provider.send

    async def drop(message: EmailMessage) -> None:
        await real_send(message)
        if len(slow_office.provider.offered) == 4:
            await slow_office.email.batches.drop(batch)

    slow_office.provider.send = drop  # type: ignore[method-assign]
    batch = await slow_office.email.send_batch(people(60), NEWS)
    await slow_office.work(minutes=60)
    assert await slow_office.email.log.states_of_batch(batch) == {MailState.SENT: 4, MailState.DROPPED: 56}


async def test_a_full_mailbox_takes_one_turn_and_holds_up_nobody(slow_office: PostOffice) -> None:
    slow_office.provider.full = {"0@example.com"}
    batch = await slow_office.email.send_batch(people(12), NEWS)
    await slow_office.work()
    assert await slow_office.email.log.states_of_batch(batch) == {MailState.SENT: 11, MailState.QUEUED: 1}
    offered = [message.to for message in slow_office.provider.offered]
    assert len(set(offered[:12])) == 12, "the others have their turn before it is tried again"


@pytest.mark.parametrize("name", ["smtp", "sendgrid", "ses"])
async def test_each_provider_keeps_within_its_own_setting(name: Literal["smtp", "sendgrid", "ses"]) -> None:
    nowhere, clock = f"127.0.0.1:{free_port()}", StandingClock()
    port = int(nowhere.rpartition(":")[2])
    chain = make_chain(
        EmailSettings(provider=name, sender="post@mail.example"),
        SmtpSettings(host="127.0.0.1", port=port, security="none", rate=0.1 if name == "smtp" else 0),
        SendGridSettings(api_key="SG.x", url=f"http://{nowhere}", rate=0.1 if name == "sendgrid" else 0),
        SesSettings(
            region="ap-south-1",
            access_key_id="a",
            secret_access_key="b",
            endpoint_url=f"http://{nowhere}",
            rate=0.1 if name == "ses" else 0,
        ),
        None,
        clock,
    )
    with pytest.raises(TechnicalEmailError, match="reached"):
        await chain.send(mail())
    with pytest.raises(TurnLater):
        await chain.send(mail())
    await chain.close()
