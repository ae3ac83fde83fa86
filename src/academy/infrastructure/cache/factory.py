"""Chooses the cache that the settings ask for: the only place that knows them all."""

from datetime import timedelta

from academy.infrastructure.cache.base import Cache
from academy.infrastructure.cache.memory import MemoryCache
from academy.infrastructure.cache.redis import RedisCache
from academy.infrastructure.cache.settings import CacheSettings
from academy.infrastructure.cache.two_level import TwoLevelCache
from academy.infrastructure.redis.settings import RedisSettings
from academy.kit.clock import Clock

_MIB = 1 << 20


def make_cache(settings: CacheSettings, redis: RedisSettings, clock: Clock) -> Cache:
    """Returns the cache, not connected yet; the clock is for lifetimes in this process, Redis has its own."""
    largest_total, most_values = settings.memory_mb * _MIB, settings.memory_values
    if settings.provider == "memory":
        return MemoryCache(clock, settings.ttls, largest_total=largest_total, most_values=most_values)
    if not settings.near_seconds:
        return RedisCache(redis, settings.ttls)
    return TwoLevelCache(
        clock,
        redis,
        settings.ttls,
        near_ttl=timedelta(seconds=settings.near_seconds),
        largest_total=largest_total,
        most_values=most_values,
    )
