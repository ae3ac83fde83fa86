"""`academy data`: what concerns the data as a whole."""

import asyncio

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from academy.cli.opened import opened_academy
from academy.cli.settings import with_settings
from academy.demo.accounts import DEMO_ACCOUNTS, DEMO_PASSWORD
from academy.demo.loader import DemoLoader, PastClock, wants_demo
from academy.settings import Settings


@click.group()
def data() -> None:
    """Load the demo academy."""


@data.command()
@with_settings
def demo(settings: Settings) -> None:
    """Load the demo academy into an empty one. An academy that is in use already is left alone."""
    if asyncio.run(_load_demo(settings)):
        click.echo(f"The demo academy is loaded. Password of the demo accounts: {DEMO_PASSWORD}")
        for account in DEMO_ACCOUNTS:
            click.echo(f"  {account.who}: {account.email}")
    else:
        click.echo("Left alone: this academy has accounts already.")


async def _load_demo(settings: Settings) -> bool:
    clock = PastClock()
    label, course = TextColumn("Loading the demo academy"), TextColumn("{task.description}")
    async with opened_academy(settings, clock) as academy:
        if not await wants_demo(academy):
            return False
        with Progress(
            label, BarColumn(), MofNCompleteColumn(), course, console=Console(stderr=True), transient=True
        ) as bar:
            task = bar.add_task("", total=None)

            def show(title: str, done: int, total: int) -> None:
                bar.update(task, description=title, completed=done, total=total)

            await DemoLoader(academy, clock, show).load()
    return True
