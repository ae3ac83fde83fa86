"""How the API shows payments."""

from datetime import datetime

import msgspec

from academy.features.payments.model import Access, RefundStatus, Transaction, TransactionStatus
from academy.features.payments.tax import TaxLine


class AmountAnswer(msgspec.Struct, kw_only=True):
    """Integer minor units and an ISO 4217 currency."""

    amount: int
    currency: str


class RefundAnswer(msgspec.Struct, kw_only=True):
    """Money that goes back; `amount` in minor units."""

    id: str
    amount: int
    reason: str
    status: RefundStatus
    failure: str
    requested_at: datetime
    done_at: datetime | None
    credit_note_number: str


class StateChangeAnswer(msgspec.Struct, kw_only=True):
    """What a transaction became, and when."""

    status: TransactionStatus
    at: datetime
    cause: str


class TransactionAnswer(msgspec.Struct, kw_only=True):
    """A transaction as its buyer sees it.

    `price`, `discount`, `net` and the taxes are minor units of the currency of `amount`, which is what is to be paid.
    `checkout_url`, or else `gateway_payload`, says where it can be paid, while it can.
    """

    id: str
    status: TransactionStatus
    course: str
    course_title: str
    gateway: str
    amount: AmountAnswer
    price: int
    discount: int
    net: int
    taxes: list[TaxLine]
    taxes_included: bool
    coupon: str
    refunded: int
    refunds: list[RefundAnswer]
    access: Access
    failure: str
    checkout_url: str
    gateway_payload: dict[str, str]
    invoice_number: str | None
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    history: list[StateChangeAnswer]


def transaction_fields(transaction: Transaction) -> dict[str, object]:
    """What every answer about a transaction holds."""
    return {
        "id": transaction.id,
        "status": transaction.status,
        "course": transaction.course_slug,
        "course_title": transaction.course_title,
        "gateway": transaction.gateway,
        "amount": AmountAnswer(amount=transaction.amount.amount, currency=transaction.amount.currency),
        "price": transaction.quote.price,
        "discount": transaction.quote.discount,
        "net": transaction.quote.net,
        "taxes": transaction.quote.taxes,
        "taxes_included": transaction.quote.inclusive,
        "coupon": transaction.coupon_code,
        "refunded": transaction.refunded,
        "refunds": [
            RefundAnswer(**{name: getattr(refund, name) for name in RefundAnswer.__struct_fields__})
            for refund in transaction.refunds
        ],
        "access": transaction.access,
        "failure": transaction.failure,
        "checkout_url": transaction.checkout_url if transaction.is_open else "",
        "gateway_payload": transaction.payload if transaction.is_open else {},
        "invoice_number": transaction.invoice_number,
        "created_at": transaction.created_at,
        "expires_at": transaction.expires_at,
        "paid_at": transaction.paid_at,
        "history": [StateChangeAnswer(status=c.status, at=c.at, cause=c.cause) for c in transaction.history],
    }


def transaction_answer(transaction: Transaction) -> TransactionAnswer:
    """Returns a transaction as its buyer sees it, without the notes of those who look after it."""
    told = [change for change in transaction.history if not change.is_note]
    shown = msgspec.structs.replace(transaction, history=told)
    return TransactionAnswer(**transaction_fields(shown))  # type: ignore[arg-type]
