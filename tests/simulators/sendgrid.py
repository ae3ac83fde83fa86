"""A SendGrid that keeps the mails: its Mail Send and Scopes endpoints, and its signed event webhook.

README.md names the vendor's pages that it follows.
"""

import base64
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum

import httpx
import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from academy.kit.ids import new_id, new_token
from tests.simulators.local_server import Answer, LocalServer, Request, running
from tests.simulators.sendgrid_checks import Mail, Mistake, checked

API_KEY = "SG.simulated.key-of-the-tests"
SENDER_DOMAIN = "mail.example"
SIGNATURE_HEADER = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP_HEADER = "X-Twilio-Email-Event-Webhook-Timestamp"

_PERIOD = 60
_USUAL_LIMIT = 600
_UNVERIFIED = (
    "The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved. "
    "Visit https://sendgrid.com/docs/for-developers/sending-email/sender-identity/ to see the requirements"
)

# What each kind of event has beyond what all have.
_EVENT_FIELDS: dict[str, dict[str, object]] = {
    "processed": {},
    "delivered": {"response": "250 2.0.0 OK", "ip": "192.0.2.25", "tls": 1},
    "deferred": {"response": "450 4.2.1 try again later", "attempt": "5", "ip": "192.0.2.25", "tls": 1},
    "bounce": {
        "type": "bounce",
        "status": "5.1.1",
        "reason": "550 5.1.1 The email account that you tried to reach does not exist.",
        "bounce_classification": "Invalid Address",
        "ip": "192.0.2.25",
        "tls": 1,
    },
    "dropped": {"reason": "Bounced Address", "status": "5.0.0"},
    "spamreport": {},
    "unsubscribe": {},
}


class Fault(StrEnum):
    """What a SendGrid that is reached does wrong."""

    NONE = "none"
    ERROR_500 = "500"
    ERROR_503 = "503"
    NO_JSON = "an error page instead of JSON"
    ANOTHER_JSON = "JSON of another shape"
    SANDBOX = "it looks at mails and sends none"


class TakenMail(msgspec.Struct, frozen=True):
    """A mail that was answered with 202."""

    sg_message_id: str
    to: str
    mail: Mail

    @property
    def text(self) -> str:
        """The plain-text part."""
        return self.mail.content[0].value

    @property
    def html(self) -> str:
        """The HTML part."""
        return self.mail.content[1].value


class SendGrid:
    """The account that is simulated, with its server."""

    def __init__(self) -> None:
        self.server: LocalServer
        self.api_key = API_KEY
        self.scopes = ["mail.send", "2fa_required", "sender_verification_eligible"]
        self.credits_are_used_up = False
        self.verified_domain = SENDER_DOMAIN
        self.most_requests: int | None = None
        """How many requests a period of a minute may have; None: any number, and none is counted."""
        self.largest_body = 30_000_000
        self.fault = Fault.NONE
        self.mails: list[TakenMail] = []
        self._requests = 0
        self._period_ends = int(time.time()) + _PERIOD
        self._signing_key = ec.generate_private_key(ec.SECP256R1())

    @property
    def url(self) -> str:
        """Where its API is."""
        return self.server.url

    @property
    def webhook_public_key(self) -> str:
        """The verification key, as SendGrid's settings show it: the DER form in base64."""
        key = self._signing_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(key).decode()

    def mails_to(self, address: str) -> list[TakenMail]:
        """Returns what was taken for an address."""
        return [mail for mail in self.mails if mail.to == address]

    def event(self, kind: str, taken: TakenMail, **fields: object) -> dict[str, object]:
        """Returns an event as the webhook sends it: custom arguments stand at its top level.

        `fields` come instead of the usual ones, such as `type="blocked"` of a bounce.
        """
        return {
            "email": taken.to,
            "timestamp": int(time.time()),
            "smtp-id": taken.mail.headers.get("Message-ID", f"<{taken.sg_message_id}@geopod-ismtpd-1>"),
            "event": kind,
            "sg_event_id": new_token(),
            "sg_message_id": f"{taken.sg_message_id}.recvd-5f54b5d587-pczjm-1-67BADEEA-6.0",
            **_EVENT_FIELDS[kind],
            **taken.mail.custom_args,
            **fields,
        }

    def signed(
        self, events: Sequence[dict[str, object]], *, sent_at: int | None = None
    ) -> tuple[bytes, dict[str, str]]:
        """Returns the body and the headers of a webhook call; `sent_at` is a Unix time, now if it is not given."""
        body = b"[" + b",\r\n".join(msgspec.json.encode(event) for event in events) + b"]\r\n"
        timestamp = str(int(time.time()) if sent_at is None else sent_at)
        signature = self._signing_key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return body, {
            "Content-Type": "application/json",
            "User-Agent": "SendGrid Event API",
            SIGNATURE_HEADER: base64.b64encode(signature).decode(),
            TIMESTAMP_HEADER: timestamp,
        }

    async def post_events(self, url: str, events: Sequence[dict[str, object]]) -> int:
        """Calls a webhook with events, and returns the status of its answer."""
        body, headers = self.signed(events)
        async with httpx.AsyncClient() as client:
            return (await client.post(url, content=body, headers=headers)).status_code

    def answer(self, request: Request) -> Answer:
        """Answers a call of the API."""
        left = self._requests_left()
        limits = {
            "X-RateLimit-Limit": str(_USUAL_LIMIT if self.most_requests is None else self.most_requests),
            "X-RateLimit-Remaining": str(max(left, 0)),
            "X-RateLimit-Reset": str(self._period_ends),
        }
        answered = self._broken() or (_refusal(429, "too many requests") if left < 0 else self._answer(request))
        return Answer(answered.status, answered.body, {**limits, **answered.headers})

    def _requests_left(self) -> int:
        """Counts a request; returns how many more the period has, below 0 when this one is too many."""
        if self.most_requests is None:
            return _USUAL_LIMIT
        if time.time() >= self._period_ends:
            self._period_ends, self._requests = int(time.time()) + _PERIOD, 0
        self._requests += 1
        return self.most_requests - self._requests

    def _broken(self) -> Answer | None:
        match self.fault:
            case Fault.ERROR_500:
                return _refusal(500, "internal server error")
            case Fault.ERROR_503:
                return Answer(503, b"<html><body>upstream connect error</body></html>", {"Content-Type": "text/html"})
            case Fault.NO_JSON:
                return Answer(400, b'{"errors": [', {"Content-Type": "application/json"})
            case Fault.ANOTHER_JSON:
                return Answer(200, b'["mail.send"]', {"Content-Type": "application/json"})
            case _:
                return None

    def _answer(self, request: Request) -> Answer:
        authorization = request.headers.get("authorization", "")
        if not authorization:
            return _refusal(401, "Permission denied, wrong credentials")
        if authorization != f"Bearer {self.api_key}":
            return _refusal(401, "The provided authorization grant is invalid, expired, or revoked")
        match request.path, request.method:
            case "/v3/scopes", "GET":
                return _json(200, {"scopes": self.scopes})
            case "/v3/mail/send", "POST":
                return self._send(request)
            case "/v3/scopes" | "/v3/mail/send", _:
                return _refusal(405, "method not allowed")
            case _:
                return _refusal(404, "not found")

    def _send(self, request: Request) -> Answer:
        refusal = self._refused_before_reading(request)
        if refusal is not None:
            return refusal
        mail = checked(request.body)
        if isinstance(mail, Mistake):
            return _json(400, {"errors": [mail]})
        if mail.sender.email.rpartition("@")[2] != self.verified_domain:
            return _refusal(403, _UNVERIFIED, "from")
        if self.fault is Fault.SANDBOX:
            return Answer(200)
        message_id = new_id()
        for personalization in mail.personalizations:
            self.mails += [TakenMail(message_id, recipient.email, mail) for recipient in personalization.to]
        return Answer(202, headers={"X-Message-Id": message_id})

    def _refused_before_reading(self, request: Request) -> Answer | None:
        if "mail.send" not in self.scopes:
            return _refusal(403, "access forbidden")
        if self.credits_are_used_up:
            return _refusal(401, "Maximum credits exceeded")
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _refusal(415, "Content-Type should be application/json.")
        if len(request.body) > self.largest_body:
            return _refusal(413, "content too large")
        return None


@contextmanager
def running_sendgrid() -> Iterator[SendGrid]:
    """Gives a SendGrid that listens on a free loopback port, and ends it."""
    sendgrid = SendGrid()
    with running(sendgrid.answer) as server:
        sendgrid.server = server
        yield sendgrid


def _json(status: int, value: object) -> Answer:
    return Answer(status, msgspec.json.encode(value), {"Content-Type": "application/json"})


def _refusal(status: int, message: str, field: str | None = None) -> Answer:
    return _json(status, {"errors": [Mistake(message, field)]})
