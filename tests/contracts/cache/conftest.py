from collections.abc import AsyncIterator

import pytest

from academy.infrastructure.cache.base import Cache
from academy.infrastructure.redis.settings import RedisSettings
from tests.contracts.cache.places import KINDS, SHARED_KINDS, Place, opened_cache, patient, raw_client


async def _emptied(kind: str, request: pytest.FixtureRequest) -> Place:
    if kind == "memory":
        return Place(kind, RedisSettings())
    is_cluster = kind == "cluster"
    url: str = request.getfixturevalue("cluster_url" if is_cluster else "redis_url")
    place = Place(kind, patient(url=url, cluster=is_cluster))
    async with raw_client(place.redis) as client:
        await client.flushdb()
    return place


@pytest.fixture(params=KINDS)
async def place(request: pytest.FixtureRequest) -> Place:
    """Where the cache of a test is: empty."""
    return await _emptied(request.param, request)


@pytest.fixture(params=SHARED_KINDS)
async def shared_place(request: pytest.FixtureRequest) -> Place:
    """A place that several processes share."""
    return await _emptied(request.param, request)


@pytest.fixture
async def cache(place: Place) -> AsyncIterator[Cache]:
    async with opened_cache(place) as cache:
        yield cache
