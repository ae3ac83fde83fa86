"""A process with a cache: `python -m tests.contracts.cache.caching_process PLACE TASK`.

It says `ready`, and goes on with every line that comes in. Tasks:

- `stampede N`: one line lets N callers ask for one value at the same time; it says their different answers.
- `hold`: one line lets it begin to compute a value, without end; it says `computing`.
- `read`: for every line it says what it reads under the key `k`.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from academy.infrastructure.cache.base import Cache, Family
from tests.contracts.cache.places import Place, opened_cache, raw_client

_ROOT = Path(__file__).parents[3]
RUNS = "runs"


async def _line() -> str:
    line: str = await asyncio.to_thread(sys.stdin.readline)
    return line.strip()


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the test reads it


async def _stampede(cache: Cache, place: Place, callers: int) -> None:
    async with raw_client(place.redis) as redis:
        await redis.ping()
        _say("ready")
        await _line()

        async def compute() -> str:
            run = await redis.incr(RUNS)
            await asyncio.sleep(0.3)  # so long do the others have to wait
            return f"run {run}"

        ask = cache.get_or_compute
        answers: list[str] = await asyncio.gather(
            *(ask(Family.API, "k", str, compute, tags=["t"]) for _ in range(callers))
        )
        _say(",".join(sorted(set(answers))))


async def _hold(cache: Cache) -> None:
    _say("ready")
    await _line()

    async def compute() -> str:
        _say("computing")
        await asyncio.Event().wait()
        return ""

    await cache.get_or_compute(Family.API, "k", str, compute)


async def _read(cache: Cache) -> None:
    _say("ready")
    while await _line():
        _say(str(await cache.get(Family.API, "k", str)))


async def _work(place: Place, task: str, count: int) -> None:
    async with opened_cache(place) as cache:
        if task == "stampede":
            await _stampede(cache, place, count)
        elif task == "hold":
            await _hold(cache)
        else:
            await _read(cache)


class CachingProcess:
    """A process that runs one task."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def told(self) -> str:
        """Returns the next line it says, "" when it has ended."""
        assert self.process.stdout is not None
        return (await self.process.stdout.readline()).decode().strip()

    async def go(self) -> None:
        """Sends it a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"go\n")
        await self.process.stdin.drain()

    async def kill(self) -> None:
        """Ends it as a power cut would."""
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def caching_processes(
    place: Place, task: str, *, processes: int = 1, count: int = 1
) -> AsyncIterator[list[CachingProcess]]:
    """Starts processes and waits until they are ready; kills them at the end, when they still run."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    pipe = asyncio.subprocess.PIPE
    async with AsyncExitStack() as started:
        ready = []
        for _ in range(processes):
            arguments = [sys.executable, "-m", "tests.contracts.cache.caching_process"]
            process = await asyncio.create_subprocess_exec(
                *arguments, place.argument(), task, str(count), stdin=pipe, stdout=pipe, cwd=_ROOT, env=environment
            )
            started.push_async_callback(_end, process)
            ready.append(CachingProcess(process))
        for one in ready:
            assert await one.told() == "ready"
        yield ready


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.communicate()


if __name__ == "__main__":
    _place, _task, _count = sys.argv[1:]
    asyncio.run(_work(msgspec.json.decode(_place, type=Place), _task, int(_count)))
