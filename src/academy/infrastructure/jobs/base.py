"""The job door: work that must happen, written down in the same transaction as its cause.

The promise
-----------
A job is a row in the database. `enqueue` writes it with the calls of the open transaction, so a job exists exactly when
its cause does. A worker claims it with a lease and renews that while it works; a worker that dies loses its lease and
the job is claimed again; so a job runs at least once and its handler must be safe to run again. A failing job is tried
again with exponential back-off and jitter until `max_attempts`, then it is dead: visible to the admin and retried on
demand. A try that ends with its worker counts: a job that kills its workers is dead in the end, too. Two jobs with the
same `key` and kind never exist at the same time unfinished: the second `enqueue` answers the first job's id, and that
job runs once more if it was running already. A dead job is finished.

News that travels upward between features is an event: `publish` writes one job per subscriber.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import msgspec

P = TypeVar("P", bound=msgspec.Struct)


class JobKind(msgspec.Struct, Generic[P], frozen=True):
    """A kind of job and the class of its payload.

    Attributes:
        name: stable name, stored with each job, e.g. `send_mail`.
        payload: Struct class; kept as JSON in the job.
        max_attempts: tries before the job is dead.
        lease: how long a worker may stay silent before another one takes the job over. A try may last longer: its
            worker renews the lease while it lives.
        longest_pause: the pauses between failed tries double up to this.
    """

    name: str
    payload: type[P]
    max_attempts: int = 8
    lease: timedelta = timedelta(seconds=15)
    longest_pause: timedelta = timedelta(hours=1)


class PutBack(Exception):
    """Raised by a handler whose job cannot be done before `due_at`: it is put back until then, and no try is counted.

    Nothing failed: it is for what is known to come, such as a turn under a rate limit.
    """

    def __init__(self, due_at: datetime) -> None:
        super().__init__(f"not before {due_at.isoformat()}")
        self.due_at = due_at


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of domain events: what happened, told with ids and plain values only."""

    __event__: ClassVar[str]


E = TypeVar("E", bound=Event)
Handler = Callable[[P], Awaitable[None]]


class JobQueue(Protocol):
    """What features see of the jobs."""

    async def enqueue(self, kind: JobKind[P], payload: P, *, key: str = "", run_at: datetime | None = None) -> str:
        """Writes a job in the open transaction and returns its id; with a `key`, see the promise."""
        ...

    async def publish(self, event: Event) -> None:
        """Writes one job for each subscriber of the event's class, in the open transaction."""
        ...


class JobRegistry(Protocol):
    """Where the composition root says who does what. Filled before the first job runs."""

    def register(
        self,
        kind: JobKind[P],
        handler: Handler[P],
        *,
        when_dead: Handler[P] | None = None,
        at_most: int | None = None,
    ) -> None:
        """Names the handler of a kind; `when_dead` runs in the transaction that gives one of its jobs up.

        `at_most` is for long work: a worker runs so many jobs of the kind at the same time, beside its other jobs,
        which never wait for them; when it stops, it gives them back at once.

        Raises ValueError when the kind has a handler already.
        """
        ...

    def subscribe(self, event: type[E], name: str, handler: Callable[[E], Awaitable[None]]) -> None:
        """Adds a subscriber; `name` is stable and unique per event class."""
        ...

    def schedule(self, kind: JobKind[Any], payload: msgspec.Struct, *, every: timedelta) -> None:
        """Runs a job of this kind once in every time slot of this length (counted from 1970), among all processes.

        Slots pass by while the job of an earlier one is unfinished. Raises ValueError when the kind has a schedule.
        """
        ...
