"""What a hit of the cache costs: in the process, in Redis, and in Redis with copies near; beside redis-py alone."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from msgspec import Struct
from redis.asyncio import Redis

from academy.infrastructure.cache.base import Cache, Family
from academy.infrastructure.cache.factory import make_cache
from academy.infrastructure.cache.settings import CacheSettings
from academy.infrastructure.redis.settings import RedisSettings
from academy.kit.clock import SystemClock
from benchmarks.results import Row, row
from tests.servers.redis import running_redis_url

_HITS, _REPEATS = 5_000, 7
_ALONE = "redis-py alone, GET of 200 bytes, p99"
_GOALS = {
    "cache hit in the process, p99": 0.1,
    "cache hit in Redis, p99": 1.0,
    "cache hit in Redis, from the copy near, p99": 0.1,
}


class _Card(Struct):
    """Something of 200 bytes, as answers are made of."""

    title: str
    text: str
    count: int


_CARD = _Card("Bread", "x" * 180, 12)


async def _p99(read: Callable[[], Awaitable[object]]) -> float:
    """Reads one value again and again; returns the 99th percentile of the times, in milliseconds."""
    times: list[float] = []
    for _ in range(_HITS):
        began = time.perf_counter()
        found = await read()
        times.append((time.perf_counter() - began) * 1000)
        if found is None:
            raise RuntimeError("a value that was kept is not there")
    return sorted(times)[_HITS * 99 // 100]


def _reading(cache: Cache) -> Callable[[], Awaitable[object]]:
    return lambda: cache.get(Family.COURSES, "card", _Card)


async def _measure(redis_url: str) -> dict[str, list[float]]:
    redis, clock = RedisSettings(url=redis_url), SystemClock()
    caches = {
        "in the process": make_cache(CacheSettings(), redis, clock),
        "in Redis": make_cache(CacheSettings(provider="redis", near_seconds=0), redis, clock),
        "in Redis, from the copy near": make_cache(CacheSettings(provider="redis", near_seconds=60), redis, clock),
    }
    reads = {f"cache hit {name}, p99": _reading(cache) for name, cache in caches.items()}
    times: dict[str, list[float]] = {name: [] for name in (*reads, _ALONE)}
    for cache in caches.values():
        await cache.connect()
        await cache.set(Family.COURSES, "card", _CARD)
    try:
        async with Redis.from_url(redis_url) as client:
            await client.set("card", b"x" * 200)
            for _ in range(_REPEATS):
                for name, read in {**reads, _ALONE: lambda: client.get("card")}.items():
                    times[name].append(await _p99(read))
    finally:
        for cache in caches.values():
            await cache.disconnect()
    return times


def cache(_: Path) -> Iterator[Row]:
    """Measures the hits side by side."""
    with running_redis_url() as redis_url:
        times = asyncio.run(_measure(redis_url))
    for name, found in times.items():
        yield row(name, found, unit=" ms", at_most=_GOALS.get(name))
