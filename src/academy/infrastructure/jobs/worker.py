"""Works jobs off: in the server's process, or in one of its own."""

import asyncio
import contextlib
import os
import random
from datetime import timedelta

import msgspec
import structlog

from academy.infrastructure.database.errors import DatabaseUnavailable
from academy.infrastructure.jobs.model import Job
from academy.infrastructure.jobs.queue import DatabaseJobQueue, Schedule
from academy.infrastructure.jobs.settings import JobSettings
from academy.kit.clock import Clock
from academy.kit.ids import new_id

_FIRST_RETRY = timedelta(seconds=2)
_LONGEST_RETRY = timedelta(hours=1)
_STOP_SECONDS = 20.0


def retry_delay(attempt: int) -> timedelta:
    """Returns how long to wait after the given failed try (1, 2, …): doubling from 2 s to 1 h, half of it by chance.

    The chance keeps jobs that failed together from coming back together.
    """
    longest = min(_FIRST_RETRY * 2 ** min(attempt - 1, 20), _LONGEST_RETRY)
    share = 0.5 + random.random() / 2  # noqa: S311 - spreads load, guards nothing
    return timedelta(seconds=longest.total_seconds() * share)


class Worker:
    """Claims and runs jobs until it is stopped."""

    def __init__(self, queue: DatabaseJobQueue, clock: Clock, settings: JobSettings) -> None:
        self._queue = queue
        self._clock = clock
        self._settings = settings
        self._name = f"{os.getpid()}-{new_id()[-12:]}"
        self._running: dict[asyncio.Task[None], Job] = {}
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to work in the background."""
        self._loop = asyncio.create_task(self._work(), name="job-worker")

    async def stop(self) -> None:
        """Takes no new jobs, lets running ones finish for a while, and gives the rest back."""
        if self._loop is None:
            return
        self._loop.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._loop
        self._loop = None
        if self._running:
            await asyncio.wait(self._running, timeout=_STOP_SECONDS)
        for task, job in list(self._running.items()):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            with contextlib.suppress(DatabaseUnavailable):
                await self._queue.release(job)

    async def drain(self) -> None:
        """Runs every job that is due by now, one after another, and those they write. For scenarios and the CLI."""
        await self._enqueue_scheduled()
        while (job := await self._queue.claim(self._name)) is not None:
            await self._run(job)

    async def _work(self) -> None:
        while True:
            self._queue.wake.clear()
            try:
                await self._enqueue_scheduled()
                while len(self._running) < self._settings.concurrency:
                    job = await self._queue.claim(self._name)
                    if job is None:
                        break
                    self._begin(job)
            except DatabaseUnavailable as error:
                structlog.get_logger().warning("jobs_wait_for_database", error=error.detail)
            await self._wait()

    def _begin(self, job: Job) -> None:
        task = asyncio.create_task(self._run(job), name=f"job-{job.kind}")
        self._running[task] = job
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._queue.wake.set()

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.poll_seconds):
                await self._queue.wake.wait()

    async def _enqueue_scheduled(self) -> None:
        for schedule in self._queue.schedules:
            await self._enqueue_slot(schedule)

    async def _enqueue_slot(self, schedule: Schedule) -> None:
        """Writes the job of the coming time slot; its key makes it one, however many processes do this."""
        seconds = schedule.every.total_seconds()
        now = self._clock.now()
        rest = timedelta(seconds=seconds - now.timestamp() % seconds)
        await self._queue.enqueue_once(schedule.kind, schedule.payload, key="scheduled", run_at=now + rest)

    async def _run(self, job: Job) -> None:
        log = structlog.get_logger().bind(job=job.id, kind=job.kind, attempt=job.attempts)
        known = self._queue.handler(job.kind)
        if known is None:
            return
        kind, handler = known
        renewing = asyncio.create_task(self._keep_lease(job, kind.lease))
        try:
            await handler(msgspec.json.decode(job.payload, type=kind.payload))
        except Exception as error:  # a handler may fail in any way; the job survives it
            is_last = job.attempts >= job.max_attempts
            log.warning("job_dead" if is_last else "job_failed", error=repr(error), exc_info=is_last)
            with contextlib.suppress(DatabaseUnavailable):  # then the lease runs out and the job is claimed again
                await self._queue.fail(job, repr(error), None if is_last else retry_delay(job.attempts))
        else:
            with contextlib.suppress(DatabaseUnavailable):
                await self._queue.finish(job)
            log.info("job_done")
        finally:
            renewing.cancel()

    async def _keep_lease(self, job: Job, lease: timedelta) -> None:
        while True:
            await asyncio.sleep(lease.total_seconds() / 3)
            with contextlib.suppress(DatabaseUnavailable):
                await self._queue.renew(job, lease)
