"""An HTTP server on a free loopback port, in a thread of its own, that can be made to fail as real ones do."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from enum import StrEnum
from http import HTTPStatus
from typing import NoReturn

import msgspec

_END_OF_HEAD = b"\r\n\r\n"


class Trouble(StrEnum):
    """What is wrong with the server."""

    NONE = "none"
    SLOW = "slow"
    """It answers after `delay` seconds."""
    HANG = "hang"
    """It takes the request and never answers."""
    DROP_BEFORE = "drop before"
    """It hangs up before it has done anything."""
    DROP_AFTER = "drop after"
    """It does what it was asked and hangs up instead of saying so."""
    CUT = "cut"
    """It hangs up in the middle of its answer."""
    TRICKLE = "trickle"
    """Its answer comes byte by byte, and has no end."""


class Request(msgspec.Struct, frozen=True):
    """A request; the names of its headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Answer(msgspec.Struct, frozen=True):
    """An answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}


class LocalServer:
    """Answers every request by one function, which is called in the server's thread."""

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        self.trouble = Trouble.NONE
        self.delay = 0.0
        self.connections = 0
        self.requests = 0
        self._answer = answer
        self._conversations: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._over: asyncio.Event
        self._port = 0

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def open_connections(self) -> int:
        """How many clients are connected at the moment."""
        return len(self._conversations)

    def start(self) -> None:
        """Starts the server; it listens when this returns."""
        self._thread.start()
        assert self._ready.wait(10), "the server did not start"

    def stop(self) -> None:
        """Hangs up on everybody and ends the thread."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)
        assert not self._thread.is_alive(), "the server did not end"

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0, backlog=1024)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()
        conversations = list(self._conversations)
        for conversation in conversations:
            conversation.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)
        await server.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = asyncio.current_task()
        assert conversation is not None
        self._conversations.add(conversation)
        self.connections += 1
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while await self._take_request(reader, writer):
                    pass
        finally:
            self._conversations.discard(conversation)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _take_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers one request; returns whether another one may follow on this connection."""
        request = await _read(reader)
        self.requests += 1
        if self.trouble is Trouble.DROP_BEFORE:
            return False
        if self.trouble is Trouble.HANG:
            await self._over.wait()
        if self.trouble is Trouble.SLOW:
            await asyncio.sleep(self.delay)
        raw = _raw(self._answer(request))
        if self.trouble is Trouble.DROP_AFTER:
            return False
        if self.trouble is Trouble.CUT:
            # All of the head but its last line is there: the status is known, the answer is not.
            writer.write(raw[: raw.index(_END_OF_HEAD)])
            await writer.drain()
            return False
        if self.trouble is Trouble.TRICKLE:
            await _trickle(raw, writer)
        writer.write(raw)
        await writer.drain()
        return True


@contextmanager
def running(answer: Callable[[Request], Answer]) -> Iterator[LocalServer]:
    """Gives a running server and ends it."""
    server = LocalServer(answer)
    server.start()
    try:
        yield server
    finally:
        server.stop()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(_END_OF_HEAD)).decode("latin-1")
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    method, path, _version = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)


async def _trickle(raw: bytes, writer: asyncio.StreamWriter) -> NoReturn:
    """Sends the head of an answer with a header that grows until the client has gone. Raises ConnectionError then."""
    writer.write(raw[: raw.index(_END_OF_HEAD)] + b"\r\nX-Long: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


def _raw(answer: Answer) -> bytes:
    headers = {"Date": formatdate(usegmt=True), "Content-Length": str(len(answer.body)), **answer.headers}
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + answer.body
