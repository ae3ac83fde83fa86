"""`academy users`: accounts from the command line, e.g. the first admin."""

import asyncio
import sys
from collections.abc import Awaitable, Callable

import click
import msgspec

from academy.cli.opened import opened_academy
from academy.cli.settings import with_settings
from academy.features.accounts.administration import COMMAND_LINE, AccountAdministration
from academy.features.accounts.model import User
from academy.infrastructure.security.principal import Role
from academy.settings import Settings

_ROLES = click.Choice([role.value for role in Role])


@click.group()
def users() -> None:
    """Create, list, shut and open accounts."""


@users.command()
@click.option("--email", required=True)
@click.option("--name", required=True)
@click.option("--role", type=_ROLES, default=Role.LEARNER.value, show_default=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input, one line.")
@with_settings
def create(settings: Settings, email: str, name: str, role: str, password_stdin: bool) -> None:
    """Create an account. Without a password it signs in by one-time code."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    _change(settings, lambda accounts: accounts.create(COMMAND_LINE, email, name, Role(role), password), "is created")


@users.command("list")
@click.option("--search", default="", help="Words of the name or address.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_settings
def list_accounts(settings: Settings, search: str, as_json: bool) -> None:
    """List the accounts, newest first."""

    async def work() -> None:
        async with opened_academy(settings) as academy:
            cursor: str | None = None
            while True:
                page = await academy.administration.list_users(search, limit=100, cursor=cursor)
                for user in page.items:
                    click.echo(_row(user, as_json=as_json))
                cursor = page.next_cursor
                if cursor is None:
                    return

    asyncio.run(work())


def _row(user: User, *, as_json: bool) -> str:
    values = {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "role": user.role.value,
        "status": user.status.value,
        "created_at": user.created_at,
    }
    if as_json:
        return msgspec.json.encode(values).decode()
    return f"{user.role.value:<10} {user.status.value:<10} {user.email:<40} {user.name}"


@users.command("set-role")
@click.option("--email", required=True)
@click.option("--role", type=_ROLES, required=True)
@with_settings
def set_role(settings: Settings, email: str, role: str) -> None:
    """Give an account another role; it counts at once."""

    async def work(accounts: AccountAdministration) -> User:
        return await accounts.set_role(COMMAND_LINE, (await accounts.find(email)).id, Role(role))

    _change(settings, work, f"is {role} now")


@users.command()
@click.option("--email", required=True)
@with_settings
def suspend(settings: Settings, email: str) -> None:
    """Shut an account; its sessions end at once."""

    async def work(accounts: AccountAdministration) -> User:
        return await accounts.suspend(COMMAND_LINE, (await accounts.find(email)).id)

    _change(settings, work, "is suspended")


@users.command()
@click.option("--email", required=True)
@with_settings
def unsuspend(settings: Settings, email: str) -> None:
    """Open a shut account again."""

    async def work(accounts: AccountAdministration) -> User:
        return await accounts.unsuspend(COMMAND_LINE, (await accounts.find(email)).id)

    _change(settings, work, "may sign in again")


def _change(settings: Settings, work: Callable[[AccountAdministration], Awaitable[User]], said: str) -> None:
    async def run() -> User:
        async with opened_academy(settings) as academy:
            return await work(academy.administration)

    click.echo(f"{asyncio.run(run()).email} {said}.")
