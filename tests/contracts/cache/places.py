"""The caches that the contract is proven on, and how to open them over the same Redis, also in another process."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec
from redis.asyncio import Redis, RedisCluster

from academy.infrastructure.cache.base import Cache
from academy.infrastructure.cache.factory import make_cache
from academy.infrastructure.cache.settings import CacheSettings
from academy.infrastructure.cache.stored import StoredCache
from academy.infrastructure.cache.two_level import TwoLevelStore
from academy.infrastructure.redis.settings import RedisSettings
from academy.kit.clock import Clock, SystemClock

KINDS = ["memory", "redis", "cluster", "two-level"]
SHARED_KINDS = KINDS[1:]


class Place(msgspec.Struct, frozen=True):
    """One kind of cache, and the Redis it stands on (its defaults for `memory`)."""

    kind: str
    redis: RedisSettings

    @property
    def settings(self) -> CacheSettings:
        return CacheSettings(
            provider="memory" if self.kind == "memory" else "redis",
            near_seconds=60.0 if self.kind == "two-level" else 0.0,
        )

    def argument(self) -> str:
        """The place as one argument of a command."""
        return msgspec.json.encode(self).decode()


def patient(**where: Any) -> RedisSettings:
    """Settings with a time limit that a busy test machine keeps; the faults have the real one."""
    return RedisSettings(timeout_seconds=5.0, **where)


@asynccontextmanager
async def opened_cache(place: Place, clock: Clock | None = None) -> AsyncIterator[Cache]:
    """A connected cache; one with a near level trusts it already."""
    cache = make_cache(place.settings, place.redis, clock or SystemClock())
    await cache.connect()
    try:
        await until(lambda: is_settled(cache))
        yield cache
    finally:
        await cache.disconnect()


async def is_settled(cache: Cache) -> bool:
    """Whether the near level, if there is one, is trusted."""
    assert isinstance(cache, StoredCache)
    store = cache._store
    return store.is_near_trusted if isinstance(store, TwoLevelStore) else True


@asynccontextmanager
async def raw_client(settings: RedisSettings) -> AsyncIterator[Any]:
    """A client of Redis without a cache around it."""
    client: Any = (RedisCluster if settings.cluster else Redis).from_url(settings.url)
    try:
        yield client
    finally:
        await client.aclose()


async def until(condition: Callable[[], Awaitable[object]], seconds: float = 20.0) -> None:
    """Waits for a condition; fails when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        await asyncio.sleep(0.01)


class StandingClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self._moment = SystemClock().now()

    def now(self) -> datetime:
        return self._moment

    def move(self, **parts: float) -> None:
        self._moment += timedelta(**parts)
