"""The job queue in the database: what features write to, the worker reads from and the admin looks at."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from academy.infrastructure.database.base import Database, Page
from academy.infrastructure.database.batches import delete_in_batches
from academy.infrastructure.database.errors import UniqueViolation
from academy.infrastructure.jobs.base import E, Event, Handler, JobKind, P
from academy.infrastructure.jobs.model import Job, JobStatus
from academy.kit.clock import Clock
from academy.kit.errors import ConflictError, NotFoundError

# What a claim holds until the worker renews it for the kind's own lease. Short: when a whole academy was killed, the
# one-time code that it was about to send should not wait much longer than the restart takes.
FIRST_LEASE = timedelta(seconds=15)
_EVENT_ATTEMPTS = 8
_SCHEDULED = "scheduled"
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Registration(NamedTuple):
    """A kind of job and who does it."""

    kind: JobKind[Any]
    handler: Handler[Any]
    when_dead: Handler[Any] | None
    at_most: int | None


class Schedule(NamedTuple):
    """A job that is due again and again."""

    kind: JobKind[Any]
    payload: msgspec.Struct
    every: timedelta

    def next_slot(self, now: datetime) -> datetime:
        """Returns when the next time slot begins: the same moment in every process."""
        step = self.every // _MILLISECOND
        return _EPOCH + ((now - _EPOCH) // _MILLISECOND // step + 1) * step * _MILLISECOND


class DatabaseJobQueue:
    """Keeps the promise of `base.py` with one collection."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._jobs = database.collection(Job)
        self._kinds: dict[str, Registration] = {}
        self._subscribers: dict[str, list[JobKind[Any]]] = {}
        self.schedules: dict[str, Schedule] = {}
        self.wake = asyncio.Event()

    # --- for the composition root ---

    def register(
        self,
        kind: JobKind[P],
        handler: Handler[P],
        *,
        when_dead: Handler[P] | None = None,
        at_most: int | None = None,
    ) -> None:
        """Names the handler of a kind; see JobRegistry."""
        if kind.name in self._kinds:
            raise ValueError(f"the job kind {kind.name} has a handler already")
        self._kinds[kind.name] = Registration(kind, handler, when_dead, at_most)

    def subscribe(self, event: type[E], name: str, handler: Callable[[E], Awaitable[None]]) -> None:
        """Adds a subscriber; `name` is stable and unique per event class."""
        kind = JobKind(f"{event.__event__}:{name}", event, _EVENT_ATTEMPTS)
        self.register(kind, handler)
        self._subscribers.setdefault(event.__event__, []).append(kind)

    def schedule(self, kind: JobKind[Any], payload: msgspec.Struct, *, every: timedelta) -> None:
        """Runs a job of this kind once in every time slot; see JobRegistry."""
        if kind.name in self.schedules:
            raise ValueError(f"the job kind {kind.name} has a schedule already")
        self.schedules[kind.name] = Schedule(kind, payload, every)

    # --- for features ---

    async def enqueue(self, kind: JobKind[P], payload: P, *, key: str = "", run_at: datetime | None = None) -> str:
        """Writes a job in the open transaction and returns its id; with a `key`, see the promise."""
        job = self._job(kind, payload, key, run_at or self._clock.now())
        if job.unfinished_key is None:
            await self._jobs.insert(job)
            stored: Job | None = job
        else:
            asked_again = {"updated_at": job.updated_at, "again": True}
            stored = await self._jobs.find_and_update(
                {"unfinished_key": job.unfinished_key}, {"$set": asked_again}, insert=job
            )
        self._database.after_commit(self._wake)
        return stored.id if stored else job.id

    async def publish(self, event: Event) -> None:
        """Writes one job for each subscriber of the event's class, in the open transaction."""
        for kind in self._subscribers.get(event.__event__, []):
            await self.enqueue(kind, event)

    def _job(self, kind: JobKind[Any], payload: msgspec.Struct, key: str, due_at: datetime, slot: str = "") -> Job:
        now = self._clock.now()
        return Job(
            kind=kind.name,
            payload=msgspec.json.encode(payload).decode(),
            key=key,
            unfinished_key=_unfinished_key(kind.name, key),
            slot=slot or None,
            max_attempts=kind.max_attempts,
            due_at=due_at,
            created_at=now,
            updated_at=now,
        )

    async def _wake(self) -> None:
        self.wake.set()

    # --- for the worker ---

    @property
    def limits(self) -> dict[str, int | None]:
        """The kinds that this process knows, each with the most jobs of its own; None: it shares with the others."""
        return {name: registration.at_most for name, registration in self._kinds.items()}

    def registration(self, name: str) -> Registration:
        """Returns a kind that this process knows, with its handlers."""
        return self._kinds[name]

    async def enqueue_slot(self, schedule: Schedule, slot: datetime) -> bool:
        """Writes the job of a time slot, however many processes do this. False: an earlier slot is not finished yet."""
        label = f"{schedule.kind.name}:{slot.isoformat()}"
        job = self._job(schedule.kind, schedule.payload, _SCHEDULED, slot, label)
        unfinished = await self._jobs.find_one({"unfinished_key": job.unfinished_key})
        if unfinished is not None:
            return unfinished.slot == label
        try:
            await self._jobs.insert(job)
        except UniqueViolation as error:
            return error.index == "slot"
        return True

    async def claim(self, worker: str, kinds: Sequence[str] | None = None) -> Job | None:
        """Takes the job that is due longest, under a lease, or returns None. No two claims take the same lease.

        `kinds` are the names of those that are wanted; None: all that this process knows.
        """
        now = self._clock.now()
        kinds = sorted(self._kinds) if kinds is None else kinds
        return await self._jobs.find_and_update(
            {"due_at": {"$lte": now}, "kind": {"$in": list(kinds)}},
            {
                "$set": {
                    "status": JobStatus.RUNNING,
                    "again": False,
                    "leased_by": worker,
                    "due_at": now + FIRST_LEASE,
                    "updated_at": now,
                },
                "$inc": {"attempts": 1},
            },
            sort=("due_at",),
        )

    async def renew(self, job: Job, lease: timedelta) -> bool:
        """Extends the lease; False when another worker holds the job by now."""
        return await self._jobs.update_one(_held(job), {"$set": {"due_at": self._clock.now() + lease}})

    async def finish(self, job: Job) -> None:
        """Marks the job done, or queues it once more when it was asked for meanwhile, unless another worker has it."""
        done = {**self._over(JobStatus.DONE), "last_error": ""}
        if await self._jobs.update_one({**_held(job), "again": False}, {"$set": done}):
            return
        now = self._clock.now()
        once_more = {"status": JobStatus.QUEUED, "due_at": now, "attempts": 0, "leased_by": "", "updated_at": now}
        await self._jobs.update_one({**_held(job), "again": True}, {"$set": {**once_more, "last_error": ""}})

    async def retry_later(self, job: Job, error: str, delay: timedelta) -> None:
        """Puts a job that failed back until after `delay`, unless another worker took it over."""
        now = self._clock.now()
        change = {
            "status": JobStatus.QUEUED,
            "due_at": now + delay,
            "last_error": _shortened(error),
            "leased_by": "",
            "updated_at": now,
        }
        await self._jobs.update_one(_held(job), {"$set": change})

    async def give_up(self, job: Job, error: str) -> None:
        """Marks the job dead and tells its kind's `when_dead`, as one unit, unless another worker took it over."""
        kind, _, when_dead, _ = self.registration(job.kind)
        change = {**self._over(JobStatus.DEAD), "last_error": _shortened(error), "leased_by": ""}
        try:
            payload = msgspec.json.decode(job.payload, type=kind.payload)
        except msgspec.DecodeError:  # which is why it failed; there is nothing to tell
            when_dead = None

        async def work() -> None:
            if await self._jobs.update_one(_held(job), {"$set": change}) and when_dead is not None:
                await when_dead(payload)

        await self._database.transaction(work)

    async def release(self, job: Job, due_at: datetime | None = None) -> None:
        """Gives an unfinished job back, at once or until a time, not counting the try."""
        now = self._clock.now()
        change = {"status": JobStatus.QUEUED, "due_at": due_at or now, "leased_by": "", "updated_at": now}
        await self._jobs.update_one(_held(job), {"$set": change, "$inc": {"attempts": -1}})

    async def delete_finished(self, before: datetime) -> int:
        """Removes jobs that were done before a moment; dead ones stay until someone looks at them."""
        query = {"status": JobStatus.DONE, "finished_at": {"$lt": before}}
        return await delete_in_batches(self._jobs, query, sort=("finished_at",))

    def _over(self, status: JobStatus) -> dict[str, object]:
        now = self._clock.now()
        return {"status": status, "unfinished_key": None, "due_at": None, "finished_at": now, "updated_at": now}

    # --- for the admin ---

    async def list_jobs(
        self, *, status: JobStatus | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[Job]:
        """Returns jobs, newest first. Raises InvalidCursor."""
        query = {"status": status.value} if status else {}
        return await self._jobs.page(query, sort=("-created_at",), limit=limit, cursor=cursor)

    async def counts(self) -> dict[str, int]:
        """Counts jobs by status; states without jobs are left out."""
        return {str(group.key): group.count for group in await self._jobs.group({}, by="status")}

    async def count_dead(self, *, at_most: int) -> int:
        """Counts dead jobs by their index; the counting stops at `at_most`."""
        return await self._jobs.count({"status": JobStatus.DEAD}, at_most=at_most)

    async def retry(self, job_id: str) -> Job:
        """Queues a dead job again, with all its tries; a scheduled one runs beside its schedule.

        Raises NotFoundError; ConflictError when it is not dead, or when a newer job with its key is unfinished.
        """
        job = await self._jobs.get(job_id)
        if job is None:
            raise NotFoundError("There is no such job.")
        now = self._clock.now()
        change = {
            "status": JobStatus.QUEUED,
            "unfinished_key": None if job.slot else _unfinished_key(job.kind, job.key),
            "attempts": 0,
            "due_at": now,
            "finished_at": None,
            "updated_at": now,
        }
        try:
            retried = await self._jobs.find_and_update({"id": job_id, "status": JobStatus.DEAD}, {"$set": change})
        except UniqueViolation as error:
            raise ConflictError("A newer job does the same work already.") from error
        if retried is None:
            raise ConflictError("Only a dead job can be retried; this one is not dead.")
        self._database.after_commit(self._wake)
        return retried


def _unfinished_key(kind: str, key: str) -> str | None:
    return f"{kind}:{key}" if key else None


def _held(job: Job) -> dict[str, object]:
    """Finds the job while the lease of this claim holds."""
    return {"id": job.id, "leased_by": job.leased_by, "attempts": job.attempts, "status": JobStatus.RUNNING}


def _shortened(error: str) -> str:
    return error[:2000]
