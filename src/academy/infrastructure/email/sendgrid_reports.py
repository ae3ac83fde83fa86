"""SendGrid's signed event webhook.

SendGrid posts a JSON array of events. Its signature is ECDSA over the timestamp of the request's header, followed by
the body, byte by byte as it came; the settings have the public key:
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
The events: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event

What passes by itself is no report: `deferred`, and a `bounce` of type `blocked`, which says that a server did not like
this mail, or us, at that moment. SendGrid drops mail to an address that is on its own lists; then the reason names the
list.
"""

import base64
from datetime import UTC, datetime

import msgspec
import structlog
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from academy.infrastructure.email.reports import DeliveryReport, ForgedReport, ReportKind, is_address, one_line
from academy.infrastructure.http.bodies import UNREADABLE
from academy.kit.clock import to_milliseconds
from academy.kit.errors import InvalidError

# Unsubscribing is not among them: the academy's mails carry its own address for that, and none of SendGrid's.
_KINDS = {"spamreport": ReportKind.COMPLAINED}
# Whole reasons: `Invalid` is a wrong address, but `Invalid SMTPAPI header` is a mistake of the sender.
_DROPPED = {
    "bounced address": ReportKind.BOUNCED,
    "invalid": ReportKind.BOUNCED,
    "spam reporting": ReportKind.COMPLAINED,
    "spam reporting address": ReportKind.COMPLAINED,
}


class _Event(msgspec.Struct):
    """The part of an event that is read. `mail_id` is our custom argument, `type` and `reason` are a bounce's."""

    event: str
    email: str
    timestamp: int | float
    type: str | None = None
    reason: str | None = None
    mail_id: object = ""


def read(body: bytes, signature: str, timestamp: str, public_key: str) -> list[DeliveryReport]:
    """Returns what a call of the webhook reports; events that are no lasting harm, or make no sense, are left out.

    Args:
        body: the body, untouched.
        signature: header X-Twilio-Email-Event-Webhook-Signature: base64 of a DER signature.
        timestamp: header X-Twilio-Email-Event-Webhook-Timestamp.
        public_key: SENDGRID_WEBHOOK_PUBLIC_KEY: base64 of a DER public key on the curve P-256.

    Raises ForgedReport when the signature is not the one of this body and key, InvalidError when the body is signed,
    but is no array.
    """
    _check_signature(body, signature, timestamp, public_key)
    try:
        events = msgspec.json.decode(body, type=list[msgspec.Raw])
    except UNREADABLE as error:
        raise InvalidError("The body is no JSON array of events.") from error
    return [report for event in events if (report := _report(event)) is not None]


def _check_signature(body: bytes, signature: str, timestamp: str, public_key: str) -> None:
    """Raises ForgedReport."""
    try:
        key = load_der_public_key(base64.b64decode(public_key, validate=True))
        signed = base64.b64decode(signature, validate=True)
        content = timestamp.encode() + body
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ForgedReport("The signature or SENDGRID_WEBHOOK_PUBLIC_KEY cannot be read.") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ForgedReport("SENDGRID_WEBHOOK_PUBLIC_KEY is no key on the curve P-256.")
    try:
        key.verify(signed, content, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise ForgedReport("The signature does not fit: SendGrid did not send this.") from error


def _report(raw: msgspec.Raw) -> DeliveryReport | None:
    """Returns what an event reports, if anything. An odd event is logged, so that it does not spoil the others."""
    try:
        event = msgspec.json.decode(raw, type=_Event)
        kind = _kind(event)
        if kind is None or not is_address(event.email):
            return None
        happened = to_milliseconds(datetime.fromtimestamp(event.timestamp, UTC))
    except (msgspec.MsgspecError, ValueError, OverflowError, OSError, RecursionError) as error:
        structlog.get_logger().warning("odd_delivery_event", provider="sendgrid", error=str(error))
        return None
    return DeliveryReport(
        provider="sendgrid",
        kind=kind,
        address=event.email,
        mail_id=event.mail_id if isinstance(event.mail_id, str) else "",
        detail=one_line(event.reason or event.event),
        reported_at=happened,
    )


def _kind(event: _Event) -> ReportKind | None:
    match event.event:
        case "bounce":
            return ReportKind.BOUNCED if event.type == "bounce" else None
        case "dropped":
            return _DROPPED.get((event.reason or "").strip().lower())
        case name:
            return _KINDS.get(name)
