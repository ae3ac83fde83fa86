"""Starts and kills processes that write into a test's database."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.contracts.database.places import Place

ROOT = Path(__file__).parents[3]
MODULE = "tests.contracts.database.writer"


class Writer:
    """A process that runs one task of `writer.py`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.told: list[str] = []

    async def line(self) -> str:
        """Returns the next line it tells, "" when it has ended."""
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().strip()

    async def go(self) -> None:
        """Lets it begin."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        await self._process.stdin.drain()

    async def finish(self) -> list[str]:
        """Waits for its end and returns all that it told."""
        while line := await self.line():
            self.told.append(line)
        assert await self._process.wait() == 0
        return self.told

    async def kill_after(self, lines: int) -> list[str]:
        """Kills it when it has told that many lines; returns those and what it managed to tell until it was gone."""
        while len(self.told) < lines:
            line = await self.line()
            assert line
            self.told.append(line)
        self._process.kill()
        while line := await self.line():
            self.told.append(line)
        assert await self._process.wait() == -signal.SIGKILL
        return self.told


@asynccontextmanager
async def writers(place: Place, task: str, count: int, *, name: str = "p") -> AsyncIterator[list[Writer]]:
    """Starts two processes that run a task, both of them ready and then let go at once."""
    started: list[asyncio.subprocess.Process] = []
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    try:
        for number in range(2):
            arguments = (sys.executable, "-m", MODULE, place.argument(), task, f"{name}{number}", str(count))
            pipe = asyncio.subprocess.PIPE
            process = await asyncio.create_subprocess_exec(
                *arguments, stdin=pipe, stdout=pipe, cwd=ROOT, env=environment
            )
            started.append(process)
        ready = [Writer(process) for process in started]
        for writer in ready:
            assert await writer.line() == "ready"
        for writer in ready:
            await writer.go()
        yield ready
    finally:
        for process in started:
            if process.returncode is None:
                process.kill()
                await process.wait()
