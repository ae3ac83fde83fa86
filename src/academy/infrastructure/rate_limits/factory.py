"""Chooses where tries are counted: in each process, or in the Redis that all of them share."""

from typing import Any

from limits.aio.storage import RedisClusterStorage, RedisStorage

from academy.infrastructure.cache.settings import CacheSettings
from academy.infrastructure.rate_limits.limiter import RateLimiter, SharedCount
from academy.infrastructure.rate_limits.settings import RateLimitSettings
from academy.infrastructure.redis.client import address_of, close_client, make_client
from academy.infrastructure.redis.settings import RedisSettings
from academy.kit.clock import Clock

_PREFIX = "academy-limits"


def make_limiter(settings: RateLimitSettings, cache: CacheSettings, redis: RedisSettings, clock: Clock) -> RateLimiter:
    """Returns the limiter, which counts in Redis when the cache is there; not connected yet."""
    if cache.provider != "redis":
        return RateLimiter(settings, clock)
    return RateLimiter(settings, clock, _in_cluster(redis) if redis.cluster else _in_redis(redis))


def _in_redis(redis: RedisSettings) -> SharedCount:
    """Counts in one server, or in the master that sentinels name; `limits` takes over our client's connections."""
    client = make_client(redis)
    pool: Any = client.connection_pool  # type: ignore[union-attr]  # a cluster has none, and is made below
    storage = RedisStorage("async+redis://", implementation="redispy", key_prefix=_PREFIX, connection_pool=pool)
    return SharedCount(storage, lambda: close_client(client), redis.timeout_seconds)


def _in_cluster(redis: RedisSettings) -> SharedCount:
    where = address_of(redis)
    password: Any = {"password": where["password"]} if "password" in where else {}
    storage = RedisClusterStorage(
        f"async+redis+cluster://{where['host']}:{where['port']}",
        implementation="redispy",
        key_prefix=_PREFIX,
        **password,
    )
    bridge: Any = storage.bridge
    return SharedCount(storage, bridge.get_connection().aclose, redis.timeout_seconds)
