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
    if settings.email.provider != "inbox":
        raise click.ClickException("The demo writes to people who do not exist: leave EMAIL_PROVIDER at `inbox`.")
    is_loaded, has_demo = asyncio.run(_load_demo(settings))
    click.echo("The demo academy is loaded." if is_loaded else "Left alone: this academy has accounts already.")
    if has_demo:
        click.echo(f"Password of the demo accounts: {DEMO_PASSWORD}")
        for account in DEMO_ACCOUNTS:
            click.echo(f"  {account.who}: {account.email}")


async def _load_demo(settings: Settings) -> tuple[bool, bool]:
    """Returns whether it was loaded now, and whether it is here."""
    clock = PastClock()
    label, course = TextColumn("Loading the demo academy"), TextColumn("{task.description}")
    async with opened_academy(settings, clock) as academy:
        if not await wants_demo(academy):
            return False, await academy.administration.lookup(DEMO_ACCOUNTS[0].email) is not None
        with Progress(
            label, BarColumn(), MofNCompleteColumn(), course, console=Console(stderr=True), transient=True
        ) as bar:
            task = bar.add_task("", total=None)

            def show(title: str, done: int, total: int) -> None:
                bar.update(task, description=title, completed=done, total=total)

            await DemoLoader(academy, clock, show).load()
    return True, True
