"""Figures and health, on every cache."""

from academy.infrastructure.cache.base import Cache, Family
from tests.contracts.cache.places import Place, opened_cache


async def test_figures_tell_what_is_kept_and_what_was_found(cache: Cache, place: Place) -> None:
    for number in range(50):
        await cache.set(Family.POSTS, str(number), "x" * 10_000)
    await cache.set(Family.USERS, "1", "x")
    await cache.get(Family.POSTS, "1", str)
    await cache.get(Family.POSTS, "nothing", str)
    stats = await cache.get_stats()
    assert stats.available
    assert stats.provider == ("memory" if place.kind == "memory" else "redis")
    assert set(stats.families) == set(Family)
    posts, users = stats.families[Family.POSTS], stats.families[Family.USERS]
    assert (posts.hits, posts.misses, posts.keys) == (1, 1, 50)
    assert 500_000 <= posts.memory <= 1_500_000
    assert (users.hits, users.misses, users.keys) == (0, 0, 1)
    assert 1 <= users.memory <= 1000
    assert stats.families[Family.API].memory == 0


async def test_locks_and_tags_are_no_values(cache: Cache) -> None:
    keys: list[int] = []

    async def compute() -> int:
        keys.append((await cache.get_stats()).families[Family.API].keys)
        return 1

    await cache.get_or_compute(Family.API, "k", int, compute, tags=["a", "b"])
    assert keys == [0]
    assert (await cache.get_stats()).families[Family.API].keys == 1


async def test_a_cache_that_answers_is_well(cache: Cache) -> None:
    health = await cache.health_check()
    assert health.healthy, health.detail
    assert health.detail == ""
    assert health.duration_ms < 5000


async def test_a_cache_can_be_closed_twice_and_opened_again(place: Place) -> None:
    async with opened_cache(place) as cache:
        await cache.set(Family.API, "k", 1)
        await cache.disconnect()
        await cache.disconnect()
        await cache.connect()
        assert await cache.set(Family.API, "l", 2)
        assert await cache.get(Family.API, "l", int) == 2
