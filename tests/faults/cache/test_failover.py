"""A sentinel set loses its master, a cluster loses a node: requests go on, and it recovers by itself."""

import asyncio
from collections.abc import Iterator

import pytest

from academy.infrastructure.cache.base import Cache, Family
from academy.infrastructure.redis.settings import RedisSettings
from tests.contracts.cache.places import Place, opened_cache, until
from tests.faults.cache.timing import LIMIT, SLACK, Stopwatch, prove_outage_is_cheap, set_works, until_it_works
from tests.servers.redis import MASTER, RedisCluster, SentinelSet, running_cluster, running_sentinels


@pytest.fixture
def sentinels() -> Iterator[SentinelSet]:
    with running_sentinels() as sentinels:
        yield sentinels


@pytest.fixture
def cluster() -> Iterator[RedisCluster]:
    with running_cluster() as cluster:
        yield cluster


async def longest_call(cache: Cache, ended: asyncio.Event) -> float:
    """Asks on and on until the event; returns the longest wait."""
    longest, number = 0.0, 0
    while not ended.is_set():
        number += 1
        async with Stopwatch.running() as watch:
            await cache.get(Family.API, str(number), str)
            longest = max(longest, watch.waited())
        await asyncio.sleep(0.005)
    return longest


@pytest.mark.parametrize("fault", ["kill", "freeze"])
@pytest.mark.parametrize("kind", ["redis", "two-level"])
async def test_the_replica_takes_over(sentinels: SentinelSet, kind: str, fault: str) -> None:
    place = Place(kind, RedisSettings(sentinels=sentinels.addresses, sentinel_master=MASTER))
    async with opened_cache(place) as cache:
        assert await set_works(cache)
        ended = asyncio.Event()
        asking = asyncio.create_task(longest_call(cache, ended))
        await asyncio.to_thread(getattr(sentinels.master, fault))
        await prove_outage_is_cheap(cache)
        await until_it_works(cache)
        ended.set()
        assert await asking < LIMIT + SLACK
        assert "role:master" in sentinels.replica.ask("INFO", "replication")


async def test_sentinels_that_are_gone_or_hang_are_passed_by(sentinels: SentinelSet) -> None:
    first, second, _ = sentinels.sentinels
    first.kill()
    second.freeze()
    place = Place("redis", RedisSettings(sentinels=sentinels.addresses, sentinel_master=MASTER))
    async with opened_cache(place) as cache:
        await until_it_works(cache)
    second.thaw()


@pytest.mark.parametrize("fault", ["kill", "freeze"])
async def test_a_cluster_without_a_node_is_away_until_it_is_back(cluster: RedisCluster, fault: str) -> None:
    async with opened_cache(Place("cluster", RedisSettings(url=cluster.url, cluster=True))) as cache:
        await until_it_works(cache)
        node = cluster.nodes[0]
        await asyncio.to_thread(getattr(node, fault))
        ended = asyncio.Event()
        asking = asyncio.create_task(longest_call(cache, ended))

        async def is_away() -> bool:
            return not (await cache.health_check()).healthy

        await until(is_away)
        await prove_outage_is_cheap(cache)
        await asyncio.to_thread(node.thaw if fault == "freeze" else node.start)
        await asyncio.to_thread(cluster.wait_until_well)
        await until_it_works(cache)
        ended.set()
        assert await asking < LIMIT + SLACK
        for number in range(50):
            assert await cache.set(Family.API, f"all slots {number}", number)
