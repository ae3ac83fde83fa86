"""The jobs of the e-mail."""

from datetime import timedelta

import msgspec

from academy.infrastructure.email.delivery_reports import RECORD_REPORTS, DeliveryReports
from academy.infrastructure.email.sending import GIVE_UP_BATCH, SEND_BATCH, SEND_MAIL
from academy.infrastructure.email.service import EmailService
from academy.infrastructure.email.settings import EmailSettings
from academy.infrastructure.jobs.base import JobKind, JobRegistry


class SweepMail(msgspec.Struct, frozen=True):
    """Payload of the sweep: nothing to say."""


SWEEP_MAIL = JobKind("sweep_mail", SweepMail)


def register_jobs(
    registry: JobRegistry, email: EmailService, reports: DeliveryReports, settings: EmailSettings
) -> None:
    """Registers who sends mails and notes what became of them, and the hourly removal of old ones from the log."""

    async def sweep(payload: SweepMail) -> None:
        await email.log.delete_old(settings.retention_days)

    registry.register(SEND_MAIL, email.sender.handle_mail, when_dead=email.sender.handle_mail_given_up)
    registry.register(SEND_BATCH, email.sender.handle_batch, when_dead=email.sender.handle_batch_given_up)
    registry.register(GIVE_UP_BATCH, email.sender.handle_rest_of_batch)
    registry.register(RECORD_REPORTS, reports.handle)
    registry.register(SWEEP_MAIL, sweep)
    registry.schedule(SWEEP_MAIL, SweepMail(), every=timedelta(hours=1))
