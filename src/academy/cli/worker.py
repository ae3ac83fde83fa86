"""`academy worker`."""

import asyncio

import click

from academy.cli.settings import with_settings
from academy.infrastructure.monitoring.logs import configure_logs
from academy.settings import Settings
from academy.worker import run_worker


@click.command()
@with_settings
def worker(settings: Settings) -> None:
    """Work jobs off, and nothing else. Set JOB_WORKER_IN_SERVER=false for the servers beside it."""
    configure_logs(settings.web.log_level)
    asyncio.run(run_worker(settings, lambda: click.echo("Working jobs off.")))
