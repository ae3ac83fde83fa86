"""Settings of the cache."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from academy.infrastructure.cache.base import Family

_LONGEST_SECONDS = 30 * 24 * 3600
_ADDRESS = r"[^\s,:]+:[0-9]{1,5}"


class CacheSettings(Struct, frozen=True, kw_only=True):
    """Where answers are kept, and how long."""

    provider: Annotated[
        Literal["memory", "redis"],
        Meta(
            title="CACHE_PROVIDER",
            description="Where answers are kept: `memory`, in each process for itself, or `redis`, shared by all. "
            "Several processes need `redis` to see each other's changes at once.",
        ),
    ] = "memory"
    memory_mb: Annotated[
        int,
        Meta(
            title="CACHE_MEMORY_MB",
            description="Most memory that the cache takes in each process, in MiB; with Redis, its near level.",
            ge=1,
            le=65536,
        ),
    ] = 32
    memory_values: Annotated[
        int,
        Meta(
            title="CACHE_MEMORY_VALUES",
            description="Most values that the cache holds in each process; with Redis, its near level.",
            ge=10,
            le=10_000_000,
        ),
    ] = 50_000
    near_seconds: Annotated[
        float,
        Meta(
            title="CACHE_NEAR_SECONDS",
            description="How long a process answers from its own copy of what Redis holds. Changes end a copy at once; "
            "0: no copies.",
            ge=0,
            le=300,
        ),
    ] = 5.0
    users_seconds: Annotated[
        int, Meta(title="CACHE_TTL_USERS", description="Lifetime of users, in seconds.", ge=1, le=_LONGEST_SECONDS)
    ] = 300
    posts_seconds: Annotated[
        int,
        Meta(
            title="CACHE_TTL_POSTS", description="Lifetime of community posts, in seconds.", ge=1, le=_LONGEST_SECONDS
        ),
    ] = 300
    videos_seconds: Annotated[
        int, Meta(title="CACHE_TTL_VIDEOS", description="Lifetime of videos, in seconds.", ge=1, le=_LONGEST_SECONDS)
    ] = 900
    courses_seconds: Annotated[
        int, Meta(title="CACHE_TTL_COURSES", description="Lifetime of courses, in seconds.", ge=1, le=_LONGEST_SECONDS)
    ] = 60
    sessions_seconds: Annotated[
        int,
        Meta(title="CACHE_TTL_SESSIONS", description="Lifetime of sessions, in seconds.", ge=1, le=_LONGEST_SECONDS),
    ] = 60
    api_seconds: Annotated[
        int, Meta(title="CACHE_TTL_API", description="Lifetime of API answers, in seconds.", ge=1, le=_LONGEST_SECONDS)
    ] = 60
    analytics_seconds: Annotated[
        int,
        Meta(title="CACHE_TTL_ANALYTICS", description="Lifetime of statistics, in seconds.", ge=1, le=_LONGEST_SECONDS),
    ] = 900

    @property
    def ttls(self) -> dict[Family, timedelta]:
        """Lifetime by family."""
        seconds = {
            Family.USERS: self.users_seconds,
            Family.POSTS: self.posts_seconds,
            Family.VIDEOS: self.videos_seconds,
            Family.COURSES: self.courses_seconds,
            Family.SESSIONS: self.sessions_seconds,
            Family.API: self.api_seconds,
            Family.ANALYTICS: self.analytics_seconds,
        }
        return {family: timedelta(seconds=number) for family, number in seconds.items()}


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
            description="Most connections that one process opens to a Redis server.",
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
