"""The job queue in the database: what features write to, the worker reads from and the admin looks at."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from academy.infrastructure.database.base import Database, Page
from academy.infrastructure.jobs.base import E, Event, Handler, JobKind, P
from academy.infrastructure.jobs.model import Job, JobStatus
from academy.kit.clock import Clock
from academy.kit.errors import ConflictError, NotFoundError

_EVENT_ATTEMPTS = 8
# Long enough until the worker renews it for the kind's own lease, a third of that later.
_FIRST_LEASE = timedelta(minutes=2)


class Schedule(NamedTuple):
    """A job that is due again and again."""

    kind: JobKind[Any]
    payload: msgspec.Struct
    every: timedelta


class DatabaseJobQueue:
    """Keeps the promise of `base.py` with one collection."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._jobs = database.collection(Job)
        self._kinds: dict[str, tuple[JobKind[Any], Handler[Any]]] = {}
        self._subscribers: dict[str, list[JobKind[Any]]] = {}
        self.schedules: list[Schedule] = []
        self.wake = asyncio.Event()

    # --- for the composition root ---

    def register(self, kind: JobKind[P], handler: Handler[P]) -> None:
        """Names the handler of a kind. Raises ValueError when the kind has one already."""
        if kind.name in self._kinds:
            raise ValueError(f"the job kind {kind.name} has a handler already")
        self._kinds[kind.name] = (kind, handler)

    def subscribe(self, event: type[E], name: str, handler: Callable[[E], Awaitable[None]]) -> None:
        """Adds a subscriber; `name` is stable and unique per event class."""
        kind = JobKind(f"{event.__event__}:{name}", event, _EVENT_ATTEMPTS)
        self.register(kind, handler)
        self._subscribers.setdefault(event.__event__, []).append(kind)

    def schedule(self, kind: JobKind[Any], payload: msgspec.Struct, *, every: timedelta) -> None:
        """Runs a job of this kind every `every`, once among all processes."""
        self.schedules.append(Schedule(kind, payload, every))

    # --- for features ---

    async def enqueue(self, kind: JobKind[P], payload: P, *, key: str = "", run_at: datetime | None = None) -> str:
        """Writes a job in the open transaction and returns its id; with a `key`, see the promise."""
        now = self._clock.now()
        job = Job(
            kind=kind.name,
            payload=msgspec.json.encode(payload).decode(),
            unfinished_key=f"{kind.name}:{key}" if key else None,
            max_attempts=kind.max_attempts,
            due_at=run_at or now,
            created_at=now,
            updated_at=now,
        )
        if job.unfinished_key is None:
            await self._jobs.insert(job)
            stored: Job | None = job
        else:
            stored = await self._jobs.find_and_update(
                {"unfinished_key": job.unfinished_key}, {"$set": {"updated_at": now}}, insert=job
            )
        self._database.after_commit(self._wake)
        return stored.id if stored else job.id

    async def publish(self, event: Event) -> None:
        """Writes one job for each subscriber of the event's class, in the open transaction."""
        for kind in self._subscribers.get(event.__event__, []):
            await self.enqueue(kind, event)

    async def enqueue_once(self, kind: JobKind[Any], payload: msgspec.Struct, *, key: str, run_at: datetime) -> None:
        """Writes a job unless one with this kind and key is unfinished; cheap when it is."""
        if await self._jobs.find_one({"unfinished_key": f"{kind.name}:{key}"}) is None:
            await self.enqueue(kind, payload, key=key, run_at=run_at)

    async def _wake(self) -> None:
        self.wake.set()

    # --- for the worker ---

    def handler(self, name: str) -> tuple[JobKind[Any], Handler[Any]] | None:
        """Returns a kind and its handler, None for a kind this process does not know."""
        return self._kinds.get(name)

    async def claim(self, worker: str) -> Job | None:
        """Takes the job that is due longest, under a lease, or returns None. No two claims take the same lease."""
        now = self._clock.now()
        kinds = sorted(self._kinds)
        return await self._jobs.find_and_update(
            {"due_at": {"$lte": now}, "kind": {"$in": kinds}},
            {
                "$set": {
                    "status": JobStatus.RUNNING,
                    "leased_by": worker,
                    "due_at": now + _FIRST_LEASE,
                    "updated_at": now,
                },
                "$inc": {"attempts": 1},
            },
            sort=("due_at",),
        )

    async def renew(self, job: Job, lease: timedelta) -> bool:
        """Extends the lease; False when another worker holds the job by now."""
        return await self._jobs.update_one(self._held(job), {"$set": {"due_at": self._clock.now() + lease}})

    async def finish(self, job: Job) -> None:
        """Marks the job done, unless another worker took it over."""
        now = self._clock.now()
        await self._jobs.update_one(
            self._held(job),
            {
                "$set": {
                    "status": JobStatus.DONE,
                    "unfinished_key": None,
                    "due_at": None,
                    "finished_at": now,
                    "last_error": "",
                    "updated_at": now,
                }
            },
        )

    async def fail(self, job: Job, error: str, retry_in: timedelta | None) -> None:
        """Puts the job back for later, or, without `retry_in`, marks it dead."""
        now = self._clock.now()
        change: dict[str, object] = {"last_error": error[:2000], "leased_by": "", "updated_at": now}
        if retry_in is not None:
            change |= {"status": JobStatus.QUEUED, "due_at": now + retry_in}
        else:
            change |= {"status": JobStatus.DEAD, "due_at": None, "finished_at": now}
        await self._jobs.update_one(self._held(job), {"$set": change})

    async def release(self, job: Job) -> None:
        """Gives an unfinished job back at once, not counting the try: the worker stops."""
        await self._jobs.update_one(
            self._held(job),
            {
                "$set": {"status": JobStatus.QUEUED, "due_at": self._clock.now(), "leased_by": ""},
                "$inc": {"attempts": -1},
            },
        )

    async def delete_finished(self, before: datetime) -> int:
        """Removes jobs that were done before a moment; dead ones stay until someone looks at them."""
        return await self._jobs.delete_many({"status": JobStatus.DONE, "finished_at": {"$lt": before}})

    @staticmethod
    def _held(job: Job) -> dict[str, object]:
        return {"id": job.id, "leased_by": job.leased_by, "attempts": job.attempts, "status": JobStatus.RUNNING}

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

    async def retry(self, job_id: str) -> Job:
        """Queues a dead job again, with all its tries. Raises NotFoundError, ConflictError."""
        now = self._clock.now()
        change = {
            "$set": {"status": JobStatus.QUEUED, "attempts": 0, "due_at": now, "finished_at": None, "updated_at": now}
        }
        job = await self._jobs.find_and_update({"id": job_id, "status": JobStatus.DEAD}, change)
        if job is None:
            if await self._jobs.get(job_id) is None:
                raise NotFoundError("There is no such job.")
            raise ConflictError("Only a dead job can be retried; this one is not dead.")
        self._database.after_commit(self._wake)
        return job
