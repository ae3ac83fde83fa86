"""A process that only works jobs off: `academy worker`. As many as needed may run beside `academy serve`."""

import asyncio
import signal

from academy.composition import build_academy
from academy.settings import Settings


async def run_worker(settings: Settings) -> None:
    """Works jobs off until the process is told to end (SIGINT, SIGTERM). Raises DatabaseUnavailable at the start."""
    academy = build_academy(settings)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await academy.start(work=True)
    try:
        await stopped.wait()
    finally:
        await academy.stop()
