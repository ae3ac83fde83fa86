"""`academy mail`: try the mail, and write to many."""

import asyncio
import csv
from pathlib import Path
from typing import TextIO

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from academy.cli.opened import opened_academy
from academy.cli.settings import with_settings
from academy.composition import Academy
from academy.features.notifications.service import AddressWithVariables
from academy.infrastructure.email.base import Recipient
from academy.infrastructure.email.batches import Announcement
from academy.infrastructure.email.model import MailState
from academy.kit.ids import new_id
from academy.settings import Settings

_LOOK_SECONDS = 0.25
_EMAIL_COLUMN = "email"


@click.group()
def mail() -> None:
    """Try the mail, and write to many."""


@mail.command()
@click.argument("address")
@with_settings
def test(settings: Settings, address: str) -> None:
    """Send a test message to ADDRESS at once, and say which provider took it."""

    async def work() -> str:
        async with opened_academy(settings) as academy:
            return await academy.email.send_now(Recipient(address=address, name=address))

    provider = asyncio.run(work())
    where = "See /dev/mail." if provider == "inbox" else "Look whether it arrives, and whether it lands in spam."
    click.echo(f"{provider} took the message to {address}. {where}")


@mail.command()
@click.option("--title", required=True, help="Subject. May have places such as {{ name }}.")
@click.option(
    "--message",
    "message_file",
    required=True,
    type=click.File(encoding="utf-8"),
    help="File with the text, without a greeting: the mail has one.",
)
@click.option("--action", required=True, help="Text of the button.")
@click.option("--action-url", required=True, help="Where the button leads.")
@click.option(
    "--recipients",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV file with a column `email` and one for each place in the text. Without it: everybody.",
)
@click.option("--batch", "batch_id", default=None, help="Go on with a batch that was stopped.")
@click.option("--json", "as_json", is_flag=True, help="The result as JSON.")
@with_settings
def announce(
    settings: Settings,
    title: str,
    message_file: TextIO,
    action: str,
    action_url: str,
    recipients: Path | None,
    batch_id: str | None,
    as_json: bool,
) -> None:
    """Write to accounts that want news: to all of them, or to those of a CSV file."""
    try:
        announcement = Announcement(title=title, message=message_file.read(), action=action, action_url=action_url)
        rows = _rows(recipients) if recipients else None
    except UnicodeDecodeError as error:
        raise click.ClickException("The file with the text, or with the recipients, is not in UTF-8.") from error
    batch = batch_id or new_id()
    try:
        states = asyncio.run(_announce(settings, announcement, rows, batch, goes_on=batch_id is not None))
    except (click.Abort, KeyboardInterrupt) as error:
        click.echo(f"Stopped. Go on with the same command and --batch {batch}", err=True)
        raise click.Abort from error
    if as_json:
        click.echo(msgspec.json.encode({"batch_id": batch, "states": states}).decode())
    else:
        told = ", ".join(f"{number:,} {state.value}" for state, number in states.items()) or "nobody wants it"
        click.echo(f"Batch {batch}: {told}.")


def _rows(path: Path) -> list[AddressWithVariables]:
    """Returns the rows of a CSV file. Raises ClickException for one without the column `email`."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if _EMAIL_COLUMN not in (reader.fieldnames or []):
            raise click.ClickException(f"{path} has no column `{_EMAIL_COLUMN}`; its first line names the columns.")
        return [
            AddressWithVariables(
                row[_EMAIL_COLUMN].strip(),
                {name: value or "" for name, value in row.items() if name and value is not None},
            )
            for row in reader
            if (row[_EMAIL_COLUMN] or "").strip()
        ]


async def _announce(
    settings: Settings,
    announcement: Announcement,
    rows: list[AddressWithVariables] | None,
    batch: str,
    *,
    goes_on: bool,
) -> dict[MailState, int]:
    async with opened_academy(settings) as academy:
        if goes_on and not await academy.email.log.states_of_batch(batch):
            raise click.ClickException(f"There is no batch {batch}. Leave --batch out to begin a new one.")
        if rows is None:
            await academy.notifications.announce_to_all(announcement, batch)
        else:
            await academy.notifications.announce_to(announcement, rows, batch)
        # Whoever claims the batch's job sends it: this process, or a worker that runs elsewhere.
        academy.worker.start()
        try:
            return await _watch(academy, batch)
        finally:
            await academy.worker.stop(patience=0)  # what is on its way is noted; who interrupts wants the rest not sent


async def _watch(academy: Academy, batch: str) -> dict[MailState, int]:
    """Shows how the batch goes until none of its mails waits; returns how many ended how."""
    console = Console(stderr=True)
    columns = (TextColumn("Sending"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("")
        while True:
            states = await academy.email.log.states_of_batch(batch)
            total, waiting = sum(states.values()), states.get(MailState.QUEUED, 0)
            bar.update(task, completed=total - waiting, total=total)
            if not waiting:
                return states
            await asyncio.sleep(_LOOK_SECONDS)
