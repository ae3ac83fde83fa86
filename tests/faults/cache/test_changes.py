"""Changes made while Redis is away count when it is back, and near copies never outlive them."""

import asyncio
import time

import pytest

from academy.infrastructure.cache.base import ANY, Cache, Family
from academy.infrastructure.cache.keys import place_of
from academy.infrastructure.cache.news import News
from academy.infrastructure.cache.redis_debts import Debts
from academy.infrastructure.cache.two_level import TwoLevelCache, TwoLevelStore
from academy.infrastructure.redis.settings import RedisSettings
from tests.contracts.cache.places import Place, is_settled, opened_cache, patient, until
from tests.faults.cache.proxy import running_proxy
from tests.faults.cache.timing import until_it_works
from tests.servers.redis import RedisServer


async def change(cache: Cache, how: str) -> None:
    match how:
        case "delete":
            await cache.delete(Family.COURSES, "k")
        case "clear":
            await cache.clear_pattern(Family.COURSES, ["k", ANY])
        case "set":
            await cache.set(Family.COURSES, "k", "newer")
        case _:
            await cache.invalidate_tags(["t"])


async def has_copy(cache: Cache, key: str) -> bool:
    """Reads a value, and tells whether the near level has a copy of it now: news on their way may prevent one."""
    assert isinstance(cache, TwoLevelCache)
    assert isinstance(cache._store, TwoLevelStore)
    await cache.get(Family.COURSES, key, str)
    return await cache._store._near.read(place_of(Family.COURSES, key)) is not None


async def old() -> str:
    return "old"


async def new() -> str:
    return "new"


@pytest.mark.parametrize("how", ["delete", "clear", "set", "tags"])
async def test_what_changed_in_an_outage_is_not_stale_after_it(server: RedisServer, kind: str, how: str) -> None:
    place = Place(kind, RedisSettings(url=server.url))
    async with opened_cache(place) as one, opened_cache(Place(kind, patient(url=server.url))) as other:
        for cache in (one, other):
            assert await cache.get_or_compute(Family.COURSES, "k", str, old, tags=["t"]) == "old"
        server.freeze()
        await change(one, how)
        server.thaw()
        await until_it_works(one)
        assert await one.get(Family.COURSES, "k", str) != "old"
        await until(lambda: is_settled(other))

        async def other_knows() -> bool:
            return await other.get(Family.COURSES, "k", str) != "old"

        await until(other_knows)
        assert await one.get_or_compute(Family.COURSES, "k", str, new, tags=["t"]) in ("new", "newer")


async def test_a_caller_that_goes_away_leaves_its_change_to_be_made(server: RedisServer, kind: str) -> None:
    async with opened_cache(Place(kind, patient(url=server.url))) as cache:
        assert await cache.get_or_compute(Family.COURSES, "k", str, old, tags=["t"]) == "old"
        server.freeze()
        caller = asyncio.create_task(cache.invalidate_tags(["t"]))
        await asyncio.sleep(0.01)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        server.thaw()
        await until_it_works(cache)
        assert await cache.get(Family.COURSES, "k", str) is None


async def test_very_many_changes_become_one(server: RedisServer, kind: str) -> None:
    async with opened_cache(Place(kind, RedisSettings(url=server.url))) as cache:
        await cache.set(Family.COURSES, "k", "old")
        await cache.set(Family.USERS, "u", "old")
        server.freeze()
        for number in range(60):
            await cache.delete_multiple(Family.POSTS, [f"p{number}:{part}" for part in range(100)])
        server.thaw()
        await until_it_works(cache)
        assert await cache.get(Family.COURSES, "k", str) is None
        assert await cache.get(Family.USERS, "u", str) is None


def test_debts_stay_bounded() -> None:
    debts = Debts()
    for number in range(50_000):
        debts.owe([str(number)], [], News(tags=(str(number),)))
        assert len(debts.names) + len(debts.globs) + len(debts.news) < 20_010
    assert debts.globs


async def test_a_process_that_hears_no_news_does_not_trust_its_copies(server: RedisServer) -> None:
    async with (
        running_proxy(server.port) as proxy,
        opened_cache(Place("two-level", RedisSettings(url=proxy.url))) as deaf,
        opened_cache(Place("two-level", patient(url=server.url))) as other,
    ):
        assert await other.set(Family.COURSES, "k", "old")
        await until(lambda: has_copy(deaf, "k"))
        proxy.silence()
        assert await other.set(Family.COURSES, "k", "new")
        began = time.monotonic()

        async def bypasses() -> bool:
            return await deaf.get(Family.COURSES, "k", str) is None

        await until(bypasses)
        assert time.monotonic() - began < 3
        proxy.mend()
        await until(lambda: is_settled(deaf))
        assert await deaf.get(Family.COURSES, "k", str) == "new"


async def test_a_lost_subscription_clears_the_copies_and_comes_back(server: RedisServer) -> None:
    place = Place("two-level", patient(url=server.url))
    async with opened_cache(place) as cache, opened_cache(place) as other:
        for number in range(5):
            assert await other.set(Family.COURSES, "k", number)

            async def reads(number: int = number) -> bool:
                return await cache.get(Family.COURSES, "k", int) == number

            await until(reads)
            killed = server.ask("CLIENT", "KILL", "TYPE", "pubsub")
            while killed == ":0":
                await asyncio.sleep(0.01)
                killed = server.ask("CLIENT", "KILL", "TYPE", "pubsub")
            # This change is told to nobody that listens.
            assert await other.set(Family.COURSES, "k", number + 100)

            async def sees(number: int = number) -> bool:
                return await cache.get(Family.COURSES, "k", int) == number + 100

            await until(sees, seconds=5)
            await until(lambda: is_settled(cache))
            await until(lambda: is_settled(other))
