"""Redis stopped, killed, frozen, slow, flushed, not there at the start: requests go on, and it recovers by itself."""

import asyncio
import time

import pytest

from academy.infrastructure.cache.base import Family
from academy.infrastructure.cache.factory import make_cache
from academy.infrastructure.redis.settings import RedisSettings
from academy.kit.clock import SystemClock
from tests.contracts.cache.places import Place, opened_cache, patient
from tests.faults.cache.proxy import running_proxy
from tests.faults.cache.timing import (
    LIMIT,
    SLACK,
    prove_answers_are_harmless,
    prove_outage_is_cheap,
    set_works,
    until_it_works,
)
from tests.servers.redis import RedisServer


@pytest.mark.parametrize("fault", ["stop", "kill", "freeze"])
async def test_an_outage_costs_the_limit_once_and_ends_by_itself(server: RedisServer, kind: str, fault: str) -> None:
    async with opened_cache(Place(kind, RedisSettings(url=server.url))) as cache:
        assert await set_works(cache)
        await asyncio.to_thread(getattr(server, fault))
        await prove_outage_is_cheap(cache)
        await prove_answers_are_harmless(cache)
        await asyncio.to_thread(server.thaw if fault == "freeze" else server.start)
        began = time.monotonic()
        await until_it_works(cache)
        assert time.monotonic() - began < 8
        assert await cache.increment(Family.API, "n") == 1
        assert (await cache.health_check()).healthy


async def test_a_start_without_redis_is_a_start(server: RedisServer, kind: str) -> None:
    server.stop()
    place = Place(kind, RedisSettings(url=server.url))
    cache = make_cache(place.settings, place.redis, SystemClock())
    async with asyncio.timeout(5):
        await cache.connect()
    try:
        await prove_answers_are_harmless(cache)
        await asyncio.to_thread(server.start)
        await until_it_works(cache)
    finally:
        await cache.disconnect()


async def test_a_flush_is_only_misses(server: RedisServer, kind: str) -> None:
    async with opened_cache(Place(kind, patient(url=server.url))) as cache:
        runs = 0

        async def compute() -> int:
            nonlocal runs
            runs += 1
            return runs

        for number in range(10):
            assert await cache.set(Family.API, f"k{number}", number)
        assert await cache.get_or_compute(Family.API, "c", int, compute, tags=["t"]) == 1
        server.flush()
        # Nothing was read since it was written: there is no near copy either.
        assert [await cache.get(Family.API, f"k{number}", int) for number in range(10)] == [None] * 10
        assert await cache.get_or_compute(Family.API, "c", int, compute, tags=["t"]) == 2
        assert await cache.get_or_compute(Family.API, "c", int, compute, tags=["t"]) == 2
        assert await set_works(cache)


async def test_a_flush_while_computing_loses_nothing_but_the_keeping(server: RedisServer, kind: str) -> None:
    async with opened_cache(Place(kind, patient(url=server.url))) as cache:

        async def compute() -> str:
            server.flush()
            return "computed"

        assert await cache.get_or_compute(Family.API, "k", str, compute, tags=["t"]) == "computed"
        assert await cache.get(Family.API, "k", str) is None


@pytest.mark.parametrize("fault", ["kill", "freeze"])
async def test_an_outage_while_computing_is_not_noticed(server: RedisServer, kind: str, fault: str) -> None:
    async with opened_cache(Place(kind, RedisSettings(url=server.url))) as cache:
        assert await set_works(cache)

        async def compute() -> str:
            await asyncio.to_thread(getattr(server, fault))
            return "computed"

        async with asyncio.timeout(5):
            assert await cache.get_or_compute(Family.API, "k", str, compute, tags=["t"]) == "computed"


async def test_who_waits_for_another_process_computes_when_redis_goes(server: RedisServer, kind: str) -> None:
    place = Place(kind, RedisSettings(url=server.url))
    async with opened_cache(place) as one, opened_cache(place) as two:
        assert await set_works(one)
        assert await set_works(two)
        began, go = asyncio.Event(), asyncio.Event()

        async def slow() -> str:
            began.set()
            await go.wait()
            return "slow"

        async def quick() -> str:
            return "quick"

        first = asyncio.create_task(one.get_or_compute(Family.API, "k", str, slow))
        await began.wait()
        second = asyncio.create_task(two.get_or_compute(Family.API, "k", str, quick))
        server.freeze()
        assert await second == "quick"
        go.set()
        assert await first == "slow"
        server.thaw()


async def test_a_slow_redis_counts_as_away_until_it_is_quick_again(server: RedisServer, kind: str) -> None:
    async with (
        running_proxy(server.port) as proxy,
        opened_cache(Place(kind, RedisSettings(url=proxy.url))) as cache,
    ):
        assert await set_works(cache)
        proxy.delay = 0.5
        await prove_outage_is_cheap(cache)
        await prove_answers_are_harmless(cache)
        # It answers, too late: that is no reason to send requests to it again.
        await asyncio.sleep(2)
        await prove_outage_is_cheap(cache)
        proxy.mend()
        await until_it_works(cache)


async def test_a_redis_within_the_limit_is_used(server: RedisServer, kind: str) -> None:
    async with (
        running_proxy(server.port) as proxy,
        opened_cache(Place(kind, RedisSettings(url=proxy.url, timeout_seconds=1))) as cache,
    ):
        proxy.delay = 0.05
        for _ in range(5):
            assert await set_works(cache)


async def test_nobody_storms_a_redis_that_is_away(server: RedisServer, kind: str) -> None:
    async with (
        running_proxy(server.port) as proxy,
        opened_cache(Place(kind, RedisSettings(url=proxy.url))) as cache,
    ):
        assert await set_works(cache)
        proxy.refuse()
        assert not await set_works(cache)
        before = proxy.connections
        end = time.monotonic() + 3
        while time.monotonic() < end:
            await asyncio.gather(*(cache.get(Family.API, str(number), str) for number in range(50)))
            await asyncio.sleep(0.005)
        # One look at it per pause (half a second, then doubled), and the subscription's own.
        assert proxy.connections - before < 20
        proxy.mend()
        await until_it_works(cache)


async def test_a_busy_process_does_not_take_a_healthy_redis_for_a_dead_one(server: RedisServer) -> None:
    async with opened_cache(Place("redis", RedisSettings(url=server.url))) as cache:
        await cache.set(Family.API, "k", "x")
        await asyncio.gather(*(cache.get(Family.API, "k", str) for _ in range(5)))
        for _ in range(20):
            reading = [asyncio.create_task(cache.get(Family.API, "k", str)) for _ in range(5)]
            await asyncio.sleep(0)
            time.sleep(LIMIT * 2)  # noqa: ASYNC251 - the event loop is to stand still
            assert await asyncio.gather(*reading) == ["x"] * 5


async def test_an_outage_does_not_hold_the_end_up(server: RedisServer, kind: str) -> None:
    async with opened_cache(Place(kind, RedisSettings(url=server.url))) as cache:
        assert await set_works(cache)
        server.freeze()
        await cache.get(Family.API, "k", str)
        began = time.monotonic()
        await cache.disconnect()
        assert time.monotonic() - began < 1 + SLACK
        server.thaw()


async def test_a_full_redis_refuses_values_and_goes_on_reading(server: RedisServer) -> None:
    async with opened_cache(Place("redis", RedisSettings(url=server.url, timeout_seconds=5))) as cache:
        await cache.set(Family.API, "k", "x")
        server.ask("CONFIG", "SET", "maxmemory", "1")
        assert not await cache.set(Family.API, "k", "y")
        server.ask("CONFIG", "SET", "maxmemory", "0")
        await until_it_works(cache)
        # What could not be replaced is gone: it was not true any more.
        assert await cache.get(Family.API, "k", str) is None
