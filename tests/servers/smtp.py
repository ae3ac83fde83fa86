"""A mail server for tests: aiosmtpd, which keeps what it takes and misbehaves when it is told to.

`docs` below says which RFCs it follows. `SmtpServer` runs it in a thread, `SmtpProcess` in a process of its own, for
load and kills. Both are spoken to through a folder: what the server took and who connected is in one file, a line each;
how it behaves is in another one, which it reads again before each step. So a kill loses nothing and another process
can ask.

By hand: `python -m tests.servers.smtp FOLDER 2525 '{"pipelining": false}'` with the fields of `Options`.
"""

import asyncio
import signal
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from tests.servers.mongodb import ServerFailed, free_port
from tests.servers.process import ServerProcess
from tests.servers.smtp_folder import HOST, Behaviour, Closed, Folder, Heard, Kept, Opened, Options
from tests.servers.smtp_session import SmtpSession
from tests.waiting import wait_for

docs = """
RFC 5321 SMTP, 1870 SIZE, 2920 PIPELINING, 3207 STARTTLS, 8314 TLS from the first byte, 4954 AUTH (PLAIN, LOGIN), 6152
8BITMIME, 6531 SMTPUTF8. aiosmtpd reads commands from a buffer and so lets a client pipeline.
"""

START_SECONDS = 30.0

E = TypeVar("E", Opened, Closed, Kept, Heard)


class SmtpClient:
    """What tests ask a server and tell it."""

    def __init__(self, path: Path, options: Options) -> None:
        self.folder = Folder(path)
        self.options = options
        self.port = 0
        if options.security != "none":
            self.folder.make_certificates(options.certified_for)

    def behave(self, behaviour: Behaviour) -> None:
        """Changes the behaviour from the next step on."""
        self.folder.write_behaviour(behaviour)

    def messages(self) -> list[Kept]:
        """Returns what was taken, oldest first."""
        return self._all(Kept)

    def opened(self) -> int:
        """Returns how many connections there were."""
        return len(self._all(Opened))

    def still_open(self) -> int:
        """Returns how many connections there are."""
        return self.opened() - len(self._all(Closed))

    def heard(self) -> list[list[str]]:
        """Returns the commands, those of one piece together."""
        return [event.commands for event in self._all(Heard)]

    def _all(self, kind: type[E]) -> list[E]:
        return [event for event in self.folder.events() if isinstance(event, kind)]


class _Service:
    """The server on an event loop."""

    def __init__(self, folder: Folder, options: Options) -> None:
        self._folder = folder
        self._options = options
        self._number = 0
        self._connections: list[SmtpSession] = []
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def run(self, port: int) -> None:
        """Serves until it is stopped."""
        tls: ssl.SSLContext | None = None
        if self._options.security != "none":
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(self._folder.certificate)
        implicit = tls if self._options.security == "tls" else None
        server = await self._loop.create_server(partial(self._connect, tls), HOST, port, ssl=implicit)
        self._folder.port_file.write_text(str(server.sockets[0].getsockname()[1]))
        await self._stop.wait()
        server.close()
        while live := self._live():
            for connection in live:
                connection.abort()
            await asyncio.sleep(0)

    def stop(self) -> None:
        """Ends it; to be called on its loop."""
        self._stop.set()

    def close_connections(self, farewell: str) -> None:
        """Closes all connections, as servers do with idle ones."""
        for connection in self._live():
            connection.take_leave(farewell)

    def _live(self) -> list[SmtpSession]:
        return [connection for connection in self._connections if connection.transport is not None]

    def _connect(self, tls: ssl.SSLContext | None) -> SmtpSession:
        self._number += 1
        self._connections = [*self._live(), SmtpSession(self._folder, self._options, self._number, tls)]
        return self._connections[-1]


class SmtpServer(SmtpClient):
    """The server in a thread of this process."""

    def __init__(self, path: Path, options: Options) -> None:
        super().__init__(path, options)
        self._service: _Service | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="smtp", daemon=True)

    def start(self) -> None:
        """Returns when it listens. Raises ServerFailed."""
        self._thread.start()
        self.port = _port_of(self.folder, self._thread.is_alive)

    def stop(self) -> None:
        """Aborts all connections and ends the thread."""
        self._call(_Service.stop)
        self._thread.join()

    def close_connections(self, farewell: str = "") -> None:
        """Closes all connections, after a last word if one is given; `still_open` tells when they are gone."""
        self._call(lambda service: service.close_connections(farewell))

    def _call(self, action: Callable[[_Service], None]) -> None:
        if self._loop is not None and self._service is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(action, self._service)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._service = _Service(self.folder, self.options)
        await self._service.run(0)


class SmtpProcess(SmtpClient, ServerProcess):
    """The server in a process of its own; can be killed and started again with what it has taken, on the same port."""

    def __init__(self, path: Path, options: Options) -> None:
        SmtpClient.__init__(self, path, options)
        ServerProcess.__init__(self)
        self.port = free_port()

    def start(self) -> None:
        """Returns when it listens. Raises ServerFailed."""
        self.folder.port_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.servers.smtp", str(self.folder.path), str(self.port)]
        self.spawn([*command, msgspec.json.encode(self.options).decode()])
        _port_of(self.folder, lambda: self.returncode is None)


def _port_of(folder: Folder, is_alive: Callable[[], bool]) -> int:
    def text() -> str:
        if not is_alive():
            raise ServerFailed("the mail server ended before it listened")
        return folder.port_file.read_text() if folder.port_file.exists() else ""

    if port := wait_for(text, START_SECONDS):
        return int(port)
    raise ServerFailed("the mail server does not listen")


@contextmanager
def running_smtp(path: Path, options: Options | None = None) -> Iterator[SmtpServer]:
    """Gives a server in a thread of this process and ends it."""
    server = SmtpServer(path, options or Options())
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def smtp_process(path: Path, options: Options | None = None) -> Iterator[SmtpProcess]:
    """Gives a server in a process of its own and ends it."""
    server = SmtpProcess(path, options or Options())
    server.start()
    try:
        yield server
    finally:
        server.stop()


async def main() -> None:
    """Serves until SIGTERM."""
    folder, port, options = Folder(Path(sys.argv[1])), int(sys.argv[2]), sys.argv[3]
    service = _Service(folder, msgspec.json.decode(options, type=Options))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, service.stop)
    await service.run(port)


if __name__ == "__main__":
    asyncio.run(main())
