"""Settings of Redis, for all that is kept in it."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct

_ADDRESS = r"[^\s,:]+:[0-9]{1,5}"


class RedisSettings(Struct, frozen=True, kw_only=True):
    """Which Redis holds the cache, and sessions if they are in Redis. Give it a database, or a cluster, of its own."""

    url: Annotated[
        str,
        Meta(
            title="REDIS_URL",
            description="Address of Redis; `rediss://` for TLS. Goes before REDIS_HOST and the ones that follow it. "
            "With REDIS_SENTINELS only its user, password, database and TLS count.",
            pattern=r"^(rediss?://\S+)?$",
            examples=["rediss://:password@cache.example.com:6379/0"],
        ),
    ] = ""
    host: Annotated[str, Meta(title="REDIS_HOST", description="Host that Redis runs on.", min_length=1)] = "127.0.0.1"
    port: Annotated[int, Meta(title="REDIS_PORT", description="Port that Redis listens on.", ge=1, le=65535)] = 6379
    password: Annotated[str, Meta(title="REDIS_PASSWORD", description="Password of Redis; empty: none.")] = ""
    database: Annotated[
        int, Meta(title="REDIS_DB", description="Number of the database; a cluster has only 0.", ge=0, le=1_000_000)
    ] = 0
    sentinels: Annotated[
        str,
        Meta(
            title="REDIS_SENTINELS",
            description="Sentinels that know the present master, separated by commas.",
            pattern=rf"^({_ADDRESS}(\s*,\s*{_ADDRESS})*)?$",
            examples=["sentinel1:26379,sentinel2:26379,sentinel3:26379"],
        ),
    ] = ""
    sentinel_master: Annotated[
        str,
        Meta(title="REDIS_SENTINEL_MASTER", description="Name that the sentinels give the master.", min_length=1),
    ] = "mymaster"
    cluster: Annotated[
        bool,
        Meta(title="REDIS_CLUSTER", description="Whether Redis is a cluster; the address is one of its nodes."),
    ] = False
    max_connections: Annotated[
        int,
        Meta(
            title="REDIS_MAX_CONNECTIONS",
            description="Most connections that one process opens to a Redis server for each of cache, sessions and "
            "rate limits.",
            ge=2,
            le=1000,
        ),
    ] = 20
    timeout_seconds: Annotated[
        float,
        Meta(
            title="REDIS_TIMEOUT_SECONDS",
            description="Longest wait for one answer of Redis. After it Redis counts as away, and is left alone "
            "until it answers again.",
            gt=0,
            le=10,
        ),
    ] = 0.05

    @property
    def sentinel_addresses(self) -> list[tuple[str, int]]:
        """Host and port of each sentinel."""
        parts = (part.strip().rpartition(":") for part in self.sentinels.split(",") if part.strip())
        return [(host, int(port)) for host, _, port in parts]


def wrong_settings(redis: RedisSettings) -> Mapping[str, str]:
    """Returns what does not fit together, by variable, with what to do."""
    wrong: dict[str, str] = {}
    database = urlsplit(redis.url).path.strip("/") if redis.url else str(redis.database)
    if redis.cluster and redis.sentinels:
        wrong["REDIS_SENTINELS"] = "does not go with REDIS_CLUSTER=true: a cluster needs no sentinels."
    if redis.cluster and database not in ("", "0"):
        wrong["REDIS_URL" if redis.url else "REDIS_DB"] = "names a database, but a cluster has only 0."
    return wrong
