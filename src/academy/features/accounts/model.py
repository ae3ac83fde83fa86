"""Documents of the accounts: users, one-time codes, refresh tokens, the audit trail."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from academy.infrastructure.database.document import Document, Index, SearchField
from academy.infrastructure.email.base import Recipient
from academy.infrastructure.security.principal import Role
from academy.infrastructure.sessions.model import Session


class UserStatus(StrEnum):
    """Where an account stands: e-mail not yet proven, in use, or shut by an admin."""

    UNVERIFIED = "unverified"
    ACTIVE = "active"
    SUSPENDED = "suspended"


class Profile(msgspec.Struct, kw_only=True):
    """What others see of a person."""

    headline: str = ""
    bio: str = ""
    links: list[str] = []
    avatar_key: str | None = None


class Topic(StrEnum):
    """What the academy notifies people of, beyond what they must know. Everybody can decline each of them."""

    ANNOUNCEMENTS = "announcements"
    COURSE_COMPLETED = "course_completed"
    COURSE_REVIEWED = "course_reviewed"

    @property
    def described(self) -> str:
        """The topic as people read it, to go on after "mail about"."""
        return _TOPICS[self]


_TOPICS = {
    Topic.ANNOUNCEMENTS: "news from the academy",
    Topic.COURSE_COMPLETED: "finished courses",
    Topic.COURSE_REVIEWED: "reviews of own courses",
}


class Preferences(msgspec.Struct, kw_only=True):
    """How a person wants the academy to look, and what it may write about.

    Attributes:
        language: of mails.
        declined: topics that the person gets no mail about.
    """

    language: str = "en"
    time_zone: str = "Asia/Kolkata"
    theme: str = "auto"
    declined: list[Topic] = []


class User(Document, kw_only=True):
    """A person with an account.

    Attributes:
        email: as typed, for sending mail.
        email_key: the address in the form used for comparing (see `validation.email_key`); unique.
        former_emails: addresses it had before: what was sent to them belongs to the account, too.
        password_hash: bcrypt, or None for an account that signs in by code only.
        verified_at: when its owner proved the address; None while nobody has.
        session_generation: counts how often the account's sessions were ended; sessions of earlier ones are over.
        kept_session_id: the session that stayed when they were ended the last time, "" for none.
    """

    __collection__: ClassVar[str] = "users"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("email_key",), unique=True),
        Index(("role", "created_at")),
        Index(("status", "created_at")),
        Index(("-created_at",)),
    )
    __search__: ClassVar[tuple[SearchField, ...]] = (SearchField("name", 2), SearchField("email", 1))

    email: str
    email_key: str
    former_emails: list[str] = []
    name: str
    role: Role = Role.LEARNER
    status: UserStatus = UserStatus.UNVERIFIED
    password_hash: str | None = None
    profile: Profile = msgspec.field(default_factory=Profile)
    preferences: Preferences = msgspec.field(default_factory=Preferences)
    verified_at: datetime | None = None
    last_sign_in_at: datetime | None = None
    session_generation: int = 0
    kept_session_id: str = ""

    def admits(self, session: Session) -> bool:
        """Whether one of the account's sessions still counts, wherever it is kept.

        Sessions are counted, not dated: the clocks of two machines never agree.
        """
        is_current = session.generation == self.session_generation or session.id == self.kept_session_id
        return self.status is UserStatus.ACTIVE and is_current

    def as_recipient(self, address: str = "") -> Recipient:
        """Returns the person as a mail's recipient, at another address when one is given.

        Nobody has proven yet that the other address is theirs, and so it is with the one of an unproven account. Such
        mail may reach a stranger: it greets by the part before the `@`, never by a text that somebody chose freely.
        """
        is_proven = self.verified_at is not None and not address
        to = address or self.email
        name = self.name if is_proven else to.rpartition("@")[0]
        return Recipient(address=to, name=name, language=self.preferences.language, user_id=self.id)


class UserList(msgspec.Struct, frozen=True):
    """One page of accounts; `total` is how many there are in all that fit."""

    items: list[User]
    next_cursor: str | None
    total: int


class RefreshToken(Document, kw_only=True):
    """A refresh token of an API session. A session's tokens are its family; a used one that comes again ends it."""

    __collection__: ClassVar[str] = "refresh_tokens"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("token_hash",), unique=True),
        Index(("session_id",)),
        Index(("user_id",)),
        Index(("expires_at",)),
    )

    token_hash: str
    session_id: str
    user_id: str
    used_at: datetime | None = None
    expires_at: datetime


class CodePurpose(StrEnum):
    """What a one-time code opens."""

    VERIFY_EMAIL = "verify_email"
    SIGN_IN = "sign_in"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - a purpose
    CHANGE_EMAIL = "change_email"


class OneTimeCode(Document, kw_only=True):
    """The live one-time code of an address for a purpose; a new one replaces the old.

    Attributes:
        code_hash: keyed hash of the six digits.
        sent_count, window_started_at: how many were sent in the present window, for the resend limit.
        new_email: the address to change to, for CHANGE_EMAIL.
    """

    __collection__: ClassVar[str] = "one_time_codes"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("email_key", "purpose"), unique=True),
        Index(("expires_at",)),
        Index(("user_id",)),
    )

    email_key: str
    user_id: str
    purpose: CodePurpose
    code_hash: str
    expires_at: datetime
    sent_count: int = 1
    window_started_at: datetime
    new_email: str | None = None


class CodeTry(msgspec.Struct, frozen=True, kw_only=True):
    """A code that somebody typed. One that is right is taken out again."""

    id: str
    purpose: CodePurpose
    at: datetime


class CodeTries(Document, kw_only=True):
    """The codes that were typed for an address in the last day, whether or not it has an account.

    Attributes:
        address_hash: keyed hash of the address: whose account does not exist is not to be written down here.
        tries: in the order in which they were counted; as many as the limits need.
        expires_at: when none of them counts any more.
    """

    __collection__: ClassVar[str] = "code_tries"
    __indexes__: ClassVar[tuple[Index, ...]] = (Index(("address_hash",), unique=True), Index(("expires_at",)))

    address_hash: str
    tries: list[CodeTry]
    expires_at: datetime


class AuditAction(StrEnum):
    """What the audit trail tells."""

    ACCOUNT_CREATED = "account_created"
    ACCOUNT_DELETED = "account_deleted"
    ACCOUNT_SUSPENDED = "account_suspended"
    ACCOUNT_UNSUSPENDED = "account_unsuspended"
    EMAIL_VERIFIED = "email_verified"
    EMAIL_CHANGED = "email_changed"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - an action
    PASSWORD_RESET = "password_reset"  # noqa: S105 - an action
    ROLE_CHANGED = "role_changed"
    SESSIONS_ENDED = "sessions_ended"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105 - an action


class AuditEntry(Document, kw_only=True):
    """Who did what to whom, and when. Written, never changed; names people by their ids only.

    Attributes:
        actor_id: the user who did it, or `administration.COMMAND_LINE`.
        subject_id: the user it was done to.
        details: what the action itself does not tell, such as the new role.
    """

    __collection__: ClassVar[str] = "audit_entries"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("-created_at",)),
        Index(("actor_id", "-created_at")),
        Index(("subject_id", "-created_at")),
    )

    actor_id: str
    action: AuditAction
    subject_id: str
    details: dict[str, str] = {}


def person_tag(user_id: str) -> str:
    """Tag of what the public is shown of a person: name, headline, text, picture (see the cache's `dependencies`)."""
    return f"person:{user_id}"
