"""Chooses where tries are counted: in each process, or in the Redis that all of them share."""

from academy.infrastructure.cache.settings import CacheSettings
from academy.infrastructure.rate_limits.limiter import RateLimiter
from academy.infrastructure.rate_limits.redis import RedisCounter
from academy.infrastructure.rate_limits.settings import RateLimitSettings
from academy.infrastructure.redis.settings import RedisSettings
from academy.kit.clock import Clock


def make_limiter(settings: RateLimitSettings, cache: CacheSettings, redis: RedisSettings, clock: Clock) -> RateLimiter:
    """Returns the limiter, which counts in Redis when the cache is there; not connected yet."""
    return RateLimiter(settings, clock, RedisCounter(redis) if cache.provider == "redis" else None)
