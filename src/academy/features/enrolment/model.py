"""Documents of the enrolment."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from academy.infrastructure.database.document import Document, Index
from academy.infrastructure.jobs.base import Event


class EnrolmentStatus(StrEnum):
    """An enrolment gives access while it is active; a refund revokes it."""

    ACTIVE = "active"
    REVOKED = "revoked"


class Enrolment(Document, kw_only=True):
    """A learner's right to a course; one per learner and course, for ever the same document.

    Attributes:
        transaction_id: what paid for it; None when nothing had to.
    """

    __collection__: ClassVar[str] = "enrolments"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("user_id", "course_id"), unique=True),
        Index(("course_id", "-created_at")),
        Index(("user_id", "-created_at")),
        Index(("-created_at",)),
        Index(("transaction_id",), present="transaction_id"),
    )

    user_id: str
    course_id: str
    course_slug: str
    status: EnrolmentStatus = EnrolmentStatus.ACTIVE
    transaction_id: str | None = None
    revoked_at: datetime | None = None


class LearnerEnrolled(Event, frozen=True, kw_only=True):
    """A learner got access to a course, for the first time or again."""

    __event__: ClassVar[str] = "learner_enrolled"

    enrolment_id: str
    user_id: str
    course_id: str
    granted_at: datetime
