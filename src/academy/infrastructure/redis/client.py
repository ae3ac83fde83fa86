"""redis-py clients by the settings: one server, the master that sentinels name, or a cluster.

redis-py's own retries are off: they cost seconds for each call on a dead server. So is what else it would send on every
new connection, and its maintenance notices, with which it does not notice left-over answers on a connection.
"""

from typing import Any

from redis.asyncio import Redis, RedisCluster, Sentinel, SSLConnection
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from academy.infrastructure.redis.settings import RedisSettings

Client = Redis | RedisCluster

# For one step of many: a sentinel or a node that hangs is passed by. The limit of a whole command is `RedisLink`'s.
_STEP_SECONDS = 0.5


def make_client(settings: RedisSettings) -> Client:
    """Returns a client that is not connected yet."""
    where = address_of(settings)
    step = max(_STEP_SECONDS, 2 * settings.timeout_seconds)
    steps: dict[str, Any] = {"socket_connect_timeout": step, "socket_timeout": step}
    common: dict[str, Any] = {
        **steps,
        "driver_info": None,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        **{name: value for name, value in where.items() if name in ("username", "password", "ssl")},
    }
    if settings.cluster:
        return RedisCluster(
            host=where["host"], port=where["port"], retry=_no_retry(), max_connections=_pool(settings), **common
        )
    common |= {"db": where["db"], "retry": _no_retry(), "max_connections": _pool(settings)}
    if settings.sentinels:
        sentinels = Sentinel(  # type: ignore[no-untyped-call]
            settings.sentinel_addresses, sentinel_kwargs={**steps, "retry": _no_retry()}
        )
        master: Redis = sentinels.master_for(settings.sentinel_master, **common)
        return master
    return Redis(host=where["host"], port=where["port"], **common)


async def close_client(client: Client) -> None:
    """Closes all connections of a client; it opens new ones when it is used again."""
    await client.aclose()
    if isinstance(client, Redis) and isinstance(client.connection_pool, SentinelConnectionPool):
        await client.connection_pool.sentinel_manager.aclose()


def address_of(settings: RedisSettings) -> dict[str, Any]:
    """Returns host, port, db, and username, password and ssl where they are given."""
    if not settings.url:
        plain: dict[str, Any] = {"host": settings.host, "port": settings.port, "db": settings.database}
        return {**plain, "password": settings.password} if settings.password else plain
    parsed = dict(parse_url(settings.url))
    is_tls = parsed.pop("connection_class", None) is SSLConnection
    return {"host": "127.0.0.1", "port": 6379, "db": 0, **parsed, **({"ssl": True} if is_tls else {})}


def _no_retry() -> Retry:
    return Retry(NoBackoff(), 0)


def _pool(settings: RedisSettings) -> int:
    """One more than commands at a time: the subscription has a connection of its own."""
    return settings.max_connections + 1
