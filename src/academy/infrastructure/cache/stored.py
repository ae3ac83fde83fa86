"""The cache door over any store: names and lifetimes are checked, values encoded, hits counted, changes told."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

import msgspec

from academy.infrastructure.cache.base import Cache, CacheHealth, CacheStats, Family, FamilyStats, Invalidated, Pattern
from academy.infrastructure.cache.computing import Computing, Recipe
from academy.infrastructure.cache.keys import checked_pattern, checked_tags, checked_ttl, matcher, place_of
from academy.infrastructure.cache.store import LARGEST_NUMBER, SMALLEST_NUMBER, Held, Store, encode_value
from academy.infrastructure.redis.link import RedisAway

T = TypeVar("T")

Ttls = Mapping[Family, timedelta]


class StoredCache(Cache):
    """A cache over a store. `ttls` has the lifetime of every family."""

    def __init__(self, store: Store, ttls: Ttls) -> None:
        self._store = store
        self._ttls = {family: checked_ttl(ttls[family]) for family in Family}
        self._computing = Computing(store)
        self._hits: Counter[Family] = Counter()
        self._misses: Counter[Family] = Counter()

    def listen(self, listener: Invalidated) -> None:
        """See Cache."""
        self._store.listen(listener)

    async def connect(self) -> None:
        """See Cache."""
        await self._store.open()

    async def disconnect(self) -> None:
        """See Cache."""
        await self._computing.close()
        await self._store.close()

    async def get(self, family: Family, key: str, value_type: type[T]) -> T | None:
        """See Cache."""
        place = place_of(family, key)
        try:
            found = await self._store.read(place)
            value = None if found is None else msgspec.msgpack.decode(found.entry.payload, type=value_type)
        except (RedisAway, msgspec.DecodeError):
            found = value = None
        self._count(family, hit=found is not None)
        return value

    async def set(self, family: Family, key: str, value: object, *, ttl: timedelta | None = None) -> bool:
        """See Cache."""
        place, lifetime, raw = place_of(family, key), self._ttl(family, ttl), encode_value(value)
        self._computing.forget(lambda other: other == place)
        try:
            await self._store.write(place, raw, lifetime)
        except RedisAway:
            return False
        return True

    async def delete(self, family: Family, key: str) -> bool:
        """See Cache."""
        return await self.delete_multiple(family, [key]) == 1

    async def delete_multiple(self, family: Family, keys: Sequence[str]) -> int:
        """See Cache."""
        places = dict.fromkeys(place_of(family, key) for key in keys)
        self._computing.forget(places.__contains__)
        try:
            return await self._store.delete(list(places)) if places else 0
        except RedisAway:
            return 0

    async def clear_pattern(self, family: Family, pattern: Pattern) -> int:
        """See Cache."""
        parts = checked_pattern(pattern)
        self._computing.forget(matcher(family, parts))
        try:
            return await self._store.clear(family, parts)
        except RedisAway:
            return 0

    async def increment(self, family: Family, key: str, *, by: int = 1, ttl: timedelta | None = None) -> int | None:
        """See Cache."""
        place, lifetime = place_of(family, key), self._ttl(family, ttl)
        if not SMALLEST_NUMBER <= by <= LARGEST_NUMBER:
            raise ValueError("a counter has 64 bits")
        try:
            return await self._store.increment(place, by, lifetime)
        except RedisAway:
            return None

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
        """See Cache."""
        place = place_of(family, key)
        recipe = Recipe(value_type, compute, checked_tags(tags), self._ttl(family, ttl))
        try:
            found = await self._store.read(place)
        except RedisAway:
            found = None
        value = recipe.decode(found)
        self._count(family, hit=value is not None)
        if found is None or value is None:
            return await self._computing.value(place, recipe)
        if recipe.is_due(found):
            self._computing.refresh(place, recipe, found)
        return value[0]

    async def invalidate_tags(self, tags: Sequence[str]) -> bool:
        """See Cache."""
        names = checked_tags(tags)
        self._computing.forget_tags(names)
        try:
            if names:
                await self._store.invalidate(names)
        except RedisAway:
            return False
        return True

    async def get_stats(self) -> CacheStats:
        """See Cache."""
        held: Mapping[Family, Held] = {}
        available = True
        try:
            held = await self._store.held()
        except RedisAway:
            available = False
        families = {family: self._figures(family, held.get(family, Held(0, 0))) for family in Family}
        return CacheStats(provider=self._store.provider, available=available, families=families)

    async def health_check(self) -> CacheHealth:
        """See Cache."""
        began = time.monotonic()
        detail = ""
        try:
            await self._store.check()
        except RedisAway as away:
            detail = str(away)
        return CacheHealth(not detail, detail, (time.monotonic() - began) * 1000)

    def _ttl(self, family: Family, ttl: timedelta | None) -> timedelta:
        return self._ttls[family] if ttl is None else checked_ttl(ttl)

    def _count(self, family: Family, *, hit: bool) -> None:
        (self._hits if hit else self._misses)[family] += 1

    def _figures(self, family: Family, held: Held) -> FamilyStats:
        return FamilyStats(hits=self._hits[family], misses=self._misses[family], keys=held.keys, memory=held.memory)
