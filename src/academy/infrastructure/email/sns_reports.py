"""Reports of Amazon SES, which come as signed messages of an SNS topic.

Anybody can post to the webhook, and anybody can have a topic whose messages Amazon signs. So a message counts only when
it names our topic and its signature fits a certificate that was fetched from SNS itself, in the topic's region:
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
The host is compared as a whole, as Amazon's own SDK for Java does. A pattern for `sns.REGION.amazonaws.com` would also
fit `sns.s3-us-west-2.amazonaws.com`, which is a bucket that somebody named `sns`.

The content is an event of SES, published by a configuration set (`eventType`, with the tags of the mail) or by the
feedback of an identity (`notificationType`, without tags):
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
"""

import base64
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

import msgspec
import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from academy.infrastructure.email.reports import DeliveryReport, ForgedReport, ReportKind, is_address, one_line
from academy.infrastructure.email.sns_certificates import Fetch, SnsCertificates
from academy.infrastructure.http.bodies import UNREADABLE
from academy.kit.clock import Clock, to_milliseconds
from academy.kit.text import is_one_line

_HASHES: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 - SNS still uses it
# Reports of a mail server that are no complaint of its user (RFC 5965, section 7.3; RFC 6591).
_NO_COMPLAINTS = ("not-spam", "auth-failure")


class _Message(msgspec.Struct, rename="pascal"):
    """A message of SNS. `subject` may be missing; `token` and `subscribe_url` are those of confirmations."""

    type: Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]
    message_id: str
    topic_arn: str
    message: str
    timestamp: str
    signature_version: str
    signature: str
    signing_cert_url: str = msgspec.field(name="SigningCertURL")
    subject: str | None = None
    token: str = ""
    subscribe_url: str = msgspec.field(name="SubscribeURL", default="")

    def canonical(self) -> bytes:
        """Returns what SNS has signed: names and values in lines, sorted by name, chosen by the type."""
        confirmation = [("SubscribeURL", self.subscribe_url), ("Token", self.token)]
        subject = [] if self.subject is None else [("Subject", self.subject)]
        pairs = [
            ("Message", self.message),
            ("MessageId", self.message_id),
            ("Timestamp", self.timestamp),
            ("TopicArn", self.topic_arn),
            ("Type", self.type),
            *(subject if self.type == "Notification" else confirmation),
        ]
        return "".join(f"{name}\n{value}\n" for name, value in sorted(pairs)).encode()


class _Recipient(msgspec.Struct, rename="camel"):
    email_address: str
    diagnostic_code: str | None = None


class _Bounce(msgspec.Struct, rename="camel"):
    bounce_type: str
    timestamp: datetime
    bounced_recipients: list[msgspec.Raw]
    bounce_sub_type: str | None = None


class _Complaint(msgspec.Struct, rename="camel"):
    timestamp: datetime
    complained_recipients: list[msgspec.Raw]
    complaint_feedback_type: str | None = None


class _Event(msgspec.Struct, rename="camel"):
    event_type: str = ""
    notification_type: str = ""
    bounce: msgspec.Raw = msgspec.Raw(b"null")
    complaint: msgspec.Raw = msgspec.Raw(b"null")
    mail: msgspec.Raw = msgspec.Raw(b"null")


class _TaggedMail(msgspec.Struct):
    tags: dict[str, list[str]] = {}


class SnsReports:
    """Reads the messages of one topic. One object may read many at once."""

    def __init__(self, topic_arn: str, fetch: Fetch, clock: Clock) -> None:
        """`topic_arn` is SES_SNS_TOPIC_ARN; `fetch` gets addresses of the topic's SNS only."""
        self._topic_arn = topic_arn
        self._host = _sns_host(topic_arn)
        self._fetch = fetch
        self._clock = clock
        self._certificates = SnsCertificates(fetch, clock)

    async def read(self, body: bytes) -> list[DeliveryReport]:
        """Returns what a message reports; confirms the subscription of the webhook when that is what it asks.

        Raises ForgedReport when the message is not proved to be of this topic, UnavailableError when SNS could not be
        reached for the proof: Amazon sends the message again.
        """
        try:
            message = msgspec.json.decode(body, type=_Message)
        except UNREADABLE as error:
            raise ForgedReport("This is no signed message of SNS. Raw message delivery has to be off.") from error
        if message.topic_arn != self._topic_arn:
            raise ForgedReport("The message is not of the topic in SES_SNS_TOPIC_ARN.")
        await self._check_signature(message)
        match message.type:
            case "Notification":
                return _reports(message.message)
            case "SubscriptionConfirmation":
                await self._confirm(message)
            case "UnsubscribeConfirmation":
                structlog.get_logger().warning("sns_topic_unsubscribed", topic=self._topic_arn)
        return []

    async def _confirm(self, message: _Message) -> None:
        """Tells SNS that this webhook wants the topic's messages. Raises ForgedReport, UnavailableError."""
        if not self._is_of_sns(message.subscribe_url):
            raise ForgedReport("The SubscribeURL is no address of SNS in the topic's region.")
        await self._fetch(message.subscribe_url)
        structlog.get_logger().info("sns_topic_subscribed", topic=self._topic_arn)

    def _is_of_sns(self, url: str) -> bool:
        """Whether an address is one of SNS in the topic's region: no other host, port or user, nothing hidden in it."""
        start = f"https://{self._host}/"
        return url.startswith(start) and is_one_line(url) and not {" ", "\\", "#"} & set(url)

    async def _check_signature(self, message: _Message) -> None:
        """Raises ForgedReport, UnavailableError."""
        algorithm = _HASHES.get(message.signature_version)
        if algorithm is None:
            raise ForgedReport("The signature is of an unknown version.")
        key = (await self._certificate(message.signing_cert_url)).public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise ForgedReport("The certificate has no RSA key.")
        try:
            signature = base64.b64decode(message.signature, validate=True)
            key.verify(signature, message.canonical(), padding.PKCS1v15(), algorithm)
        except (ValueError, InvalidSignature) as error:
            raise ForgedReport("The signature does not fit: SNS did not send this.") from error

    async def _certificate(self, url: str) -> x509.Certificate:
        """Returns the certificate behind an address, valid now. Raises ForgedReport, UnavailableError."""
        address = urlsplit(url) if self._is_of_sns(url) else None
        if address is None or address.query or not address.path.endswith(".pem"):
            raise ForgedReport("The SigningCertURL is no certificate of SNS in the topic's region.")
        certificate = await self._certificates.get(url)
        if not certificate.not_valid_before_utc <= self._clock.now() <= certificate.not_valid_after_utc:
            raise ForgedReport("The certificate of the signature is not valid now.")
        return certificate


def _sns_host(topic_arn: str) -> str:
    """Returns the host of SNS for a topic such as `arn:aws:sns:ap-south-1:123456789012:mail-events`."""
    _, partition, _, region, *_ = topic_arn.split(":")
    return f"sns.{region}.amazonaws.com{'.cn' if partition == 'aws-cn' else ''}"


def _reports(message: str) -> list[DeliveryReport]:
    """Returns what a message of the topic reports. What is no event of SES, such as its first greeting, is nothing."""
    try:
        event = msgspec.json.decode(message, type=_Event)
        match event.event_type or event.notification_type:
            case "Bounce":
                return _bounces(event)
            case "Complaint":
                return _complaints(event)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        structlog.get_logger().warning("odd_delivery_event", provider="ses", error=str(error))
    return []


def _bounces(event: _Event) -> list[DeliveryReport]:
    """Permanent bounces only: `Transient` and `Undetermined` ones may pass."""
    bounce = msgspec.json.decode(event.bounce, type=_Bounce)
    if bounce.bounce_type != "Permanent":
        return []
    return _each(event, ReportKind.BOUNCED, bounce.bounced_recipients, bounce.timestamp, bounce.bounce_sub_type)


def _complaints(event: _Event) -> list[DeliveryReport]:
    complaint = msgspec.json.decode(event.complaint, type=_Complaint)
    detail = complaint.complaint_feedback_type
    if detail in _NO_COMPLAINTS:
        return []
    return _each(event, ReportKind.COMPLAINED, complaint.complained_recipients, complaint.timestamp, detail)


def _each(
    event: _Event, kind: ReportKind, recipients: list[msgspec.Raw], happened: datetime, detail: str | None
) -> list[DeliveryReport]:
    """Returns a report per recipient; `detail` is for those who have none of their own. Raises ValueError."""
    reported_at = to_milliseconds(happened)
    mail_id = _mail_id(event.mail)
    return [
        DeliveryReport(
            provider="ses",
            kind=kind,
            address=recipient.email_address,
            mail_id=mail_id,
            detail=one_line(recipient.diagnostic_code or detail or kind),
            reported_at=reported_at,
        )
        for raw in recipients
        if (recipient := _recipient(raw)) is not None and is_address(recipient.email_address)
    ]


def _recipient(raw: msgspec.Raw) -> _Recipient | None:
    """Returns None for an odd one, so that it does not spoil the others."""
    try:
        return msgspec.json.decode(raw, type=_Recipient)
    except msgspec.MsgspecError as error:
        structlog.get_logger().warning("odd_delivery_event", provider="ses", error=str(error))
        return None


def _mail_id(mail: msgspec.Raw) -> str:
    """Returns our tag of a mail; "" when there is none: a report about an address counts without it."""
    try:
        tagged = msgspec.json.decode(mail, type=_TaggedMail)
    except msgspec.MsgspecError:
        return ""
    return next(iter(tagged.tags.get("mail_id", [])), "")
