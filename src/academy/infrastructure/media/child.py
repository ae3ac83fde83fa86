"""Runs the child processes in which foreign files are decoded."""

import asyncio
import sys
from contextlib import suppress


async def run_child(module: str, *arguments: str, given: bytes | None = None, seconds: float) -> tuple[int, bytes]:
    """Runs `python -m module arguments` with `given` on its stdin; returns its exit code and what it wrote to stdout.

    A cancelled call ends the process. Raises TimeoutError when it takes longer than `seconds`; it is ended then.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=asyncio.subprocess.DEVNULL if given is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(given), seconds)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return process.returncode if process.returncode is not None else -1, output
