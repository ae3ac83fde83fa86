"""The job that tidies up the jobs."""

from datetime import timedelta

import msgspec

from academy.infrastructure.jobs.base import JobKind
from academy.infrastructure.jobs.queue import DatabaseJobQueue
from academy.infrastructure.jobs.settings import JobSettings
from academy.kit.clock import Clock


class SweepJobs(msgspec.Struct, frozen=True):
    """Payload of the sweep: nothing to say."""


SWEEP_JOBS = JobKind("sweep_jobs", SweepJobs)


def register_jobs(queue: DatabaseJobQueue, clock: Clock, settings: JobSettings) -> None:
    """Registers the hourly removal of jobs that were done longer ago than JOB_RETENTION_DAYS."""

    async def sweep(payload: SweepJobs) -> None:
        await queue.delete_finished(clock.now() - timedelta(days=settings.retention_days))

    queue.register(SWEEP_JOBS, sweep)
    queue.schedule(SWEEP_JOBS, SweepJobs(), every=timedelta(hours=1))
