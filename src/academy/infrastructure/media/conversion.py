"""Converts a video for streaming, in a child process."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec

from academy.infrastructure.media.errors import BrokenMedia
from academy.infrastructure.media.streaming import (
    ConversionFailure,
    ConversionMessage,
    ConversionOrder,
    ConversionProgress,
    StreamFacts,
)

_MODULE = "academy.infrastructure.media.conversion_process"
# Without any word for so long, the process hangs.
_SILENCE_SECONDS = 600.0
_UNCONVERTIBLE = (
    "This video could not be converted; it may be damaged. Export it again as MP4 (H.264 and AAC) and upload it again."
)
_TOO_SLOW = (
    "Converting this video took too long. Export it again as MP4 (H.264 and AAC) with at most 1920 × 1080 pixels and "
    "60 pictures a second, and upload it again."
)


class ConversionInterrupted(Exception):
    """The conversion was ended from outside, or the disk is full; it can go on."""


async def convert_video(
    order: ConversionOrder, on_progress: Callable[[ConversionProgress], Awaitable[None]], *, timeout_seconds: float
) -> StreamFacts:
    """Converts a video as ordered and returns what was made; tells `on_progress` about twice a second how far it is.

    The work is done at the lowest priority in a child process with limits on time, memory and the size of files. A
    cancelled call and an error of `on_progress` end the process.

    Raises:
        ConversionInterrupted: the process was ended by a system that is short of memory, or the disk is full.
        BrokenMedia: the file cannot be converted, is damaged, or takes longer than `timeout_seconds`; the message says
            so in words for the instructor.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", _MODULE, msgspec.json.encode(order).decode()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(timeout_seconds) as limit:
            return await _follow(process, on_progress)
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise BrokenMedia(_TOO_SLOW) from error
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _follow(
    process: asyncio.subprocess.Process, on_progress: Callable[[ConversionProgress], Awaitable[None]]
) -> StreamFacts:
    while True:
        match await _next_message(process):
            case ConversionProgress() as progress:
                await on_progress(progress)
            case ConversionFailure() as failure:
                raise BrokenMedia(failure.reason)
            case StreamFacts() as facts:
                return facts


async def _next_message(process: asyncio.subprocess.Process) -> ConversionMessage:
    """Returns what the process says next. Raises BrokenMedia when it ended (by its limits or a fault) or hangs."""
    assert process.stdout is not None  # noqa: S101 - it was started with a pipe
    try:
        line = await asyncio.wait_for(process.stdout.readline(), _SILENCE_SECONDS)
        if not line and await process.wait() in {-signal.SIGKILL, os.EX_TEMPFAIL}:
            raise ConversionInterrupted
        message: ConversionMessage = msgspec.json.decode(line, type=ConversionMessage)
    except (TimeoutError, ValueError) as error:
        raise BrokenMedia(_UNCONVERTIBLE) from error
    return message
