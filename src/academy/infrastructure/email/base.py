"""The e-mail door: how a rendered message leaves the academy.

The promise of a provider
-------------------------
`send` returns when the provider has taken responsibility for the message, and only then. It never changes the message
and never sends it twice by itself. What goes wrong is one of two things:

- `TechnicalEmailError`: this try failed, and another one, or another provider, may succeed. The network, a time-out, a
  rate limit, an answer of the 5xx (HTTP) or 4xx (SMTP) kind; but also wrong credentials and a sender that the provider
  does not know: they are the academy's fault, not the recipient's, and another provider may be set up right.
- `LogicalEmailError`: this message to this recipient will never be taken, by nobody. The address does not exist, the
  content is refused, the message is too large.

After a time-out nobody knows whether the message was taken. Then the error is technical: a second copy is better than
none. The Message-ID is the same on every try, so that whoever keeps it (see `Capabilities`) can tell the copy.

`send` may be called many times at once; a provider holds as many connections as its settings say and keeps them open
between messages. No step of a call takes longer than EMAIL_TIMEOUT_SECONDS. `verify` asks the provider whether mail
could be sent now with these credentials; it sends nothing. `close` gives all connections back; a provider that was
closed opens again when it is used.

A provider says by its `Capabilities` what it cannot do. What it cannot express it refuses loudly, it never drops it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from academy.kit.errors import AcademyError, Kind


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider can do beyond sending.

    Attributes:
        keeps_message_id: whether the recipient sees our Message-ID, and so can tell a second copy.
        non_ascii_mailboxes: whether the part before the `@` may have characters beyond ASCII (RFC 6531).
        reports_bounces: whether bounces and complaints come back by a signed webhook.
        largest_message: bytes that a message may have, as MIME.
        at_once: messages it can have under way; others wait for a free connection. None: it waits for nothing itself.
    """

    keeps_message_id: bool
    non_ascii_mailboxes: bool
    reports_bounces: bool
    largest_message: int
    at_once: int | None = None


class EmailMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A rendered message.

    Attributes:
        mail_id: our id of the mail; travels along as a tag, so that a provider's reports can name it.
        message_id: with angle brackets (RFC 5322, section 3.6.4); stable over retries.
        to: one address.
        subject: one line; a line break in it is refused before it gets here.
        text: the plain-text alternative, complete.
        html: the HTML alternative, nothing remote in it but the logo.
        unsubscribe_url: where one POST ends mails of this kind (RFC 8058); empty for mails that cannot be declined.
    """

    mail_id: str
    message_id: str
    sender: str
    sender_name: str
    to: str
    subject: str
    text: str
    html: str
    unsubscribe_url: str = ""


class TechnicalEmailError(AcademyError):
    """This try failed; another one, or another provider, may succeed.

    Attributes:
        throttled: the provider is well, but asks us to be slower; `retry_after` says until when, if it told.
        about_recipient: the provider is well; it is this recipient's mailbox that cannot be had at the moment.
    """

    code = "email_not_sent"
    kind = Kind.UNAVAILABLE

    def __init__(
        self, message: str, *, throttled: bool = False, about_recipient: bool = False, retry_after: int | None = None
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.throttled = throttled
        self.about_recipient = about_recipient


class LogicalEmailError(AcademyError):
    """The message was refused for good."""

    code = "email_refused"
    kind = Kind.INVALID


class Taken(msgspec.Struct, frozen=True):
    """A message that left.

    Attributes:
        provider: name of the provider that took it.
        passed_over: providers that come before that one and did not take it: name -> why.
    """

    provider: str
    passed_over: Mapping[str, str]


class EmailProvider(Protocol):
    """One way for mail to leave."""

    @property
    def name(self) -> str:
        """Name as in EMAIL_PROVIDER."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    async def send(self, message: EmailMessage) -> None:
        """Hands the message over. Raises TechnicalEmailError, LogicalEmailError; see the module's promise."""
        ...

    async def verify(self) -> str:
        """Returns "" when mail could be sent now, else what is wrong and what to do. Sends nothing, never raises."""
        ...

    async def close(self) -> None:
        """Gives its connections back. Safe to call twice."""
        ...


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets a mail.

    Attributes:
        address: where it goes.
        name: how the mail greets.
        language: language of the mail, such as `en` or `hi`; English where the academy does not speak it.
        user_id: the account it belongs to; None for somebody who has none.
    """

    address: str
    name: str
    language: str = "en"
    user_id: str | None = None


class InboxMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message in the local inbox, as `/dev/mail.json` shows it."""

    to: str
    subject: str
    text: str
    html: str
    sent_at: datetime
