"""A body that does not come in time, over a real framework app; what is sent is timed by the test."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from litestar import Litestar, post
from litestar.middleware import DefineMiddleware

from academy.web.deadlines import DeadlineMiddleware
from academy.web.requests import PageRequest


@post("/form")
async def take_form(request: PageRequest) -> str:
    return str(len(await request.body()))


@post("/upload", request_max_body_size=None)
async def take_upload(request: PageRequest) -> str:
    return str(len(await request.body()))


@post("/slow-academy")
async def take_its_time(request: PageRequest) -> str:
    length = 0
    async for chunk in request.stream():
        length += len(chunk)
        await asyncio.sleep(0.1)
    return str(length)


async def status_of(path: str, pieces: AsyncIterator[bytes], *, part: float = 30.0, whole: float = 60.0) -> int:
    """Sends a body piece by piece and returns the status of the answer."""
    app = Litestar(
        [take_form, take_upload, take_its_time],
        middleware=[DefineMiddleware(DeadlineMiddleware, part_seconds=part, whole_seconds=whole)],
        openapi_config=None,
        logging_config=None,
    )
    scope: Any = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": [], "app": app}
    statuses: list[int] = []

    async def receive() -> Any:
        piece = await anext(pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    (status,) = statuses
    return status


async def at_once(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def never_ending() -> AsyncIterator[bytes]:
    yield b"{"
    await asyncio.get_running_loop().create_future()


async def dripping(piece: bytes, times: int) -> AsyncIterator[bytes]:
    for _ in range(times):
        await asyncio.sleep(0.01)
        yield piece


@pytest.mark.parametrize("path", ["/form", "/upload"])
async def test_what_comes_in_time_is_taken(path: str) -> None:
    assert await status_of(path, at_once(b"a" * 1_000, b"b" * 1_000)) == 201


@pytest.mark.parametrize("path", ["/form", "/upload"])
async def test_nothing_more_is_waited_for_in_vain(path: str) -> None:
    assert await status_of(path, never_ending(), part=0.05) == 408


@pytest.mark.parametrize("path", ["/form", "/upload"])
async def test_a_trickle_ends(path: str) -> None:
    assert await status_of(path, dripping(b"x", 1_000_000), whole=0.1) == 408


async def test_an_upload_may_take_as_long_as_it_brings_something() -> None:
    assert await status_of("/upload", dripping(b"x" * 10_000, 20), whole=0.1) == 201
    assert await status_of("/form", dripping(b"x" * 10_000, 20), whole=0.1) == 408


async def test_the_time_the_academy_takes_is_not_the_clients() -> None:
    assert await status_of("/slow-academy", at_once(b"a", b"b", b"c"), whole=0.1) == 201
