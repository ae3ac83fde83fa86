"""Work that goes on to its end, even when the task that waits for it is cancelled."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

T = TypeVar("T")
Callback = Callable[[], Awaitable[object]]


async def completed(future: asyncio.Future[T]) -> T:
    """Awaits work to its end even when the waiting task is cancelled; then the cancellation goes on."""
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError:
                continue
        raise


async def run_callbacks(callbacks: Sequence[Callback]) -> None:
    """Runs what waited for a commit, in order, to its end; what fails is logged, since the commit cannot be undone."""
    if callbacks:
        await completed(asyncio.get_running_loop().create_task(_run_each(callbacks)))


async def _run_each(callbacks: Sequence[Callback]) -> None:
    for callback in callbacks:
        try:
            await callback()
        except Exception:  # noqa: BLE001 - logged with its trace; the others must run
            structlog.get_logger().exception("after_commit_failed")
