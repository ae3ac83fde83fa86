"""Addresses that get no mail: reported by providers, honoured before sending, lifted by an admin."""

from datetime import timedelta

import msgspec
import pytest

from academy.infrastructure.email.base import EmailMessage
from academy.infrastructure.email.delivery_reports import RECORD_REPORTS, RecordReports
from academy.infrastructure.email.model import MailState, Suppression, SuppressionReason
from academy.infrastructure.email.reports import DeliveryReport, ReportKind
from academy.kit.errors import ConflictError, NotFoundError
from tests.contracts.email.post_office import ASHA, PostOffice
from tests.contracts.email.test_batches import NEWS, people


def report(office: PostOffice, kind: ReportKind = ReportKind.BOUNCED, *, mail_id: str = "") -> DeliveryReport:
    return DeliveryReport(
        provider="ses",
        kind=kind,
        address="Asha@Example.com",
        mail_id=mail_id,
        detail="550 5.1.1 user unknown",
        reported_at=office.clock.now(),
    )


async def only(office: PostOffice) -> Suppression:
    (suppression,) = (await office.email.suppressions.page()).items
    return suppression


async def test_a_bounce_is_noted_at_its_mail_and_stops_further_mail(office: PostOffice) -> None:
    await office.email.send_welcome(ASHA)
    await office.work()
    mail = await office.only_mail()
    await office.workshop.queue.enqueue(RECORD_REPORTS, RecordReports([report(office, mail_id=mail.id)]))
    await office.work()
    bounced = await office.only_mail()
    assert (bounced.state, bounced.last_error) == (MailState.BOUNCED, "550 5.1.1 user unknown")
    suppression = await only(office)
    assert (suppression.address, suppression.reason) == ("Asha@Example.com", SuppressionReason.BOUNCED)
    assert (suppression.provider, suppression.mail_id) == ("ses", mail.id)

    await office.mails.delete_many({})
    await office.email.send_welcome(ASHA)
    await office.work()
    stopped = await office.only_mail()
    assert (stopped.state, stopped.attempts) == (MailState.SUPPRESSED, 0)
    assert "Suppressed addresses" in stopped.last_error
    with pytest.raises(ConflictError, match="Suppressed addresses"):
        await office.email.log.resend(stopped.id)
    assert len(office.provider.offered) == 1


async def test_a_batch_leaves_out_who_complained(office: PostOffice) -> None:
    complaint = msgspec.structs.replace(report(office, ReportKind.COMPLAINED), address="1@example.com")
    await office.email.suppressions.record(complaint)
    batch = await office.email.send_batch(people(3), NEWS)
    await office.work()
    assert await office.email.log.states_of_batch(batch) == {MailState.SENT: 2, MailState.SUPPRESSED: 1}
    assert {message.to for message in office.provider.offered} == {"0@example.com", "2@example.com"}


async def test_a_report_that_comes_again_changes_nothing(office: PostOffice) -> None:
    for _ in range(3):
        await office.email.suppressions.record(report(office))
    await only(office)


async def test_a_lifted_address_gets_mail_until_a_newer_report(office: PostOffice) -> None:
    old = report(office)
    await office.email.suppressions.record(old)
    office.clock.move(hours=1)
    lifted = await office.email.suppressions.lift((await only(office)).id)
    assert lifted.address == "Asha@Example.com"
    with pytest.raises(NotFoundError):
        await office.email.suppressions.lift(lifted.id)
    assert (await office.email.suppressions.page()).items == []
    await office.email.suppressions.record(old)
    assert (await office.email.suppressions.page()).items == [], "the report is older than the admin's word"
    await office.email.send_welcome(ASHA)
    await office.work()
    assert (await office.only_mail()).state is MailState.SENT

    office.clock.move(hours=1)
    await office.email.suppressions.record(report(office, ReportKind.COMPLAINED))
    assert (await only(office)).reason is SuppressionReason.COMPLAINED


async def test_a_report_that_is_quicker_than_our_own_note_stands(office: PostOffice) -> None:
    await office.email.send_welcome(ASHA)
    mail = await office.only_mail()
    real_send = office.provider.send

    async def send_and_report(message: object) -> None:
        await real_send(message)  # type: ignore[arg-type]
        await office.email.suppressions.record(report(office, mail_id=mail.id))

    office.provider.send = send_and_report  # type: ignore[method-assign]
    await office.work()
    assert (await office.only_mail()).state is MailState.BOUNCED


async def test_a_report_cannot_touch_the_mail_of_another_address(office: PostOffice) -> None:
    await office.email.send_welcome(ASHA)
    await office.work()
    mail = await office.only_mail()
    foreign = msgspec.structs.replace(report(office, mail_id=mail.id), address="maya@example.com")
    await office.email.suppressions.record(foreign)
    assert (await office.only_mail()).state is MailState.SENT


async def test_the_list_is_paged_and_forgets_a_deleted_account(office: PostOffice) -> None:
    for number in range(3):
        later = office.clock.now() + timedelta(minutes=number)
        one = msgspec.structs.replace(report(office), address=f"{number}@example.com", reported_at=later)
        await office.email.suppressions.record(one)
    page = await office.email.suppressions.page(limit=2)
    rest = await office.email.suppressions.page(limit=2, cursor=page.next_cursor)
    assert [one.address[0] for one in [*page.items, *rest.items]] == ["2", "1", "0"]
    await office.email.forget("nobody", ["1@Example.com"])
    assert [one.address[0] for one in (await office.email.suppressions.page()).items] == ["2", "0"]


async def test_an_old_report_does_not_touch_what_was_sent_after_the_admin_looked(office: PostOffice) -> None:
    await office.email.send_welcome(ASHA)
    await office.work()
    mail = await office.only_mail()
    bounce = report(office, mail_id=mail.id)
    await office.email.suppressions.record(bounce)
    office.clock.move(hours=1)
    await office.email.suppressions.lift((await only(office)).id)
    await office.email.log.resend(mail.id)
    await office.email.suppressions.record(bounce)
    await office.work()
    assert (await office.only_mail()).state is MailState.SENT
    await office.email.suppressions.record(bounce)
    assert (await office.only_mail()).state is MailState.SENT


async def test_a_code_is_forgotten_even_when_a_bounce_is_quicker_than_our_note(office: PostOffice) -> None:
    await office.email.send_otp(ASHA, code="048213", purpose="sign_in", minutes=10)
    mail, real_send = await office.only_mail(), office.provider.send

    async def send_and_report(message: EmailMessage) -> None:
        await real_send(message)
        await office.email.suppressions.record(report(office, mail_id=mail.id))

    office.provider.send = send_and_report  # type: ignore[method-assign]
    await office.work()
    assert (await office.only_mail()).state is MailState.BOUNCED
    assert "048213" not in await office.stored_text()


async def test_a_domain_is_the_same_in_every_script(office: PostOffice) -> None:
    bounce = msgspec.structs.replace(report(office), address="asha@xn--bcher-kva.example")
    await office.email.suppressions.record(bounce)
    await office.email.send_welcome(msgspec.structs.replace(ASHA, address="asha@b\u00fccher.example"))
    await office.work()
    assert (await office.only_mail()).state is MailState.SUPPRESSED
