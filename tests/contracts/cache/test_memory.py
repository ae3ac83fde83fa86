"""What only the cache in the process promises: bounds, and lifetimes by the clock that it is given."""

import asyncio
from datetime import timedelta

import pytest

from academy.infrastructure.cache.base import Family
from academy.infrastructure.cache.memory import MemoryCache, MemoryStore
from academy.infrastructure.cache.settings import CacheSettings
from tests.contracts.cache.places import StandingClock

KIB = 1 << 10


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


def made(clock: StandingClock, *, largest_total: int = 100 * KIB, most_values: int = 1000) -> MemoryCache:
    return MemoryCache(clock, CacheSettings().ttls, largest_total=largest_total, most_values=most_values)


async def kept(cache: MemoryCache, count: int) -> set[int]:
    return {number for number in range(count) if await cache.get(Family.API, str(number), bytes) is not None}


async def test_a_lifetime_is_exact_by_the_clock(clock: StandingClock) -> None:
    cache = made(clock)
    await cache.set(Family.API, "k", 1, ttl=timedelta(seconds=10))
    await cache.increment(Family.API, "n", ttl=timedelta(seconds=10))
    clock.move(seconds=9.999)
    assert await cache.get(Family.API, "k", int) == 1
    assert await cache.increment(Family.API, "n") == 2
    clock.move(milliseconds=1)
    assert await cache.get(Family.API, "k", int) is None
    assert not await cache.delete(Family.API, "k")
    assert await cache.increment(Family.API, "n") == 1


async def test_every_family_has_its_own_lifetime(clock: StandingClock) -> None:
    ttls = {family: timedelta(minutes=number + 1) for number, family in enumerate(Family)}
    cache = MemoryCache(clock, ttls, largest_total=100 * KIB, most_values=100)
    for family in Family:
        await cache.set(family, "k", 1)
    for left in range(len(Family), 0, -1):
        assert sum([await cache.get(family, "k", int) is not None for family in Family]) == left
        clock.move(minutes=1)
    assert (await cache.get_stats()).families[Family.ANALYTICS].keys == 0


async def test_the_longest_unused_value_goes_first(clock: StandingClock) -> None:
    cache = made(clock, most_values=10)
    for number in range(10):
        await cache.set(Family.API, str(number), b"x")
    await cache.get(Family.API, "0", bytes)
    await cache.set(Family.API, "10", b"x")
    assert await kept(cache, 11) == {0, *range(2, 11)}


async def test_bytes_are_bounded(clock: StandingClock) -> None:
    cache = MemoryCache(clock, CacheSettings().ttls, largest_total=100 * KIB, most_values=10_000)
    for number in range(300):
        await cache.set(Family.API, str(number), b"x" * KIB)
        await cache.set(Family.API, str(number), b"y" * KIB)
    stats = (await cache.get_stats()).families[Family.API]
    assert 50 <= stats.keys <= 100
    assert stats.memory <= 100 * KIB
    assert await kept(cache, 300) == set(range(300 - stats.keys, 300))
    await cache.delete_multiple(Family.API, [str(number) for number in range(300)])
    assert (await cache.get_stats()).families[Family.API].memory == 0


async def test_one_value_does_not_push_out_the_rest(clock: StandingClock) -> None:
    cache = made(clock)
    await cache.set(Family.API, "small", b"x")
    await cache.set(Family.API, "large", b"x")
    await cache.set(Family.API, "large", b"x" * 30 * KIB)
    assert await cache.get(Family.API, "small", bytes) == b"x"
    assert await cache.get(Family.API, "large", bytes) is None


async def test_tags_are_bounded_too(clock: StandingClock) -> None:
    cache = made(clock, most_values=100)

    async def compute() -> bytes:
        return b"x"

    for number in range(500):
        await cache.get_or_compute(Family.API, str(number), bytes, compute, tags=[f"t{number}"])
    assert await kept(cache, 500) == set(range(400, 500))
    store = cache._store
    assert isinstance(store, MemoryStore)
    assert len(store._tokens) == 100
    assert not store._locks


async def test_the_last_tenth_of_a_lifetime_refreshes(clock: StandingClock) -> None:
    cache, runs = made(clock), 0

    async def compute() -> int:
        nonlocal runs
        runs += 1
        return runs

    async def ask() -> int:
        number = await cache.get_or_compute(Family.API, "k", int, compute, ttl=timedelta(seconds=100))
        for _ in range(10):
            await asyncio.sleep(0)  # a refresh that has begun ends
        return number

    assert await ask() == 1
    clock.move(seconds=89.999)
    assert [await ask(), await ask()] == [1, 1]
    clock.move(milliseconds=1)
    assert [await ask(), await ask(), runs] == [1, 2, 2]
