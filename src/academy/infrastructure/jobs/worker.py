"""Works jobs off: in the server's process, or in one of its own."""

import asyncio
import contextlib
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import msgspec
import structlog

from academy.infrastructure.database.errors import DatabaseUnavailable
from academy.infrastructure.jobs.base import PutBack
from academy.infrastructure.jobs.model import Job
from academy.infrastructure.jobs.queue import FIRST_LEASE, DatabaseJobQueue
from academy.infrastructure.jobs.settings import JobSettings
from academy.kit.clock import Clock
from academy.kit.ids import new_id

_FIRST_RETRY = timedelta(seconds=2)
_STOP_SECONDS = 20.0


def retry_delay(attempt: int, longest: timedelta) -> timedelta:
    """Returns how long to wait after the given failed try (1, 2, …): doubling from 2 s to `longest`, half by chance.

    The chance keeps jobs that failed together from coming back together.
    """
    pause = min(_FIRST_RETRY * 2 ** min(attempt - 1, 20), longest)
    share = 0.5 + random.random() / 2  # noqa: S311 - spreads load, guards nothing
    return timedelta(seconds=pause.total_seconds() * share)


class LeaseLost(Exception):
    """Another worker holds the job by now."""


class WorkerDied(Exception):
    """The process ended in the middle of a job's last try: perhaps because of the job."""


class Worker:
    """Claims and runs jobs until it is stopped."""

    def __init__(self, queue: DatabaseJobQueue, clock: Clock, settings: JobSettings) -> None:
        self._queue = queue
        self._clock = clock
        self._settings = settings
        self._name = f"{os.getpid()}-{new_id()[-12:]}"
        self._running: dict[asyncio.Task[None], Job] = {}
        self._loop: asyncio.Task[None] | None = None
        self._stopping = False
        # The slot of each schedule whose job is written: until it begins, there is nothing to look for.
        self._slots: dict[str, datetime] = {}

    def start(self) -> None:
        """Begins to work in the background."""
        self._stopping = False
        self._loop = asyncio.create_task(self._work(), name="job-worker")

    async def stop(self, *, patience: float = _STOP_SECONDS) -> None:
        """Takes no new jobs, lets running ones finish for `patience` seconds, and gives the rest back.

        Jobs of kinds with a limit of their own are long, and are given back at once.
        """
        if self._loop is None:
            return
        self._stopping = True
        self._queue.wake.set()
        await self._loop  # not cancelled: a claim that is under way would stay leased to nobody
        self._loop = None
        limits = self._queue.limits
        await self._give_back({task: job for task, job in self._running.items() if limits[job.kind] is not None})
        if self._running:
            await asyncio.wait(self._running, timeout=patience)
        await self._give_back(dict(self._running))

    async def _give_back(self, tasks: Mapping[asyncio.Task[None], Job]) -> None:
        for task, job in tasks.items():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            with contextlib.suppress(DatabaseUnavailable):
                await self._queue.release(job)

    async def drain(self, *, long_jobs: bool = True) -> None:
        """Runs every job that is due by now, one after another, and those they write. For scenarios and the CLI.

        Without `long_jobs` those of kinds with a limit of their own are left to a worker.
        """
        await self._enqueue_scheduled()
        kinds = sorted(kind for kind, limit in self._queue.limits.items() if long_jobs or limit is None)
        while (job := await self._queue.claim(self._name, kinds)) is not None:
            await self._run(job)
        await self._enqueue_scheduled()  # what just ran has a next time

    async def _work(self) -> None:
        while not self._stopping:
            self._queue.wake.clear()
            try:
                await self._step(self._enqueue_scheduled)
                await self._step(self._claim_jobs)
            except DatabaseUnavailable as error:
                structlog.get_logger().warning("jobs_wait_for_database", error=error.detail)
            await self._wait()

    @staticmethod
    async def _step(step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except DatabaseUnavailable:
            raise
        except Exception:  # noqa: BLE001 - whatever it was, the other jobs must not wait for a restart
            structlog.get_logger().exception("job_worker_failed")

    async def _claim_jobs(self) -> None:
        while not self._stopping:
            kinds = self._kinds_with_room()
            job = await self._queue.claim(self._name, kinds) if kinds else None
            if job is None:
                return
            task = asyncio.create_task(self._run(job), name=f"job-{job.kind}")
            self._running[task] = job
            task.add_done_callback(self._ended)

    def _kinds_with_room(self) -> list[str]:
        limits = self._queue.limits
        running = Counter(job.kind for job in self._running.values())
        shared = sum(count for kind, count in running.items() if limits[kind] is None)
        return sorted(
            kind
            for kind, limit in limits.items()
            if (shared < self._settings.concurrency if limit is None else running[kind] < limit)
        )

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._queue.wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            structlog.get_logger().error("job_outcome_not_noted", task=task.get_name(), exc_info=error)

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.poll_seconds):
                await self._queue.wake.wait()

    async def _enqueue_scheduled(self) -> None:
        now = self._clock.now()
        for name, schedule in self._queue.schedules.items():
            slot = schedule.next_slot(now)
            if self._slots.get(name) != slot and await self._queue.enqueue_slot(schedule, slot):
                self._slots[name] = slot

    async def _run(self, job: Job) -> None:
        log = structlog.get_logger().bind(job=job.id, kind=job.kind, attempt=job.attempts)
        error = await self._try(job)
        text = f"{type(error).__name__}: {error}"
        try:
            if error is None:
                await self._queue.finish(job)
                log.debug("job_done")
            elif isinstance(error, LeaseLost):
                log.warning("job_lease_lost")
            elif isinstance(error, PutBack):
                await self._queue.release(job, error.due_at)
                log.debug("job_put_back", due_at=error.due_at.isoformat())
            elif job.attempts >= job.max_attempts:
                log.warning("job_dead", error=text, exc_info=error)
                await self._queue.give_up(job, text)
            else:
                log.warning("job_failed", error=text)
                longest = self._queue.registration(job.kind).kind.longest_pause
                await self._queue.retry_later(job, text, retry_delay(job.attempts, longest))
        except DatabaseUnavailable as away:  # then the lease runs out and the job is claimed again
            log.warning("job_outcome_not_noted", error=away.detail)

    async def _try(self, job: Job) -> Exception | None:
        """Runs the handler under a lease that is renewed. Returns what it failed with, None when it did its work."""
        if job.attempts > job.max_attempts:
            return WorkerDied(f"The worker ended during the last try. {job.last_error}".strip())
        kind, handler, *_ = self._queue.registration(job.kind)
        try:
            async with asyncio.TaskGroup() as group:
                renewing = group.create_task(self._keep_lease(job, kind.lease))
                await handler(msgspec.json.decode(job.payload, type=kind.payload))
                renewing.cancel()
        except ExceptionGroup as errors:  # a handler may fail in any way; the job survives it
            return errors.exceptions[0]
        return None

    async def _keep_lease(self, job: Job, lease: timedelta) -> None:
        """Renews the lease for as long as the try lasts. Raises LeaseLost."""
        while True:
            await asyncio.sleep(min(lease, FIRST_LEASE).total_seconds() / 3)
            with contextlib.suppress(DatabaseUnavailable):  # nobody else can take the job either
                if not await self._queue.renew(job, lease):
                    raise LeaseLost
