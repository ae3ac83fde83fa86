"""`academy mail`: try the mail, and write to many."""

import asyncio
import csv
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from academy.cli.opened import opened_academy
from academy.cli.settings import with_settings
from academy.composition import Academy
from academy.features.notifications.service import AddressWithVariables, Audience
from academy.infrastructure.email.base import Recipient, Taken
from academy.infrastructure.email.batches import Announcement
from academy.infrastructure.email.model import MailState
from academy.kit.ids import new_id
from academy.kit.text import email_key
from academy.settings import Settings

_LOOK_SECONDS = 0.25
_EMAIL_COLUMN = "email"
_TAKEN_BY_ANOTHER = 3
# As shells tell the end by SIGINT.
_INTERRUPTED = 130


@click.group()
def mail() -> None:
    """Try the mail, and write to many."""


@mail.command()
@click.argument("address")
@with_settings
def test(settings: Settings, address: str) -> None:
    """Send a test message to ADDRESS at once, and say which provider took it.

    The exit code is 0 when the first provider took it, 3 when only a later one did, 1 when none did.
    """

    async def work() -> Taken:
        async with opened_academy(settings) as academy:
            return await academy.email.send_now(Recipient(address=address, name=address))

    taken = asyncio.run(work())
    where = "See /dev/mail." if taken.provider == "inbox" else "Look whether it arrives, and whether it lands in spam."
    click.echo(f"{taken.provider} took the message to {address}. {where}")
    for provider, reason in taken.passed_over.items():
        click.echo(f"{provider} comes before it and did not take the message: {reason}", err=True)
    if taken.passed_over:
        sys.exit(_TAKEN_BY_ANOTHER)


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
@click.option("--dry-run", is_flag=True, help="Say how many would get it and under which subject, and send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before sending.")
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
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Write to accounts that want news: to all of them, or to those of a CSV file."""
    try:
        announcement = Announcement(title=title, message=message_file.read(), action=action, action_url=action_url)
        rows = _rows(recipients) if recipients else None
    except UnicodeDecodeError as error:
        raise click.ClickException("The file with the text, or with the recipients, is not in UTF-8.") from error
    if dry_run or not yes:
        audience = asyncio.run(_audience(settings, announcement, rows, batch_id))
        if dry_run and as_json:
            click.echo(_as_json(audience))
        else:  # with --json, standard output is for the result alone
            _show_audience(audience, to_stderr=as_json)
        if dry_run:
            return
        if audience.people:
            click.confirm(f"Send to {_people(audience.people)}?", abort=True, err=True)
    batch = batch_id or new_id()
    try:
        states = asyncio.run(_announce(settings, announcement, rows, batch, goes_on=batch_id is not None))
    except KeyboardInterrupt:
        click.echo(asyncio.run(_left_behind(settings, batch)), err=True)
        sys.exit(_INTERRUPTED)
    if as_json:
        click.echo(msgspec.json.encode({"batch_id": batch, "states": states}).decode())
    else:
        click.echo(f"Batch {batch}: {_counted(states) or 'nobody wants it'}.")


@mail.command()
@click.argument("batch")
@with_settings
def drop(settings: Settings, batch: str) -> None:
    """Take back what has not left yet of BATCH, whether it is being sent or not."""

    async def work() -> tuple[int, dict[MailState, int]]:
        async with opened_academy(settings) as academy:
            return await academy.email.batches.drop(batch), await academy.email.log.states_of_batch(batch)

    dropped, states = asyncio.run(work())
    click.echo(f"Took {dropped:,} back. Batch {batch}: {_counted(states)}.")


def _counted(states: Mapping[MailState, int]) -> str:
    return ", ".join(f"{number:,} {state.value}" for state, number in states.items())


async def _audience(
    settings: Settings, announcement: Announcement, rows: list[AddressWithVariables] | None, batch_id: str | None
) -> Audience:
    async with opened_academy(settings) as academy:
        if batch_id is not None:
            await academy.email.batches.check(batch_id)
        return await academy.notifications.audience(announcement, rows, batch_id)


def _as_json(audience: Audience) -> str:
    addresses = [_masked(address) for address in audience.first_addresses]
    told = {"people": audience.people, "first_addresses": addresses, "first_subject": audience.first_subject}
    return msgspec.json.encode(told).decode()


def _show_audience(audience: Audience, *, to_stderr: bool) -> None:
    if not audience.people:
        click.echo("Nobody would get it.", err=to_stderr)
        return
    addresses = [_masked(address) for address in audience.first_addresses]
    more = ", …" if audience.people > len(addresses) else ""
    click.echo(f"Subject: {audience.first_subject}", err=to_stderr)
    click.echo(f"For {_people(audience.people)}: {', '.join(addresses)}{more}", err=to_stderr)


def _masked(address: str) -> str:
    """Returns an address as a list of people shows it; an error names the one that is wrong in full, to be found."""
    mailbox, _, domain = address.rpartition("@")
    return f"{mailbox[:1]}***@{domain}"


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _rows(path: Path) -> list[AddressWithVariables]:
    """Returns the rows of a CSV file, each address once.

    Raises ClickException for one without the column `email`, with an address twice and different values, or not CSV.
    """
    rows: dict[str, AddressWithVariables] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        try:
            if _EMAIL_COLUMN not in (reader.fieldnames or []):
                raise click.ClickException(f"{path} has no column `{_EMAIL_COLUMN}`; its first line names the columns.")
            for fields in reader:
                row = _row(fields)
                if row.address and rows.setdefault(email_key(row.address), row).variables != row.variables:
                    where = f"{path}, line {reader.line_num}"
                    raise click.ClickException(f"{where}: {row.address} came before, with other values. Leave one out.")
        except csv.Error as error:
            raise click.ClickException(f"{path}, line {reader.line_num + 1}, cannot be read: {error}.") from error
    return list(rows.values())


def _row(fields: Mapping[str, str | None]) -> AddressWithVariables:
    variables = {name: value or "" for name, value in fields.items() if name and name != _EMAIL_COLUMN}
    return AddressWithVariables((fields[_EMAIL_COLUMN] or "").strip(), variables)


async def _announce(
    settings: Settings,
    announcement: Announcement,
    rows: list[AddressWithVariables] | None,
    batch: str,
    *,
    goes_on: bool,
) -> dict[MailState, int]:
    async with opened_academy(settings) as academy:
        if goes_on:
            await academy.email.batches.check(batch)
        if rows is None:
            await academy.notifications.announce_to_all(announcement, batch)
        else:
            await academy.notifications.announce_to(announcement, rows, batch)
        click.echo(f"Sending batch {batch}", err=True)  # who wants to drop it has to know it now
        # Whoever claims the batch's job sends it: this process, or a worker that runs elsewhere.
        academy.worker.start()
        try:
            return await _watch(academy, batch)
        finally:
            await academy.worker.stop(patience=0)  # what is on its way is noted; another worker may go on


async def _left_behind(settings: Settings, batch_id: str) -> str:
    """Returns what becomes of a batch whose command was interrupted, and what to do about it."""
    async with opened_academy(settings) as academy:
        batch = await academy.email.batches.get(batch_id)
    if batch is None:
        return "Stopped. Nothing was written down yet, and nothing is sent."
    if batch.started_at is None:
        told = f"Stopped. Batch {batch_id} is written down in part, and none of it is sent."
        return f"{told} Go on with the same command and --batch {batch_id}, or `academy mail drop {batch_id}`."
    return (
        f"Not watching any more. Batch {batch_id} goes on wherever a worker runs; `academy mail drop {batch_id}` takes "
        f"back what has not left, the same command with --batch {batch_id} watches it again."
    )


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
