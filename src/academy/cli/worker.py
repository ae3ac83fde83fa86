"""`academy worker`."""

import asyncio

import click

from academy.settings import Settings
from academy.worker import run_worker


@click.command()
@click.pass_obj
def worker(settings: Settings) -> None:
    """Work jobs off, and nothing else. Set JOB_WORKER_IN_SERVER=false for the servers beside it."""
    asyncio.run(run_worker(settings))
