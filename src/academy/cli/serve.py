"""`academy serve`."""

import contextlib
import ctypes
import http.client
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
import structlog
from granian.constants import HTTPModes, Interfaces, Loops
from granian.log import LOGGING_CONFIG, LogLevels
from granian.server.mp import MPServer

from academy.cli.settings import with_settings
from academy.demo.accounts import DEMO_ACCOUNTS, DEMO_PASSWORD
from academy.infrastructure.monitoring.logs import configure_logs
from academy.settings import Settings, secret_key, unshared_workers

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_READY_SECONDS = 60.0
# The server's own log, moved to standard error, where the academy's is.
_HANDLERS = {
    name: {**handler, "stream": "ext://sys.stderr"}
    for name, handler in LOGGING_CONFIG["handlers"].items()  # type: ignore[attr-defined]
}
# How long requests that run may take to end when the server is told to stop.
_DRAIN_SECONDS = 10
# Connections that each process of the server keeps open, busy or idle, before it lets others wait for one to end.
_MOST_CONNECTIONS = 16_384
# Of the files a process may have open, those that are no connections: database, uploads, pages.
_OWN_FILES = 512
# Connections that wait in the system to be taken; Linux takes the lesser of this and net.core.somaxconn.
_WAITING_CONNECTIONS = 4_096
# The option PR_SET_PDEATHSIG of Linux's prctl.
_SET_SIGNAL_AT_PARENTS_DEATH = 1


class _Server(MPServer):
    """Calls `when_started`, in a thread, when its processes are started.

    Not before: they are forks, and a fork while another thread holds a lock would wait for that lock for ever.
    """

    when_started: Callable[[], None]

    def startup(self, spawn_target: Any, target_loader: Any) -> None:
        """Starts the processes."""
        super().startup(spawn_target, target_loader)  # type: ignore[no-untyped-call]
        threading.Thread(target=self.when_started, daemon=True).start()


@click.command()
@click.option("--demo", is_flag=True, help="Load the demo academy first, if this academy is empty.")
@with_settings
def serve(settings: Settings, demo: bool) -> None:
    """Serve the academy, and work its jobs off."""
    web = settings.web
    secret_key(settings)  # fails here, in a line, rather than in each process of the server
    _refuse_used_port(web.host, web.port)
    if trouble := unshared_workers(settings):
        # Once, not in each process.
        configure_logs(web.log_level)
        structlog.get_logger().warning("workers_share_no_cache", trouble=trouble)
    has_demo = demo and _load_demo()
    server = _Server(
        "academy.cli.serve:app_of_worker",
        factory=True,
        address=web.host,
        port=web.port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        # Browsers speak HTTP/2 over TLS only; told to find out, the server waits for a silent client without end.
        http=HTTPModes.http1,
        workers=web.workers,
        websockets=False,
        backpressure=_connections_for(_allow_open_files()),
        backlog=_WAITING_CONNECTIONS,
        workers_kill_timeout=_DRAIN_SECONDS,
        log_level=LogLevels.warning,
        log_dictconfig={"handlers": _HANDLERS},
    )

    def announce() -> None:
        if _wait_until_ready(settings):
            server.respawn_failed_workers = True  # one that dies before has met what will not go away by itself
            click.echo("\n".join(_places(settings, has_demo=has_demo)))

    server.when_started = announce
    server.serve()


def app_of_worker() -> "ASGIApp":
    """Builds the app in a process of the server, which ends when the server does, even by `kill -9`."""
    from academy.app import create_app

    with contextlib.suppress(OSError, AttributeError):  # Linux has it
        ctypes.CDLL(None).prctl(_SET_SIGNAL_AT_PARENTS_DEATH, signal.SIGTERM)
    return create_app()


def _allow_open_files() -> int:
    """Raises the number of files a process may have open as far as the system allows, and returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_CONNECTIONS + _OWN_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    allowed = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


def _connections_for(open_files: int) -> int:
    """How many connections a process can keep open without running out of files."""
    return max(open_files - _OWN_FILES, open_files // 2)


def _load_demo() -> bool:
    """Loads the demo academy, unless there is another one already; returns whether its accounts are here.

    In a process of its own: what loading needs of memory does not stay in the server. It tells the accounts it has.
    """
    loading = subprocess.run(
        [sys.executable, "-m", "academy.cli.main", "data", "demo"], check=False, stdout=subprocess.PIPE, text=True
    )
    if loading.returncode != 0:
        sys.exit(loading.returncode)
    return DEMO_ACCOUNTS[0].email in loading.stdout


def _refuse_used_port(host: str, port: int) -> None:
    """Ends with one clear line when the port is taken: the server would share it silently with the one that has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise click.ClickException(
                f"Cannot listen on {host}:{port}: {error.strerror}. Set PORT or HOST to another."
            ) from error


def _places(settings: Settings, *, has_demo: bool) -> list[str]:
    """Tells where everything is, a line each."""
    web = settings.web
    places = [("Mail", f"{web.local_url}/dev/mail")] if settings.email.provider == "inbox" else []
    places += [("API", f"{web.local_url}/api/docs"), ("Data", _data_place(settings))]
    if has_demo:
        places += [(account.who.capitalize(), f"{account.email}  {DEMO_PASSWORD}") for account in DEMO_ACCOUNTS]
    return [f"{web.academy_name} is open at {web.public_url}", *(f"  {name:<11}{place}" for name, place in places)]


def _data_place(settings: Settings) -> str:
    home = settings.home.path.resolve()
    return (
        f"MongoDB {settings.database.mongodb_database}, files in {home}" if settings.database.mongodb_uri else str(home)
    )


def _wait_until_ready(settings: Settings) -> bool:
    """Returns when the server answers: True, or False when it does not in a minute."""
    deadline = time.monotonic() + _READY_SECONDS
    while not _is_ready(settings):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _is_ready(settings: Settings) -> bool:
    connection = http.client.HTTPConnection(settings.web.local_url.removeprefix("http://"), timeout=1)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
