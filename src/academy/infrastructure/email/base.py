"""The e-mail door: how a rendered message leaves the academy.

The promise of a provider
-------------------------
`send` returns when the provider has taken responsibility for the message. It raises `TechnicalEmailError` when another
try or another provider may succeed (network, time-out, rate limit, 5xx) and `LogicalEmailError` when none will (the
address does not exist, the message is refused). The Message-ID is the same on every try of the same message. A provider
never changes the message.
"""

from datetime import datetime
from typing import Protocol

import msgspec

from academy.kit.errors import AcademyError, Kind


class EmailMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A rendered message.

    Attributes:
        message_id: with angle brackets (RFC 5322, section 3.6.4); stable over retries.
        to: one address.
        subject: one line; a line break in it is refused before it gets here.
        text: the plain-text alternative, complete.
        html: the HTML alternative, nothing remote in it but the logo.
    """

    message_id: str
    sender: str
    sender_name: str
    to: str
    subject: str
    text: str
    html: str


class TechnicalEmailError(AcademyError):
    """This try failed; another one, or another provider, may succeed."""

    code = "email_not_sent"
    kind = Kind.UNAVAILABLE


class LogicalEmailError(AcademyError):
    """The message was refused for good."""

    code = "email_refused"
    kind = Kind.INVALID


class EmailProvider(Protocol):
    """One way for mail to leave."""

    @property
    def name(self) -> str:
        """Name as in EMAIL_PROVIDER."""
        ...

    async def send(self, message: EmailMessage) -> None:
        """Hands the message over. See the module's promise for what it raises."""
        ...

    async def health_check(self) -> str:
        """Returns an empty string when mail could be sent now, else what is wrong. Sends nothing, never raises."""
        ...


class InboxMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message in the local inbox, as `/dev/mail.json` shows it."""

    to: str
    subject: str
    text: str
    html: str
    sent_at: datetime
