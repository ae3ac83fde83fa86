"""Stripe's webhook: https://docs.stripe.com/webhooks.

The header `Stripe-Signature` has the time of this delivery and one or more HMAC-SHA256 over that time and the body:
https://docs.stripe.com/webhooks#verify-manually. A delivery that is repeated is signed anew.

What is told by which event: https://docs.stripe.com/api/events/types. `charge.refunded` is no news: it has the charge,
but not the refund. For those there are `refund.created`, `refund.updated` and `refund.failed`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
import stripe

from academy.infrastructure.gateways.base import BadSignature, News, NewsKind, WebhooksClosed
from academy.infrastructure.gateways.stripe_objects import (
    StripeDispute,
    StripeIntent,
    StripeRefund,
    StripeSession,
    gateway_dispute,
    gateway_refund,
    our_id,
)

# Seconds; https://docs.stripe.com/webhooks#replay-attacks
_OLDEST = 300

T = TypeVar("T")


class _Data(msgspec.Struct):
    object: msgspec.Raw


class _Event(msgspec.Struct):
    id: str
    type: str
    created: int
    data: _Data


def read(body: bytes, signature: str, secret: str, now: datetime) -> News:
    """Returns what a delivery tells.

    Args:
        body: the body, untouched.
        signature: header Stripe-Signature; "" when there is none.
        secret: STRIPE_WEBHOOK_SECRET.
        now: what the time is.

    Raises WebhooksClosed without a secret; BadSignature when the signature is not the one of this body and secret, is
    older than five minutes, or the body is no event.
    """
    if not secret:
        raise WebhooksClosed
    _check_signature(body, signature, secret, now)
    try:
        event = msgspec.json.decode(body, type=_Event)
        return _READERS.get(event.type, _other)(event, datetime.fromtimestamp(event.created, UTC))
    except (msgspec.MsgspecError, ValueError, OverflowError, OSError, RecursionError) as error:
        raise BadSignature(f"The body is signed, but no event that can be read: {error}") from error


def _check_signature(body: bytes, signature: str, secret: str, now: datetime) -> None:
    """Raises BadSignature."""
    # The SDK compares the time with the system's clock; here it is compared with ours. It takes the first of several
    # times: with two of them, the one that is signed would not be the one that is looked at.
    times = [value for name, _, value in (part.partition("=") for part in signature.split(",")) if name == "t"]
    if not signature.isascii() or len(times) != 1 or not times[0].isdecimal():
        raise BadSignature("Stripe-Signature cannot be read.")
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret)
        age = now.timestamp() - int(times[0])
    except (stripe.SignatureVerificationError, ValueError, OverflowError) as error:
        raise BadSignature("The signature does not fit: Stripe did not send this.") from error
    if age > _OLDEST:
        raise BadSignature(f"The signature is {age:.0f} seconds old.")


def _paid(event: _Event, occurred_at: datetime) -> News:
    session = _object(event, StripeSession)
    if session.payment_status != "paid":
        return _other(event, occurred_at)
    news = _of_session(event, occurred_at, session, NewsKind.PAID)
    return msgspec.structs.replace(news, amount=session.amount)


def _expired(event: _Event, occurred_at: datetime) -> News:
    news = _of_session(event, occurred_at, _object(event, StripeSession), NewsKind.EXPIRED)
    return msgspec.structs.replace(news, is_final=True)


def _failed(event: _Event, occurred_at: datetime) -> News:
    news = _of_session(event, occurred_at, _object(event, StripeSession), NewsKind.FAILED)
    return msgspec.structs.replace(news, failure="The bank did not send the money.", is_final=True)


def _declined(event: _Event, occurred_at: datetime) -> News:
    intent = _object(event, StripeIntent)
    return News(
        event_id=event.id,
        event_type=event.type,
        kind=NewsKind.FAILED,
        occurred_at=occurred_at,
        payment_reference=intent.id,
        transaction_id=our_id(intent.metadata, "transaction_id"),
        failure=intent.failure,
    )


def _refund(event: _Event, occurred_at: datetime) -> News:
    refund = _object(event, StripeRefund)
    return News(
        event_id=event.id,
        event_type=event.type,
        kind=NewsKind.REFUND,
        occurred_at=occurred_at,
        payment_reference=refund.payment_intent or "",
        transaction_id=our_id(refund.metadata, "transaction_id"),
        refund=gateway_refund(refund),
    )


def _dispute(event: _Event, occurred_at: datetime) -> News:
    dispute = _object(event, StripeDispute)
    return News(
        event_id=event.id,
        event_type=event.type,
        kind=NewsKind.DISPUTE,
        occurred_at=occurred_at,
        payment_reference=dispute.payment_intent or "",
        dispute=gateway_dispute(dispute),
    )


def _other(event: _Event, occurred_at: datetime) -> News:
    return News(event_id=event.id, event_type=event.type, kind=NewsKind.OTHER, occurred_at=occurred_at)


def _of_session(event: _Event, occurred_at: datetime, session: StripeSession, kind: NewsKind) -> News:
    return News(
        event_id=event.id,
        event_type=event.type,
        kind=kind,
        occurred_at=occurred_at,
        reference=session.id,
        payment_reference=session.intent_id,
        transaction_id=our_id(session.metadata, "transaction_id"),
    )


def _object(event: _Event, kind: type[T]) -> T:
    """Returns what an event is about. Raises msgspec.ValidationError."""
    return msgspec.json.decode(event.data.object, type=kind)


_READERS: dict[str, Callable[[_Event, datetime], News]] = {
    "checkout.session.completed": _paid,
    "checkout.session.async_payment_succeeded": _paid,
    "checkout.session.async_payment_failed": _failed,
    "checkout.session.expired": _expired,
    "payment_intent.payment_failed": _declined,
    "refund.created": _refund,
    "refund.updated": _refund,
    "refund.failed": _refund,
    "charge.dispute.created": _dispute,
    "charge.dispute.updated": _dispute,
    "charge.dispute.closed": _dispute,
}
