"""A process with an academy's worker: `python -m tests.faults.videos.converting_process AHEAD_SECONDS`.

Its settings come from its environment; its clock is ahead, so that leases of a killed process are over. It says `ready`
and works until its input ends.
"""

import asyncio
import logging
import os
import sys
from datetime import timedelta

import structlog

from academy.composition import build_academy
from academy.settings import load_settings
from tests.contracts.jobs.workshop import ShiftedClock


async def _work(ahead: timedelta) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    academy = build_academy(load_settings(os.environ), ShiftedClock(ahead))
    await academy.start()
    print("ready", flush=True)  # noqa: T201 - the test reads it
    await asyncio.to_thread(sys.stdin.readline)
    await academy.stop()


if __name__ == "__main__":
    asyncio.run(_work(timedelta(seconds=float(sys.argv[1]))))
