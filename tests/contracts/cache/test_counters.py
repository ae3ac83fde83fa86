"""Counters, on every cache."""

import asyncio
from datetime import timedelta

import pytest

from academy.infrastructure.cache.base import Cache, Family
from tests.contracts.cache.places import until


async def test_a_counter_counts_every_increment_once(cache: Cache) -> None:
    seen = await asyncio.gather(*(cache.increment(Family.API, "n") for _ in range(200)))
    assert sorted(number for number in seen if number is not None) == list(range(1, 201))
    assert await cache.get(Family.API, "n", int) == 200
    assert await cache.increment(Family.API, "n", by=-250) == -50
    assert await cache.get(Family.API, "n", int) == -50
    assert await cache.delete(Family.API, "n")
    assert await cache.increment(Family.API, "n", by=0) == 0


async def test_a_reader_sees_a_counter_move(cache: Cache) -> None:
    for number in range(1, 4):
        await cache.increment(Family.API, "n")
        assert await cache.get(Family.API, "n", int) == number


async def test_a_counter_lives_from_its_first_increment(cache: Cache) -> None:
    began = asyncio.get_running_loop().time()
    lifetime = timedelta(milliseconds=500)
    highest = 0

    async def begins_again() -> bool:
        nonlocal highest
        now = await cache.increment(Family.API, "n", ttl=lifetime)
        assert now is not None
        is_fresh, highest = now == 1 and highest > 0, max(now, highest)
        return is_fresh

    await until(begins_again)
    assert asyncio.get_running_loop().time() - began >= 0.49
    assert highest > 1


async def test_a_counter_is_exact_to_its_last_bit(cache: Cache) -> None:
    largest = (1 << 63) - 1
    assert await cache.increment(Family.API, "n", by=largest - 1) == largest - 1
    assert await cache.increment(Family.API, "n") == largest
    with pytest.raises(ValueError, match="64 bits"):
        await cache.increment(Family.API, "n")
    with pytest.raises(ValueError, match="64 bits"):
        await cache.increment(Family.API, "n", by=largest + 1)
    assert await cache.get(Family.API, "n", int) == largest


async def test_a_whole_number_can_be_incremented_and_nothing_else(cache: Cache) -> None:
    await cache.set(Family.API, "n", 41)
    assert await cache.increment(Family.API, "n") == 42
    for value in ("41", 1.0, True, None, [1], b"12"):
        await cache.set(Family.API, "n", value)
        with pytest.raises(ValueError, match="no whole number"):
            await cache.increment(Family.API, "n")


async def test_incrementing_does_not_prolong_what_was_set(cache: Cache) -> None:
    await cache.set(Family.API, "n", 10, ttl=timedelta(milliseconds=300))

    async def began_again() -> bool:
        number = await cache.increment(Family.API, "n", by=0, ttl=timedelta(minutes=5))
        return number == 0

    await until(began_again)
