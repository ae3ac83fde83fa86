"""REST handlers of the notifications: what mail providers report."""

from litestar import post
from litestar.di import NamedDependency

from academy.infrastructure.email.delivery_reports import DeliveryReports
from academy.web.guards import anyone
from academy.web.requests import PageRequest


@post("/api/v1/webhooks/sendgrid", guards=[anyone], tags=["webhooks"], status_code=204, summary="Events of SendGrid")
async def sendgrid_webhook(request: PageRequest, delivery_reports: NamedDependency[DeliveryReports]) -> None:
    """Takes SendGrid's signed event webhook."""
    await delivery_reports.take_sendgrid(
        await request.body(),
        request.headers.get("x-twilio-email-event-webhook-signature", ""),
        request.headers.get("x-twilio-email-event-webhook-timestamp", ""),
    )


@post("/api/v1/webhooks/ses", guards=[anyone], tags=["webhooks"], status_code=204, summary="Events of Amazon SES")
async def ses_webhook(request: PageRequest, delivery_reports: NamedDependency[DeliveryReports]) -> None:
    """Takes the signed messages of the SNS topic that Amazon SES publishes to."""
    await delivery_reports.take_ses(await request.body())


handlers = [sendgrid_webhook, ses_webhook]
