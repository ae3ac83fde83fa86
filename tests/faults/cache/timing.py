"""How long calls wait, and what they answer, while Redis is away."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from academy.infrastructure.cache.base import ANY, Cache, Family
from tests.contracts.cache.places import until

# The default of REDIS_TIMEOUT_SECONDS, and what a busy test machine may add to it.
LIMIT, SLACK = 0.05, 0.2
_TICK = 0.005


class Stopwatch:
    """Measures how long something waits, without the time in which this process did not run or was busy itself."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._stalled = 0.0

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator["Stopwatch"]:
        """Runs until the end of the block."""
        watch = cls()
        ticking = asyncio.create_task(watch._tick())
        try:
            yield watch
        finally:
            ticking.cancel()

    def waited(self) -> float:
        """Returns the seconds so far."""
        return time.monotonic() - self._began - self._stalled

    async def _tick(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(_TICK)
            self._stalled += max(0.0, time.monotonic() - before - 2 * _TICK)


async def set_works(cache: Cache) -> bool:
    """Whether a value can be kept and read."""
    return await cache.set(Family.SESSIONS, "probe", "x") and await cache.get(Family.SESSIONS, "probe", str) == "x"


async def until_it_works(cache: Cache) -> None:
    """Waits until the cache has recovered by itself."""
    await until(lambda: set_works(cache), seconds=30)


async def prove_outage_is_cheap(cache: Cache) -> None:
    """The first calls, many at a time, wait for the limit once; the ones after them do not wait at all."""
    async with Stopwatch.running() as watch:
        answers = await asyncio.gather(*(cache.get(Family.API, f"never{number}", str) for number in range(100)))
        first = watch.waited()
    assert answers == [None] * 100
    assert first < LIMIT + SLACK, f"the first calls took {first:.3f} s"
    times = []
    for _ in range(300):
        began = time.monotonic()
        assert await cache.get(Family.API, "never", str) is None
        times.append(time.monotonic() - began)
    # Some may have been interrupted by the machine's other work; a wait for Redis would show in all.
    assert statistics.median(times) < 0.001
    assert statistics.quantiles(times)[2] < 0.005


async def prove_answers_are_harmless(cache: Cache) -> None:
    """Every method answers as the promise says, and values are computed once in the process."""
    runs = 0

    async def compute() -> int:
        nonlocal runs
        runs += 1
        await asyncio.sleep(0.05)
        return runs

    ask = cache.get_or_compute
    answers = await asyncio.gather(*(ask(Family.API, "computed", int, compute, tags=["t"]) for _ in range(100)))
    assert answers == [1] * 100
    assert not await cache.set(Family.API, "lost", "x", ttl=timedelta(minutes=1))
    assert not await cache.delete(Family.API, "lost")
    assert await cache.delete_multiple(Family.API, ["lost", "more"]) == 0
    assert await cache.clear_pattern(Family.API, ["lost", ANY]) == 0
    assert await cache.increment(Family.API, "lost") is None
    assert not await cache.invalidate_tags(["lost"])
    stats, health = await cache.get_stats(), await cache.health_check()
    assert not stats.available
    assert (stats.families[Family.API].keys, stats.families[Family.API].memory) == (0, 0)
    assert not health.healthy
    assert "Redis" in health.detail
    assert health.duration_ms < (LIMIT + SLACK) * 1000
