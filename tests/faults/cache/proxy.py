"""A proxy before a Redis server, for faults on the wire: delay, silence, refusal."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.servers.mongodb import free_port


class Proxy:
    """Passes bytes on, in its own way.

    Attributes:
        delay: seconds that every piece of an answer waits.
        connections: how many were accepted so far.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.delay = 0.0
        self.connections = 0
        self._target = target
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._refuses = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Address as in REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def silence(self) -> None:
        """From now on nothing gets through; connections stay and are accepted."""
        self._is_open.clear()

    def refuse(self) -> None:
        """Cuts all connections, and every new one at once."""
        self._refuses = True
        for task in self._tasks:
            task.cancel()

    def mend(self) -> None:
        """Passes everything on at once again."""
        self.delay = 0.0
        self._refuses = False
        self._is_open.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection to its end."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            if not self._refuses:
                await self._pass_on(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await self._connect()
        there = asyncio.create_task(self._copy(reader, far_writer, is_answer=False))
        back = asyncio.create_task(self._copy(far_reader, writer, is_answer=True))
        try:
            await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
        finally:
            far_writer.close()
            for task in (there, back):
                task.cancel()
            await asyncio.gather(there, back, far_writer.wait_closed(), return_exceptions=True)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Opens the connection to the server; whoever is cut off meanwhile leaves none behind."""
        connecting = asyncio.create_task(asyncio.open_connection("127.0.0.1", self._target))
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            _, writer = await connecting
            writer.close()
            await writer.wait_closed()
            raise

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool) -> None:
        while piece := await reader.read(1 << 16):
            if is_answer and self.delay:
                await asyncio.sleep(self.delay)
            await self._is_open.wait()
            writer.write(piece)
            await writer.drain()

    async def end(self) -> None:
        """Cuts all connections and waits until they are served."""
        tasks = list(self._tasks)
        self.refuse()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def running(proxy: Proxy) -> AsyncIterator[None]:
    """Serves a proxy."""
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", proxy.port)
    try:
        yield
    finally:
        server.close()
        await proxy.end()
        await server.wait_closed()


@asynccontextmanager
async def running_proxy(target: int) -> AsyncIterator[Proxy]:
    """Serves a proxy before a port of this machine."""
    proxy = Proxy(target)
    async with running(proxy):
        yield proxy
