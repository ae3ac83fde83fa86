"""What several processes that share a cache see of each other."""

import asyncio
import time

from academy.infrastructure.cache.base import COMPUTING_LEASE, Family
from tests.contracts.cache.caching_process import RUNS, caching_processes
from tests.contracts.cache.places import Place, opened_cache, raw_client


async def test_200_callers_in_4_processes_compute_once(shared_place: Place) -> None:
    async with caching_processes(shared_place, "stampede", processes=4, count=50) as processes:
        for process in processes:
            await process.go()
        assert await asyncio.gather(*(process.told() for process in processes)) == ["run 1"] * 4
    async with raw_client(shared_place.redis) as redis:
        assert await redis.get(RUNS) == b"1"


async def test_the_lock_of_a_killed_process_ends(shared_place: Place) -> None:
    async with (
        caching_processes(shared_place, "hold") as (process,),
        opened_cache(shared_place) as cache,
    ):
        await process.go()
        assert await process.told() == "computing"
        await process.kill()
        began = time.monotonic()

        async def compute() -> str:
            return "mine"

        assert await cache.get_or_compute(Family.API, "k", str, compute) == "mine"
        assert time.monotonic() - began < COMPUTING_LEASE.total_seconds() + 2


async def test_a_process_sees_what_another_one_changed(shared_place: Place) -> None:
    async with (
        caching_processes(shared_place, "read", processes=2) as processes,
        opened_cache(shared_place) as cache,
    ):

        async def seen() -> list[str]:
            for process in processes:
                await process.go()
            return [await process.told() for process in processes]

        async def until_seen(text: str) -> None:
            # News travel by themselves: a near level drops its copy a moment after the change.
            deadline = time.monotonic() + 5
            while await seen() != [text] * 2:
                assert time.monotonic() < deadline

        assert await seen() == ["None", "None"]
        for number in range(20):
            await cache.set(Family.API, "k", f"v{number}")
            await until_seen(f"v{number}")
        await cache.delete(Family.API, "k")
        await until_seen("None")

        async def compute() -> str:
            return "tagged"

        await cache.get_or_compute(Family.API, "k", str, compute, tags=["t"])
        await until_seen("tagged")
        await cache.invalidate_tags(["t"])
        await until_seen("None")
