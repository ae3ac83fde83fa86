"""REST handlers of the admin: the mail log and the addresses that get no mail."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, Parameter, QueryParameter

from academy.infrastructure.email.log import MailFilter, MailLog
from academy.infrastructure.email.model import Mail, MailState, Suppression, SuppressionReason
from academy.infrastructure.email.rendering import MailKind
from academy.infrastructure.email.suppressions import SuppressionList
from academy.web.guards import admins
from academy.web.listing import Cursor, Limit, Listing


class MailRow(msgspec.Struct, kw_only=True):
    """A line of the mail log."""

    id: str
    kind: MailKind
    to: str
    subject: str
    state: MailState
    provider: str
    attempts: int
    last_error: str
    batch_id: str | None
    created_at: datetime
    sent_at: datetime | None


class MailAnswer(msgspec.Struct, kw_only=True):
    """A mail as its recipient gets it; `text` and `html` are empty for one with a one-time code."""

    mail: MailRow
    text: str
    html: str


class SuppressionRow(msgspec.Struct, kw_only=True):
    """An address that gets no mail, and why."""

    id: str
    address: str
    reason: SuppressionReason
    provider: str
    detail: str
    mail_id: str
    reported_at: datetime


def _mail_row(mail: Mail) -> MailRow:
    values = {name: getattr(mail, name) for name in MailRow.__struct_fields__}
    return MailRow(**{**values, "kind": MailKind(mail.kind)})


def _suppression_row(suppression: Suppression) -> SuppressionRow:
    return SuppressionRow(**{name: getattr(suppression, name) for name in SuppressionRow.__struct_fields__})


@get("/api/v1/admin/mail", guards=[admins], tags=["admin"], summary="The mail log")
async def list_mail(
    mail_log: NamedDependency[MailLog],
    mail_state: Annotated[MailState | None, QueryParameter(name="state", required=False)] = None,
    kind: FromQuery[MailKind | None] = None,
    to: Annotated[str | None, Parameter(max_length=254, description="Only mail to this address.")] = None,
    batch_id: Annotated[str | None, Parameter(max_length=64, description="Only mail of this batch.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Listing[MailRow]:
    """Returns mails, newest first."""
    wanted = MailFilter(state=mail_state, kind=kind, to=to, batch_id=batch_id)
    page = await mail_log.page(wanted, limit=limit, cursor=cursor)
    return Listing(items=[_mail_row(mail) for mail in page.items], next_cursor=page.next_cursor)


@get("/api/v1/admin/mail/{mail_id:str}", guards=[admins], tags=["admin"], summary="A mail")
async def get_mail(mail_id: FromPath[str], mail_log: NamedDependency[MailLog]) -> MailAnswer:
    """Returns what became of a mail, and how it looks."""
    mail = await mail_log.get(mail_id)
    preview = mail_log.preview(mail)
    return MailAnswer(mail=_mail_row(mail), text=preview.text if preview else "", html=preview.html if preview else "")


@post("/api/v1/admin/mail/{mail_id:str}/resend", guards=[admins], tags=["admin"], status_code=204, summary="Send again")
async def resend_mail(mail_id: FromPath[str], mail_log: NamedDependency[MailLog]) -> None:
    """Sends a mail again, unless it holds a one-time code or waits to be sent."""
    await mail_log.resend(mail_id)


@get("/api/v1/admin/suppressions", guards=[admins], tags=["admin"], summary="Addresses that get no mail")
async def list_suppressions(
    suppressions: NamedDependency[SuppressionList], limit: Limit = 20, cursor: Cursor = None
) -> Listing[SuppressionRow]:
    """Returns the addresses that bounced or complained, the latest report first."""
    page = await suppressions.page(limit=limit, cursor=cursor)
    return Listing(items=[_suppression_row(one) for one in page.items], next_cursor=page.next_cursor)


@delete(
    "/api/v1/admin/suppressions/{suppression_id:str}", guards=[admins], tags=["admin"], summary="Lift a suppression"
)
async def lift_suppression(suppression_id: FromPath[str], suppressions: NamedDependency[SuppressionList]) -> None:
    """Lets an address get mail again."""
    await suppressions.lift(suppression_id)


handlers = [list_mail, get_mail, resend_mail, list_suppressions, lift_suppression]
