"""Documents of the e-mail: the log of every mail, the addresses that get none, and the local inbox."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from academy.infrastructure.database.document import Document, Index


class MailState(StrEnum):
    """Where a mail stands.

    Waiting to be sent; taken by a provider; given up (refused for good, failed too often, or no longer of use); not
    sent, since its address gets no mail or its recipient no such mail any more; taken back, with the rest of its batch,
    before it left; come back after it was sent; called spam by its recipient.
    """

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    DROPPED = "dropped"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


class Mail(Document, kw_only=True):
    """A mail, from the moment its cause is committed. Its words are made from `values` when it is sent or looked at.

    Attributes:
        kind: which kind of mail it is: a `rendering.MailKind`.
        language: language it is written in.
        values: what its template shows.
        subject: the subject, as the log shows it: without a one-time code.
        secret: whether the values hold a one-time code: it is never shown, and forgotten when the mail has ended.
        user_id: the account it belongs to.
        cause: what it tells of, such as `enrolment:ID`, so that no fact is told twice; None: it may be.
        batch_id: the batch it is part of.
        expires_at: when it is of no more use, such as a code that is void by then.
        unsubscribe_url: see EmailMessage.
        provider: who took it.
        attempts: tries to send it.
        given_up: it failed since its job is dead, and not since it was refused: the job may be tried again.
    """

    __collection__: ClassVar[str] = "mails"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("-created_at",)),
        Index(("state", "-created_at")),
        Index(("kind", "-created_at")),
        Index(("to_key", "-created_at")),
        Index(("user_id", "-created_at"), present="user_id"),
        Index(("batch_id", "state", "created_at"), present="batch_id"),
        Index(("batch_id", "-created_at"), present="batch_id"),
        Index(("created_at",), name="oldest_first"),
        Index(("cause",), unique=True, present="cause"),
    )

    kind: str
    language: str
    to: str
    to_key: str
    values: dict[str, str]
    subject: str
    secret: bool = False
    user_id: str | None = None
    cause: str | None = None
    batch_id: str | None = None
    expires_at: datetime | None = None
    unsubscribe_url: str = ""
    message_id: str
    state: MailState = MailState.QUEUED
    provider: str = ""
    attempts: int = 0
    given_up: bool = False
    last_error: str = ""
    sent_at: datetime | None = None


class MailBatch(Document, kw_only=True):
    """A batch of mails, from the moment its first mails are written; its id is theirs as `batch_id`.

    Attributes:
        started_at: when all of it was written and its sending was asked for, the last time.
        dropped_at: when it was taken back; from then on nothing is added to it and nothing of it is sent.
    """

    __collection__: ClassVar[str] = "mail_batches"

    started_at: datetime | None = None
    dropped_at: datetime | None = None


class SuppressionReason(StrEnum):
    """Why an address gets no mail: it does not exist, or its owner called a mail spam."""

    BOUNCED = "bounced"
    COMPLAINED = "complained"


class Suppression(Document, kw_only=True):
    """An address that gets no mail, one document each.

    Attributes:
        address_key: the address in the form used for comparing; unique.
        reported_at: when the provider says it happened.
        lifted_at: when an admin lifted it; what was reported before that moment counts no more. None: it holds.
        mail_id: the mail it was about, if the provider told.
    """

    __collection__: ClassVar[str] = "suppressions"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("address_key",), unique=True),
        Index(("lifted_at", "-reported_at")),
    )

    address: str
    address_key: str
    reason: SuppressionReason
    provider: str
    detail: str = ""
    mail_id: str = ""
    reported_at: datetime
    lifted_at: datetime | None = None


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
