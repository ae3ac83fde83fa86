"""`academy jobs`: the queue from the command line."""

import asyncio

import click
import msgspec

from academy.cli.opened import opened_academy
from academy.cli.settings import with_settings
from academy.infrastructure.jobs.model import Job, JobStatus
from academy.settings import Settings


@click.group()
def jobs() -> None:
    """See the jobs and retry dead ones."""


@jobs.command("list")
@click.option("--status", type=click.Choice([status.value for status in JobStatus]), default=None)
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_settings
def list_jobs(settings: Settings, status: str | None, limit: int, as_json: bool) -> None:
    """List jobs, newest first."""

    async def work() -> list[Job]:
        async with opened_academy(settings) as academy:
            wanted = JobStatus(status) if status else None
            return (await academy.jobs.list_jobs(status=wanted, limit=limit)).items

    for job in asyncio.run(work()):
        if as_json:
            click.echo(msgspec.json.encode(job).decode())
        else:
            click.echo(f"{job.id}  {job.status.value:<8} {job.attempts} tries  {job.kind}  {job.last_error}".rstrip())


@jobs.command()
@click.argument("job_id")
@with_settings
def retry(settings: Settings, job_id: str) -> None:
    """Queue a dead job again."""

    async def work() -> None:
        async with opened_academy(settings) as academy:
            await academy.jobs.retry(job_id)

    asyncio.run(work())
    click.echo(f"{job_id} is queued again.")
