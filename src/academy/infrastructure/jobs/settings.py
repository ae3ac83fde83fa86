"""Settings of the jobs."""

from typing import Annotated

from msgspec import Meta, Struct


class JobSettings(Struct, frozen=True, kw_only=True):
    """How jobs are worked off."""

    concurrency: Annotated[
        int, Meta(title="JOB_CONCURRENCY", description="Jobs that one worker runs at the same time.", ge=1, le=64)
    ] = 4
    poll_seconds: Annotated[
        float,
        Meta(
            title="JOB_POLL_SECONDS",
            description="How often a worker looks for jobs that another process wrote; its own start at once.",
            gt=0,
            le=60,
        ),
    ] = 1.0
    retention_days: Annotated[
        int, Meta(title="JOB_RETENTION_DAYS", description="How long finished jobs are kept.", ge=0, le=3650)
    ] = 7
    in_process: Annotated[
        bool,
        Meta(
            title="JOB_WORKER_IN_SERVER",
            description="Whether `academy serve` also works jobs off. Set it to false where `academy worker` runs.",
        ),
    ] = True
