"""What moto's SES cannot play: the account, the errors, and what came besides the message.

moto takes mails as SES does, and is asked first (tests/servers/moto.py). README.md names the vendor's pages.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from academy.kit.ids import new_id
from tests.simulators.local_server import Answer, LocalServer, Request, running


class Raw(msgspec.Struct, frozen=True, rename="pascal"):
    """A whole message."""

    data: str

    @property
    def mime(self) -> bytes:
        """Its bytes."""
        return base64.b64decode(self.data, validate=True)


class Content(msgspec.Struct, frozen=True, rename="pascal"):
    """What a mail says."""

    raw: Raw


class Tag(msgspec.Struct, frozen=True, rename="pascal"):
    """A tag of a mail; its events repeat it."""

    name: str
    value: str


class SentMail(msgspec.Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """The body of a SendEmail call, as far as the academy uses it."""

    destination: dict[str, list[str]]
    content: Content
    email_tags: list[Tag] = []
    configuration_set_name: str = ""


class Ses:
    """The account that is simulated, with its server."""

    def __init__(self) -> None:
        self.server: LocalServer
        self.account: dict[str, object] = {
            "SendingEnabled": True,
            "ProductionAccessEnabled": True,
            "EnforcementStatus": "HEALTHY",
        }
        self.verified = {"mail.example"}
        self.error: tuple[int, str, str] | None = None
        """Status, code and text of the error that every call ends with."""
        self.answer_instead: Answer | None = None
        self.mails: list[SentMail] = []
        self.asked: list[str] = []
        self.authorizations: list[str] = []

    @property
    def url(self) -> str:
        """Where its API is."""
        return self.server.url

    def answer(self, request: Request) -> Answer:
        """Answers a call of the API."""
        self.asked.append(f"{request.method} {request.path}")
        self.authorizations.append(request.headers.get("authorization", ""))
        if self.answer_instead is not None:
            return self.answer_instead
        if self.error is not None:
            return _error(*self.error)
        if request.path == "/v2/email/account":
            return _json(self.account)
        if request.path == "/v2/email/outbound-emails":
            self.mails.append(msgspec.json.decode(request.body, type=SentMail))
            return _json({"MessageId": new_id()})
        identity = request.path.removeprefix("/v2/email/identities/").replace("%40", "@")
        if identity in self.verified:
            return _json({"VerifiedForSendingStatus": True, "IdentityType": "DOMAIN"})
        return _error(404, "NotFoundException", f"Email identity {identity} does not exist.")


@contextmanager
def running_ses() -> Iterator[Ses]:
    """Gives an SES that listens on a free loopback port, and ends it."""
    ses = Ses()
    with running(ses.answer) as server:
        ses.server = server
        yield ses


def _json(value: object) -> Answer:
    return Answer(200, msgspec.json.encode(value), {"Content-Type": "application/json"})


def _error(status: int, code: str, text: str) -> Answer:
    body = msgspec.json.encode({"message": text})
    return Answer(status, body, {"Content-Type": "application/json", "x-amzn-ErrorType": code})
