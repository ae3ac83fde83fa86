"""Settings of the cache."""

from datetime import timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from academy.infrastructure.cache.base import Family

_LONGEST_SECONDS = 30 * 24 * 3600


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
        int,
        Meta(
            title="CACHE_TTL_COURSES",
            description="Lifetime of the catalogue's list of subjects, in seconds. A write drops it at once, with "
            "Redis also in other processes.",
            ge=1,
            le=_LONGEST_SECONDS,
        ),
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
