"""HTML handlers of the admin: the inbox of the gateways' webhooks."""

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from academy.features.admin.pages import ROWS, chosen, list_cursor
from academy.features.payments.model import WebhookEvent, WebhookStatus
from academy.features.payments.service import PaymentService
from academy.web.guards import admins
from academy.web.pages import Pages
from academy.web.requests import PageRequest


def readable(event: WebhookEvent) -> str:
    """The body of an event on several lines, indented; as it came when it is no JSON."""
    try:
        return msgspec.json.format(event.body.encode(), indent=2).decode()
    except msgspec.DecodeError:
        return event.body


@get("/admin/webhook-events", guards=[admins], include_in_schema=False)
async def webhook_events(
    request: PageRequest, pages: NamedDependency[Pages], payments: NamedDependency[PaymentService]
) -> Response[bytes]:
    """What the gateways told, and what was made of it."""
    status = chosen(WebhookStatus, request.query_params.get("status", ""))
    cursor = list_cursor(request)
    return pages.render(
        request,
        "admin/webhook_events.html",
        page=await payments.webhook_events(status, limit=ROWS, cursor=cursor),
        oldest=await payments.oldest_waiting(),
        status=status,
        statuses=list(WebhookStatus),
        cursor=cursor,
    )


@get("/admin/webhook-events/{event_id:str}", guards=[admins], include_in_schema=False)
async def one_webhook_event(
    request: PageRequest,
    event_id: FromPath[str],
    pages: NamedDependency[Pages],
    payments: NamedDependency[PaymentService],
) -> Response[bytes]:
    """One event with its raw body."""
    event = await payments.webhook_event(event_id)
    return pages.render(request, "admin/one_webhook_event.html", event=event, body=readable(event))


handlers = [webhook_events, one_webhook_event]
