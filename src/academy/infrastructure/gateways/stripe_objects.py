"""Stripe's objects, as far as they are read: the same in the answers of its API and in its events.

https://docs.stripe.com/api/checkout/sessions/object, https://docs.stripe.com/api/payment_intents/object,
https://docs.stripe.com/api/refunds/object, https://docs.stripe.com/api/disputes/object. A field that refers to another
object holds its id, or the object itself when the request asked for that (`expand`).
"""

from typing import Literal

import msgspec

from academy.infrastructure.gateways.base import (
    GatewayDispute,
    GatewayRefund,
    GatewayRefused,
    Payment,
    PaymentState,
    RefundState,
)
from academy.kit.money import Money

LABEL = "Stripe"

# https://docs.stripe.com/currencies. Whatever is not named has two decimals: so have ISK and UGX, which Stripe keeps
# that way for old integrations though ISO 4217 gives them none.
_ZERO_DECIMALS = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
_THREE_DECIMALS = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))

_REFUND_STATES = {
    "pending": RefundState.PENDING,
    "requires_action": RefundState.PENDING,
    "succeeded": RefundState.DONE,
    "failed": RefundState.FAILED,
    "canceled": RefundState.FAILED,
}

Metadata = dict[str, str] | None


class StripeError(msgspec.Struct, frozen=True):
    """Why an attempt to pay failed, in words for the buyer."""

    message: str | None = None


class StripeCharge(msgspec.Struct, frozen=True):
    """Money that came in."""

    amount_refunded: int


class StripeIntent(msgspec.Struct, frozen=True):
    """A Payment Intent: all attempts to pay one checkout."""

    id: str
    status: str
    latest_charge: str | StripeCharge | None = None
    last_payment_error: StripeError | None = None
    metadata: Metadata = None

    @property
    def failure(self) -> str:
        """Why the last attempt failed."""
        return (self.last_payment_error and self.last_payment_error.message) or "The payment failed."


class StripeOpenedSession(msgspec.Struct, frozen=True):
    """A Checkout Session that was just made, with Stripe's page for the buyer."""

    id: str
    url: str


class StripeSession(msgspec.Struct, frozen=True):
    """A Checkout Session."""

    id: str
    status: str | None
    payment_status: str
    amount_total: int | None = None
    currency: str | None = None
    payment_intent: str | StripeIntent | None = None
    metadata: Metadata = None

    @property
    def amount(self) -> Money | None:
        """What it costs."""
        if self.amount_total is None or self.currency is None:
            return None
        return money(self.amount_total, self.currency)

    @property
    def intent_id(self) -> str:
        """The id of its Payment Intent; "" before the first attempt to pay."""
        intent = self.payment_intent
        return intent.id if isinstance(intent, StripeIntent) else intent or ""


class StripeRefund(msgspec.Struct, frozen=True):
    """A refund."""

    id: str
    amount: int
    currency: str
    status: str | None
    payment_intent: str | None = None
    failure_reason: str | None = None
    metadata: Metadata = None


class StripeRefunds(msgspec.Struct, frozen=True):
    """A page of refunds, the latest first."""

    data: list[StripeRefund]
    has_more: bool


class StripeBalance(msgspec.Struct, frozen=True):
    """The account's balance, which is only asked for to see whether we may."""

    object: Literal["balance"]


class StripeDispute(msgspec.Struct, frozen=True):
    """A buyer's complaint at their bank."""

    id: str
    amount: int
    currency: str
    reason: str
    status: str
    payment_intent: str | None = None
    metadata: Metadata = None


def money(amount: int, currency: str) -> Money:
    """Returns an amount of Stripe's, whose currencies are in small letters, as ours."""
    return Money(amount=amount, currency=currency.upper())


def stripe_amount(amount: Money) -> int:
    """Returns the integer that Stripe takes for an amount.

    Raises GatewayRefused where Stripe's smallest unit is not the one of ISO 4217, and for thousandths, which the card
    networks do not know: https://docs.stripe.com/currencies#three-decimal.
    """
    exponent = 0 if amount.currency in _ZERO_DECIMALS else 3 if amount.currency in _THREE_DECIMALS else 2
    if exponent != amount.exponent:
        raise GatewayRefused(LABEL, f"Stripe counts {amount.currency} in another smallest unit. Choose another one.")
    if amount.currency in _THREE_DECIMALS and amount.amount % 10:
        raise GatewayRefused(LABEL, f"An amount in {amount.currency} has to end with 0: {amount.major_units}.")
    return amount.amount


def our_id(metadata: Metadata, name: str) -> str:
    """Returns what we noted on an object when we made it; "" for one that somebody else made."""
    return (metadata or {}).get(name, "")


def payment(session: StripeSession) -> Payment:
    """Returns how a checkout stands; its Payment Intent and that one's latest charge have to be expanded."""
    intent = session.payment_intent if isinstance(session.payment_intent, StripeIntent) else None
    if session.payment_status == "paid":
        charge = intent.latest_charge if intent else None
        return Payment(
            reference=session.id,
            state=PaymentState.PAID,
            payment_reference=session.intent_id,
            amount=session.amount,
            refunded=charge.amount_refunded if isinstance(charge, StripeCharge) else 0,
        )
    if session.status == "expired":
        return Payment(reference=session.id, state=PaymentState.EXPIRED)
    # A bank transfer takes days between the checkout's end and its success or failure.
    if session.status == "complete" and intent is not None and intent.status != "processing":
        return Payment(reference=session.id, state=PaymentState.FAILED, failure=intent.failure)
    if session.status == "complete":
        return Payment(reference=session.id, state=PaymentState.PROCESSING)
    return Payment(reference=session.id, state=PaymentState.OPEN)


def gateway_refund(refund: StripeRefund) -> GatewayRefund:
    """Returns a refund as our own."""
    return GatewayRefund(
        reference=refund.id,
        refund_id=our_id(refund.metadata, "refund_id"),
        amount=money(refund.amount, refund.currency),
        state=_REFUND_STATES.get(refund.status or "", RefundState.PENDING),
        failure=(refund.failure_reason or "").replace("_", " "),
    )


def gateway_dispute(dispute: StripeDispute) -> GatewayDispute:
    """Returns a dispute as our own."""
    return GatewayDispute(
        reference=dispute.id,
        amount=money(dispute.amount, dispute.currency),
        reason=dispute.reason,
        status=dispute.status,
    )
