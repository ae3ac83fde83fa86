"""Documents of the e-mail: the log of every mail, and the local inbox."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from academy.infrastructure.database.document import Document, Index


class MailState(StrEnum):
    """Waiting for its job, handed to the provider, or given up: refused for good, or failed too often."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


class Mail(Document, kw_only=True):
    """A mail, from the moment its cause is committed.

    Attributes:
        template: which kind of mail it is: code, welcome, enrolment.
        secret: whether subject and body hold a one-time code: it is never shown, and forgotten when the mail is sent
            or given up.
        text, html: the rendered body.
        attempts: tries to send it.
    """

    __collection__: ClassVar[str] = "mails"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("-created_at",)),
        Index(("state", "-created_at")),
        Index(("to", "-created_at")),
    )

    template: str
    to: str
    subject: str
    text: str
    html: str
    secret: bool = False
    message_id: str
    state: MailState = MailState.QUEUED
    provider: str = ""
    attempts: int = 0
    last_error: str = ""
    sent_at: datetime | None = None


class InboxMail(Document, kw_only=True):
    """A mail in the local inbox; `message_id` makes a retry no second mail."""

    __collection__: ClassVar[str] = "inbox_mails"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("message_id",), unique=True),
        Index(("-created_at",)),
        Index(("created_at",), name="oldest_first"),
    )

    message_id: str
    to: str
    subject: str
    text: str
    html: str
