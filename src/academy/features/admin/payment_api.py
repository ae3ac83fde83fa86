"""REST handlers of the admin: transactions, and what the gateways told of them."""

from datetime import date, datetime
from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery, Parameter

from academy.features.payments.answers import AmountAnswer, TransactionAnswer, transaction_fields
from academy.features.payments.model import (
    Dispute,
    Transaction,
    TransactionFilter,
    TransactionStatus,
    WebhookEvent,
    WebhookStatus,
)
from academy.features.payments.service import PaymentService
from academy.web.guards import admins
from academy.web.listing import Cursor, Limit, Listing

_Name = Annotated[str, Parameter(max_length=64, required=False)]


class BuyerAnswer(msgspec.Struct, kw_only=True):
    """Who buys, as it stands on the invoice; `user_id` is empty once the account is deleted."""

    user_id: str
    name: str
    email: str
    country: str
    state: str
    tax_id: str


class DisputeAnswer(msgspec.Struct, kw_only=True):
    """A buyer asked their bank for the money back; `reason` and `status` are the gateway's words."""

    reference: str
    amount: AmountAnswer
    reason: str
    status: str
    is_over: bool
    at: datetime


class AdminTransactionAnswer(TransactionAnswer, kw_only=True):
    """A transaction as admins see it.

    `reference` is the gateway's id of the checkout, `payment_reference` that of the money; `late_for` names the
    transaction that was closed when this money for it arrived.
    """

    course_id: str
    buyer: BuyerAnswer
    reference: str
    payment_reference: str
    late_for: str | None
    trouble: str
    dispute: DisputeAnswer | None


class WebhookEventAnswer(msgspec.Struct, kw_only=True):
    """A signed webhook as it came: `body` is raw, `outcome` says what was done."""

    id: str
    gateway: str
    event_id: str
    event_type: str
    status: WebhookStatus
    outcome: str
    transaction_id: str
    body: str
    received_at: datetime
    handled_at: datetime | None


def _transaction_answer(transaction: Transaction) -> AdminTransactionAnswer:
    buyer = transaction.buyer
    return AdminTransactionAnswer(
        **transaction_fields(transaction),  # type: ignore[arg-type]
        course_id=transaction.course_id,
        buyer=BuyerAnswer(
            user_id=transaction.user_id,
            name=buyer.name,
            email=buyer.email,
            country=buyer.country,
            state=buyer.state,
            tax_id=buyer.tax_id,
        ),
        reference=transaction.reference,
        payment_reference=transaction.payment_reference,
        late_for=transaction.late_for,
        trouble=transaction.trouble,
        dispute=_dispute_answer(transaction.dispute) if transaction.dispute else None,
    )


def _dispute_answer(dispute: Dispute) -> DisputeAnswer:
    return DisputeAnswer(
        reference=dispute.reference,
        amount=AmountAnswer(amount=dispute.amount.amount, currency=dispute.amount.currency),
        reason=dispute.reason,
        status=dispute.status,
        is_over=dispute.is_over,
        at=dispute.at,
    )


def _event_answer(event: WebhookEvent) -> WebhookEventAnswer:
    return WebhookEventAnswer(
        id=event.id,
        gateway=event.gateway,
        event_id=event.event_id,
        event_type=event.event_type,
        status=event.status,
        outcome=event.outcome,
        transaction_id=event.transaction_id,
        body=event.body,
        received_at=event.created_at,
        handled_at=event.handled_at,
    )


@get("/api/v1/admin/transactions", guards=[admins], tags=["admin"], summary="Payments")
async def list_transactions(
    payments: NamedDependency[PaymentService],
    status: FromQuery[TransactionStatus | None] = None,
    gateway: _Name = "",
    user_id: _Name = "",
    course_id: _Name = "",
    coupon: _Name = "",
    disputed: FromQuery[bool] = False,
    troubled: FromQuery[bool] = False,
    from_day: FromQuery[date | None] = None,
    to_day: FromQuery[date | None] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Listing[AdminTransactionAnswer]:
    """Returns the transactions that all of the filters fit, newest first; disputed ones by the day of the dispute."""
    wanted = TransactionFilter(
        status=status,
        gateway=gateway,
        user_id=user_id,
        course_id=course_id,
        coupon_code=coupon.upper(),
        disputed=disputed,
        troubled=troubled,
        from_day=from_day,
        to_day=to_day,
    )
    page = await payments.page(wanted, limit=limit, cursor=cursor)
    return Listing(items=[_transaction_answer(one) for one in page.items], next_cursor=page.next_cursor)


@get("/api/v1/admin/webhook-events", guards=[admins], tags=["admin"], summary="What the gateways told")
async def list_webhook_events(
    payments: NamedDependency[PaymentService],
    status: FromQuery[WebhookStatus | None] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Listing[WebhookEventAnswer]:
    """Returns the webhooks of the gateways, newest first."""
    page = await payments.webhook_events(status, limit=limit, cursor=cursor)
    return Listing(items=[_event_answer(event) for event in page.items], next_cursor=page.next_cursor)


handlers = [list_transactions, list_webhook_events]
