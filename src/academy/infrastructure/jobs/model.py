"""The job as it lies in the database."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from academy.infrastructure.database.document import Document, Index


class JobStatus(StrEnum):
    """Waiting for its time, being worked on under a lease, finished, or given up."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


class Job(Document, kw_only=True):
    """A job.

    Attributes:
        kind: name of its JobKind.
        payload: JSON of its payload.
        key: what makes it one among its kind while it is not finished; empty: nothing does.
        unfinished_key: kind and key while it is not finished, so that a unique index allows one of them; else None.
        slot: kind and time slot of a scheduled job, kept when it is finished, so that no slot is worked off twice.
        attempts: tries begun so far.
        due_at: when it may be claimed: its time while queued, the end of its lease while running, None when over.
        leased_by: the worker that holds it.
        again: its key was asked for while it was running: it runs once more.
        last_error: why the last try failed, for the admin.
    """

    __collection__: ClassVar[str] = "jobs"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("unfinished_key",), unique=True, present="unfinished_key"),
        Index(("slot",), unique=True, present="slot"),
        Index(("due_at",), present="due_at"),
        Index(("status", "-created_at")),
        Index(("status", "finished_at")),
        Index(("-created_at",)),
    )

    kind: str
    payload: str
    key: str = ""
    unfinished_key: str | None = None
    slot: str | None = None
    status: JobStatus = JobStatus.QUEUED
    attempts: int = 0
    max_attempts: int
    due_at: datetime | None
    leased_by: str = ""
    again: bool = False
    last_error: str = ""
    finished_at: datetime | None = None
