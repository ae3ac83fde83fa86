"""What providers report back about mails: checked when it comes in, written down as a job, then noted."""

from collections.abc import Sequence

import msgspec

from academy.infrastructure.email import sendgrid_reports
from academy.infrastructure.email.aws_fetching import AwsFiles
from academy.infrastructure.email.reports import DeliveryReport
from academy.infrastructure.email.settings import SendGridSettings, SesSettings
from academy.infrastructure.email.sns_reports import SnsReports
from academy.infrastructure.email.suppressions import SuppressionList
from academy.infrastructure.jobs.base import JobKind, JobQueue
from academy.kit.clock import Clock
from academy.kit.errors import NotFoundError


class RecordReports(msgspec.Struct, frozen=True):
    """Payload of the job that notes reports."""

    reports: list[DeliveryReport]


RECORD_REPORTS = JobKind("record_delivery_reports", RecordReports)


class WebhookClosed(NotFoundError):
    """Nobody can prove who sends to this webhook: it has no secret. It is not there, then."""

    code = "webhook_closed"

    def __init__(self, variable: str) -> None:
        super().__init__(f"This webhook is closed: {variable} is not set.")


class DeliveryReports:
    """Takes the webhooks of SendGrid and of Amazon SES. The same report may come any number of times."""

    def __init__(
        self,
        queue: JobQueue,
        suppressions: SuppressionList,
        sendgrid: SendGridSettings,
        ses: SesSettings,
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._suppressions = suppressions
        self._public_key = sendgrid.webhook_public_key
        self._files = AwsFiles()
        self._sns = SnsReports(ses.topic_arn, self._files.fetch, clock) if ses.topic_arn else None

    async def take_sendgrid(self, body: bytes, signature: str, timestamp: str) -> None:
        """Takes a call of SendGrid's event webhook. Raises WebhookClosed, ForgedReport, InvalidError."""
        if not self._public_key:
            raise WebhookClosed("SENDGRID_WEBHOOK_PUBLIC_KEY")
        await self._take(sendgrid_reports.read(body, signature, timestamp, self._public_key))

    async def take_ses(self, body: bytes) -> None:
        """Takes a call of the SNS topic with the events of SES.

        Raises WebhookClosed, ForgedReport, InvalidError; UnavailableError when AWS' certificate cannot be had.
        """
        if self._sns is None:
            raise WebhookClosed("SES_SNS_TOPIC_ARN")
        await self._take(await self._sns.read(body))

    async def _take(self, reports: Sequence[DeliveryReport]) -> None:
        if reports:
            await self._queue.enqueue(RECORD_REPORTS, RecordReports(list(reports)))

    async def handle(self, job: RecordReports) -> None:
        """Notes the reports."""
        for report in job.reports:
            await self._suppressions.record(report)

    async def close(self) -> None:
        """Closes the connections to AWS. Safe to call twice."""
        await self._files.close()
