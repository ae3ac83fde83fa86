"""Reads Razorpay's webhooks: https://razorpay.com/docs/webhooks/.

Razorpay signs the body and nothing else. So the signature does not say when a webhook was sent: one that is sent again
after months is believed, and has to be known by what it is about. The id of the event is in a header that is not
signed: whoever got hold of a webhook could send it again under another id.

What the buyer's browser can write is not believed either: the notes of a payment are set by the page that opened the
checkout. Only an order's notes name our transaction.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

import msgspec
from razorpay.errors import SignatureVerificationError
from razorpay.utility import Utility

from academy.infrastructure.gateways.base import (
    BadSignature,
    GatewayDispute,
    GatewayRefund,
    News,
    NewsKind,
    RefundState,
)
from academy.infrastructure.gateways.razorpay_api import (
    DisputeEntity,
    OrderEntity,
    PaymentEntity,
    RefundEntity,
)
from academy.infrastructure.http.bodies import UNREADABLE
from academy.kit.money import Money

SIGNATURE_HEADER = "x-razorpay-signature"
EVENT_ID_HEADER = "x-razorpay-event-id"

# https://razorpay.com/docs/api/refunds/entity/
_REFUND_STATES = {"processed": RefundState.DONE, "failed": RefundState.FAILED}
_REFUND_FAILED = "Razorpay could not send the money back."
_END_OF_TIME = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())

T = TypeVar("T")


class _Envelope(msgspec.Struct, frozen=True):
    event: str
    created_at: Annotated[int, msgspec.Meta(ge=0, le=_END_OF_TIME)]
    payload: msgspec.Raw


class _Of(msgspec.Struct, Generic[T], frozen=True):
    entity: T


class _AboutPayment(msgspec.Struct, frozen=True):
    payment: _Of[PaymentEntity]
    order: _Of[OrderEntity] | None = None


class _AboutRefund(msgspec.Struct, frozen=True):
    refund: _Of[RefundEntity]
    payment: _Of[PaymentEntity]


class _AboutDispute(msgspec.Struct, frozen=True):
    dispute: _Of[DisputeEntity]
    payment: _Of[PaymentEntity]


def is_signed(message: str, signature: str, secret: str) -> bool:
    """Whether `signature` is the HMAC-SHA256 of `message` in hexadecimal digits. With an empty `secret` nothing is."""
    # The SDK compares texts in constant time, which Python does for ASCII only.
    if not secret or not signature.isascii():
        return False
    try:
        Utility().verify_signature(message, signature, secret)
    except SignatureVerificationError:
        return False
    return True


def read_webhook(body: bytes, headers: Mapping[str, str], secret: str) -> News:
    """Checks a webhook's signature and reads it. `headers` have lower-case names.

    Raises BadSignature, also for a signed body that cannot be read.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadSignature("The body is not UTF-8.") from error
    if not is_signed(text, headers.get(SIGNATURE_HEADER, ""), secret):
        raise BadSignature(f"{SIGNATURE_HEADER} does not fit the body and RAZORPAY_WEBHOOK_SECRET.")
    event_id = headers.get(EVENT_ID_HEADER, "")
    if not event_id:
        raise BadSignature(f"{EVENT_ID_HEADER} is missing.")
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
        news = News(
            event_id=event_id,
            event_type=envelope.event,
            kind=NewsKind.OTHER,
            occurred_at=datetime.fromtimestamp(envelope.created_at, UTC),
        )
        read = _READERS.get(envelope.event)
        return news if read is None else read(news, envelope.payload)
    except UNREADABLE as error:
        raise BadSignature("The body is signed, but it is not what Razorpay's documentation says.") from error


def refund_of(entity: RefundEntity) -> GatewayRefund:
    """Returns a refund as the door knows it. Its receipt is our id; the notes can be changed at Razorpay."""
    state = _REFUND_STATES.get(entity.status, RefundState.PENDING)
    return GatewayRefund(
        reference=entity.id,
        refund_id=entity.receipt or "",
        amount=Money(amount=entity.amount, currency=entity.currency),
        state=state,
        failure=_REFUND_FAILED if state is RefundState.FAILED else "",
    )


def _paid(news: News, payload: msgspec.Raw) -> News:
    """`payment.captured` and `order.paid` tell of the same money; only the second one brings the order."""
    about = msgspec.json.decode(payload, type=_AboutPayment)
    payment = about.payment.entity
    return msgspec.structs.replace(
        news,
        kind=NewsKind.PAID,
        reference=payment.order_id or "",
        payment_reference=payment.id,
        transaction_id="" if about.order is None else about.order.entity.note("transaction_id"),
        amount=Money(amount=payment.amount, currency=payment.currency),
    )


def _failed(news: News, payload: msgspec.Raw) -> News:
    """An attempt failed. The buyer may try again, and even this one may still succeed."""
    payment = msgspec.json.decode(payload, type=_AboutPayment).payment.entity
    return msgspec.structs.replace(
        news, kind=NewsKind.FAILED, reference=payment.order_id or "", failure=payment.error_description or ""
    )


def _authorized(news: News, payload: msgspec.Raw) -> News:
    """The bank has set the money aside; it is ours when it is captured."""
    payment = msgspec.json.decode(payload, type=_AboutPayment).payment.entity
    return msgspec.structs.replace(news, reference=payment.order_id or "", payment_reference=payment.id)


def _refunded(news: News, payload: msgspec.Raw) -> News:
    about = msgspec.json.decode(payload, type=_AboutRefund)
    payment, refund = about.payment.entity, about.refund.entity
    told = msgspec.structs.replace(news, reference=payment.order_id or "", payment_reference=refund.payment_id)
    # Razorpay itself returns what was authorised and never captured: money that never came in.
    if not payment.captured:
        return told
    return msgspec.structs.replace(told, kind=NewsKind.REFUND, refund=refund_of(refund))


def _disputed(news: News, payload: msgspec.Raw) -> News:
    about = msgspec.json.decode(payload, type=_AboutDispute)
    dispute = about.dispute.entity
    return msgspec.structs.replace(
        news,
        kind=NewsKind.DISPUTE,
        reference=about.payment.entity.order_id or "",
        payment_reference=dispute.payment_id,
        dispute=GatewayDispute(
            reference=dispute.id,
            amount=Money(amount=dispute.amount, currency=dispute.currency),
            reason=dispute.reason_description or dispute.reason_code or "",
            status=dispute.status,
        ),
    )


_READERS: dict[str, Callable[[News, msgspec.Raw], News]] = {
    "payment.captured": _paid,
    "order.paid": _paid,
    "payment.failed": _failed,
    "payment.authorized": _authorized,
    "refund.created": _refunded,
    "refund.processed": _refunded,
    "refund.failed": _refunded,
    "payment.dispute.created": _disputed,
    "payment.dispute.under_review": _disputed,
    "payment.dispute.action_required": _disputed,
    "payment.dispute.won": _disputed,
    "payment.dispute.lost": _disputed,
    "payment.dispute.closed": _disputed,
}
