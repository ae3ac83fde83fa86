"""A process that only works jobs off: `academy worker`. As many as needed may run beside `academy serve`."""

import asyncio
import contextlib
import signal
from collections.abc import Callable

from academy.composition import build_academy
from academy.settings import Settings

_ENDING = (signal.SIGINT, signal.SIGTERM)


async def run_worker(settings: Settings, on_started: Callable[[], None]) -> None:
    """Works jobs off until the process is told to end (SIGINT, SIGTERM), also while it is still connecting.

    Calls `on_started` when the first job may be worked on. Raises DatabaseUnavailable at the start.
    """
    academy = build_academy(settings)
    loop, itself = asyncio.get_running_loop(), asyncio.current_task()
    if itself is not None:
        for number in _ENDING:
            loop.add_signal_handler(number, itself.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await academy.start(work=True)
            await academy.email.initialize()
            on_started()
            await asyncio.Event().wait()
    finally:
        for number in _ENDING:
            loop.remove_signal_handler(number)  # told twice, the process ends at once
        await academy.stop()
