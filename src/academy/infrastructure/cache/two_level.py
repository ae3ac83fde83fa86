"""A small cache in this process before the one in Redis.

The near level keeps copies of what was read from Redis, for a short time. Every change is published, and each process
drops its copies of what changed. While a process cannot hear the news, or Redis counts as away, its near level is empty
and passed by. A copy is made only if no news came in since Redis was asked, so a late answer never outlives a change.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from academy.infrastructure.cache.base import Family, Invalidated, Pattern
from academy.infrastructure.cache.keys import Place, matcher
from academy.infrastructure.cache.memory import MemoryStore
from academy.infrastructure.cache.news import News, news_of_pattern, news_of_places, pattern_of
from academy.infrastructure.cache.redis import RedisStore
from academy.infrastructure.cache.redis_news import Subscription
from academy.infrastructure.cache.store import Entry, Found, Held
from academy.infrastructure.cache.stored import StoredCache, Ttls
from academy.infrastructure.redis.settings import RedisSettings
from academy.kit.clock import Clock


class TwoLevelStore:
    """A near store before a far one; copies live for `near_ttl` at most."""

    def __init__(self, near: MemoryStore, far: RedisStore, near_ttl: timedelta) -> None:
        self._near = near
        self._far = far
        self._near_ttl = near_ttl
        self._subscription = Subscription(far.link.client, self._take, self._forget_all)
        self._generation = 0
        self._listeners: list[Invalidated] = []

    @property
    def provider(self) -> str:
        """See Store."""
        return self._far.provider

    @property
    def is_near_trusted(self) -> bool:
        """Whether answers may come from the near level."""
        return self._subscription.is_live and self._far.link.lets_through

    def listen(self, listener: Invalidated) -> None:
        """See Store."""
        self._listeners.append(listener)

    async def open(self) -> None:
        """See Store."""
        await self._far.open()
        self._subscription.start()

    async def close(self) -> None:
        """See Store."""
        await self._subscription.close()
        await self._near.close()
        await self._far.close()

    async def read(self, place: Place, *, latest: bool = False) -> Found | None:
        """See Store. `latest` passes the near level by, and brings it up to date."""
        if not latest and self.is_near_trusted:
            near = await self._near.read(place)
            if near is not None:
                return near
        generation = self._generation
        found = await self._far.read(place)
        # A bare number is a counter: it changes without news.
        if found is not None and not found.is_number and generation == self._generation and self.is_near_trusted:
            entry = Entry(
                found.entry.payload, dict(await self._near.stamps(list(found.entry.stamps))), found.entry.cost_ms
            )
            self._near.keep_copy(place, entry, min(self._near_ttl, found.remaining), found.remaining)
        return found

    async def write(self, place: Place, raw: bytes, ttl: timedelta) -> None:
        """See Store."""
        try:
            await self._far.write(place, raw, ttl)
        finally:
            self._take(news_of_places([place]))

    async def delete(self, places: Sequence[Place]) -> int:
        """See Store."""
        try:
            return await self._far.delete(places)
        finally:
            self._take(news_of_places(list(places)))

    async def clear(self, family: Family, pattern: Pattern) -> int:
        """See Store."""
        try:
            return await self._far.clear(family, pattern)
        finally:
            self._take(news_of_pattern(family, pattern))

    async def increment(self, place: Place, by: int, ttl: timedelta) -> int:
        """See Store. A counter is never near."""
        return await self._far.increment(place, by, ttl)

    async def stamps(self, tags: Sequence[str]) -> Mapping[str, str]:
        """See Store."""
        return await self._far.stamps(tags)

    async def invalidate(self, tags: Sequence[str]) -> None:
        """See Store."""
        try:
            await self._far.invalidate(tags)
        finally:
            self._take(News(tags=tuple(tags)))

    async def begin(self, place: Place, token: str) -> bool:
        """See Store."""
        return await self._far.begin(place, token)

    async def renew(self, place: Place, token: str) -> bool:
        """See Store."""
        return await self._far.renew(place, token)

    async def finish(self, place: Place, token: str, entry: Entry, ttl: timedelta) -> bool:
        """See Store."""
        is_kept = await self._far.finish(place, token, entry, ttl)
        self._take(news_of_places([place]))
        return is_kept

    async def abandon(self, place: Place, token: str) -> None:
        """See Store."""
        await self._far.abandon(place, token)

    async def held(self) -> Mapping[Family, Held]:
        """See Store: what the far level holds."""
        return await self._far.held()

    async def check(self) -> None:
        """See Store."""
        await self._far.check()

    def _take(self, news: News) -> None:
        """Drops the copies of what changed. Nothing here waits, so a read sees all of it or none."""
        self._generation += 1
        if news.everything:
            self._near.forget_all()
        self._near.forget_places([Place(family, key) for family, key in news.places])
        self._near.forget_tags(news.tags)
        if news.family is not None:
            self._near.forget(matcher(news.family, pattern_of(news)))
        self._tell(None if news.everything else news.tags)

    def _forget_all(self) -> None:
        self._generation += 1
        self._near.forget_all()
        self._tell(None)

    def _tell(self, tags: Sequence[str] | None) -> None:
        if tags is None or tags:
            for listener in self._listeners:
                listener(tags)


class TwoLevelCache(StoredCache):
    """The cache of all processes that share a Redis, with copies in each."""

    def __init__(
        self,
        clock: Clock,
        settings: RedisSettings,
        ttls: Ttls,
        *,
        near_ttl: timedelta,
        largest_total: int,
        most_values: int,
    ) -> None:
        near = MemoryStore(clock, largest_total=largest_total, most_values=most_values)
        super().__init__(TwoLevelStore(near, RedisStore(settings, tells=True), near_ttl), ttls)
