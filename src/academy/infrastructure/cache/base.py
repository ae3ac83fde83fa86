"""The cache door: answers kept for a while, so that they need not be worked out again.

The promise
-----------
Nothing depends on the cache. What it does not have, or cannot reach, is a miss; no method but the ones below raises for
a cache that is away, and none of them waits for it longer than CACHE settings say. Then changes answer False, 0 or
None, and are made up for before the cache is trusted again: a value that was to be deleted while Redis was away is gone
before the next read of this process. (A process that ends meanwhile cannot do that; the lifetime bounds what is stale.)

Keys. A key is a text of 1 to 500 characters within a family; any character may be in it, none has a meaning. The only
wildcard is `ANY`, an object and not a text, so a value from outside never becomes one. Families have their own
lifetimes and figures.

Values. What msgspec can encode: Structs, plain values, lists and dicts of them, bytes. They are encoded when they come
in and decoded for every reader, so two readers never share an object. A value that does not fit the asked type is a
miss: an older release may have written it. A lifetime is exact to the millisecond and at most `LONGEST_TTL`.

Counters. `increment` is atomic among all processes. A counter begins at 0 and lives `ttl` from its first increment on.
`get(…, int)` reads it; a whole number written by `set` can be incremented, and goes on living as long as it would have.

Computing. `get_or_compute` computes a missing value once among all processes; who else asks meanwhile waits for it. In
the last tenth of its lifetime (earlier when computing takes long) a value is still answered at once, while one process
computes it afresh. When `compute` fails, all that wait for it in that process get its error, and another process that
waits tries for itself. When the computing process dies, another one takes over within `COMPUTING_LEASE`. Each process
computes for itself while the cache is away. `compute` runs in a task and a context of its own: it sees no transaction
of the caller's, and a caller that goes away does not stop it for the others. It must not ask for its own key.

Invalidation. `invalidate_tags` makes every value with one of the tags a miss, in every process. Computing that began
before a `set`, `delete`, `clear_pattern` or `invalidate_tags` is never stored after it. Who asks in the same process
after it gets a fresh value; who waited for the old computing in another process may still get that one's answer.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from enum import Enum, StrEnum
from typing import Final, TypeVar

from msgspec import Struct

T = TypeVar("T")

LONGEST_KEY = 500
LONGEST_TTL = timedelta(days=30)
COMPUTING_LEASE = timedelta(seconds=3)


class Family(StrEnum):
    """What a value is about; decides its lifetime."""

    USERS = "users"
    POSTS = "posts"
    VIDEOS = "videos"
    COURSES = "courses"
    SESSIONS = "sessions"
    API = "api"
    ANALYTICS = "analytics"


class Wildcard(Enum):
    """Stands for any text, also an empty one, in a pattern of keys."""

    ANY = "any"


ANY: Final = Wildcard.ANY

Pattern = Sequence[str | Wildcard]

Invalidated = Callable[[Sequence[str] | None], None]
"""Told which tags were invalidated; None when all may have been."""


class FamilyStats(Struct, frozen=True, kw_only=True):
    """Figures of one family.

    Attributes:
        hits: reads of this process, since its start, that found a value.
        misses: reads of this process, since its start, that found none.
        keys: values that are kept, also the invalidated ones that were not dropped yet.
        memory: bytes that they take; on Redis estimated from a sample.
    """

    hits: int
    misses: int
    keys: int
    memory: int


class CacheStats(Struct, frozen=True, kw_only=True):
    """Figures of the cache. `available` is False when keys and memory could not be asked for; they are 0 then."""

    provider: str
    available: bool
    families: dict[Family, FamilyStats]


class CacheHealth(Struct, frozen=True):
    """Answer of a health check. `detail` says what is wrong and what to do; empty when healthy."""

    healthy: bool
    detail: str
    duration_ms: float


class Cache(ABC):
    """Keeps values for a while. See the module's promise for what every method guarantees.

    Every method that takes a key raises ValueError for one that is empty, too long or holds half a character, and every
    one that takes a `ttl` for one that is not above zero or is longer than `LONGEST_TTL`. Without a `ttl` the family's
    own lifetime counts.
    """

    @abstractmethod
    def listen(self, listener: Invalidated) -> None:
        """Calls `listener` whenever tags were invalidated: by this process before its `invalidate_tags` returns.

        A cache with a near level also tells what other processes invalidate, and None when it may have missed some of
        their news. To be called before `connect`.
        """

    @abstractmethod
    async def connect(self) -> None:
        """Opens the connections, if there are any. A cache that cannot be reached does not stop the start."""

    @abstractmethod
    async def disconnect(self) -> None:
        """Waits a moment for running computations and closes the connections. Safe to call twice."""

    @abstractmethod
    async def get(self, family: Family, key: str, value_type: type[T]) -> T | None:
        """Returns the value, or None when there is none of this type."""

    @abstractmethod
    async def set(self, family: Family, key: str, value: object, *, ttl: timedelta | None = None) -> bool:
        """Keeps a value in place of the one there; returns whether it is kept.

        Raises TypeError or ValueError for a value that msgspec cannot encode.
        """

    @abstractmethod
    async def delete(self, family: Family, key: str) -> bool:
        """Removes a value; returns whether there was one."""

    @abstractmethod
    async def delete_multiple(self, family: Family, keys: Sequence[str]) -> int:
        """Removes values; returns how many there were."""

    @abstractmethod
    async def clear_pattern(self, family: Family, pattern: Pattern) -> int:
        """Removes every value whose key is the parts of the pattern in a row; returns how many there were.

        `clear_pattern(Family.COURSES, ["list:", ANY])` removes all whose key begins with `list:`. On Redis it reads all
        keys of the cache, so it is for rare work; tags are for every day. Raises ValueError for an empty pattern.
        """

    @abstractmethod
    async def increment(self, family: Family, key: str, *, by: int = 1, ttl: timedelta | None = None) -> int | None:
        """Adds to a counter and returns what it is then; None when the cache cannot be reached.

        After None, nobody knows whether it was counted: the answer may be what got lost. It is not tried again.
        Raises ValueError when what the key holds is no whole number, or when it would leave 64 bits.
        """

    @abstractmethod
    async def get_or_compute(
        self,
        family: Family,
        key: str,
        value_type: type[T],
        compute: Callable[[], Awaitable[T]],
        *,
        tags: Sequence[str] = (),
        ttl: timedelta | None = None,
    ) -> T:
        """Returns the value, computing and keeping it when there is none.

        `None` is a value like any other here. Raises what `compute` raises, TypeError for what msgspec cannot encode,
        and msgspec.ValidationError when `compute` returned something that is not a `value_type`.
        """

    @abstractmethod
    async def invalidate_tags(self, tags: Sequence[str]) -> bool:
        """Makes all values that have one of these tags misses; returns whether that is done already."""

    @abstractmethod
    async def get_stats(self) -> CacheStats:
        """Returns figures. On Redis it reads all keys of the cache: for an admin's page, not for every request."""

    @abstractmethod
    async def health_check(self) -> CacheHealth:
        """Asks the cache for a sign of life; never raises."""
