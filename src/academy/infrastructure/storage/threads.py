"""Work that is never left behind: in threads, and in tasks that must come to their own end."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def run_to_end(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a blocking function in a thread and returns its answer or raises its exception.

    A thread cannot be stopped. When the caller is cancelled, this waits until the function has ended and only then
    lets the cancellation go on, so that whoever cleans up afterwards is alone with the files.
    """
    return await to_end(asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs)))


async def to_end(work: asyncio.Future[T]) -> T:
    """Returns what `work` returns or raises its exception. A cancelled caller waits until it has ended, then goes."""
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await settled(work)
        raise


async def settled(work: asyncio.Future[T]) -> None:
    """Waits until `work` has ended, however often the caller is cancelled meanwhile. Never raises."""
    while not work.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([work])
    if not work.cancelled():
        work.exception()
