"""`academy serve`."""

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import click
from granian.constants import Interfaces, Loops
from granian.log import LogLevels
from granian.server import Server

from academy.demo.accounts import DEMO_ACCOUNTS, DEMO_PASSWORD
from academy.settings import Settings

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to ask a server that listens everywhere
_READY_SECONDS = 60.0


@click.command()
@click.option("--demo", is_flag=True, help="Load the demo academy first, if this academy is empty.")
@click.pass_obj
def serve(settings: Settings, demo: bool) -> None:
    """Serve the academy, and work its jobs off."""
    web = settings.web
    _refuse_used_port(web.host, web.port)
    if demo:
        # In a process of its own: what loading needs of memory does not stay in the server.
        loading = subprocess.run(
            [sys.executable, "-m", "academy.cli.main", "data", "demo"], check=False, stdout=subprocess.DEVNULL
        )
        if loading.returncode != 0:
            sys.exit(loading.returncode)
    threading.Thread(target=_announce, args=(settings, demo), daemon=True).start()
    Server(
        "academy.app:create_app",
        factory=True,
        address=web.host,
        port=web.port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=web.workers,
        websockets=False,
        respawn_failed_workers=True,
        log_level=LogLevels.warning,
    ).serve()


def _refuse_used_port(host: str, port: int) -> None:
    """Ends with one clear line when the port is taken: the server would share it silently with the one that has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise click.ClickException(
                f"Cannot listen on {host}:{port}: {reason}. Set PORT or HOST to another."
            ) from error


def _announce(settings: Settings, demo: bool) -> None:
    """Prints where everything is, once the server answers."""
    web = settings.web
    host = _ANYWHERE.get(web.host, web.host)
    address = f"http://[{host}]:{web.port}" if ":" in host else f"http://{host}:{web.port}"
    deadline = time.monotonic() + _READY_SECONDS
    while not _is_ready(address):
        if time.monotonic() > deadline:
            return
        time.sleep(0.05)
    lines = [f"{web.academy_name} is open at {web.base_url or address}"]
    if not web.is_production:
        lines.append(f"  Mail      {address}/dev/mail")
    lines.append(f"  API       {address}/api/docs")
    lines.append(f"  Data      {_data_place(settings)}")
    if demo:
        lines += [f"  {account.who.capitalize():<9} {account.email}  {DEMO_PASSWORD}" for account in DEMO_ACCOUNTS]
    click.echo("\n".join(lines))


def _data_place(settings: Settings) -> str:
    home = settings.home.path.resolve()
    return (
        f"MongoDB {settings.database.mongodb_database}, files in {home}" if settings.database.mongodb_uri else str(home)
    )


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health/ready", timeout=1) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's OK
    except (OSError, urllib.error.URLError):
        return False
