"""A cache in this process: bounded in bytes and in values, the longest unused dropped first."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from academy.infrastructure.cache.base import COMPUTING_LEASE, Family, Invalidated, Pattern
from academy.infrastructure.cache.keys import Place, matcher
from academy.infrastructure.cache.store import (
    LARGEST_NUMBER,
    SMALLEST_NUMBER,
    Entry,
    Found,
    Held,
    decode_entry,
    encode_entry,
    is_number,
)
from academy.infrastructure.cache.stored import StoredCache, Ttls
from academy.kit.clock import Clock
from academy.kit.ids import new_request_id

# What a value weighs beside its bytes: place, name, objects, its share of the dict.
_OVERHEAD = 500


class _Kept(Struct):
    """Stored bytes: kept until `until`, and good until `good_until` where the store is only the near part of one."""

    raw: bytes
    until: datetime
    good_until: datetime
    weight: int


class MemoryStore:
    """Stored values in a dict. No method waits for anything, so each is atomic among the tasks of the process.

    `largest_total` is in bytes, the overhead of every value included. A value above a quarter of it is not kept.
    """

    provider = "memory"

    def __init__(self, clock: Clock, *, largest_total: int, most_values: int) -> None:
        self._clock = clock
        self._largest_total = largest_total
        self._most_values = most_values
        self._kept: OrderedDict[Place, _Kept] = OrderedDict()
        self._tokens: OrderedDict[str, str] = OrderedDict()
        self._locks: dict[Place, tuple[str, datetime]] = {}
        self._listeners: list[Invalidated] = []
        self.weight = 0

    def listen(self, listener: Invalidated) -> None:
        """See Store: it hears of no other process."""
        self._listeners.append(listener)

    async def open(self) -> None:
        """See Store."""

    async def close(self) -> None:
        """See Store. Forgets everything: what another process changes until it is opened again cannot be known."""
        self.forget_all()

    async def read(self, place: Place, *, latest: bool = False) -> Found | None:
        """See Store. `latest` makes no difference here."""
        kept = self._living(place)
        entry = decode_entry(kept.raw) if kept else None
        if kept is None or entry is None:
            return None
        if any(self._tokens.get(tag) != token for tag, token in entry.stamps.items()):
            self._remove(place)
            return None
        for tag in entry.stamps:
            self._tokens.move_to_end(tag)
        self._kept.move_to_end(place)
        return Found(entry, kept.good_until - self._clock.now(), is_number(kept.raw))

    async def write(self, place: Place, raw: bytes, ttl: timedelta) -> None:
        """See Store."""
        self._locks.pop(place, None)
        self._keep(place, raw, ttl, ttl)

    async def delete(self, places: Sequence[Place]) -> int:
        """See Store."""
        return self.forget_places(places)

    async def clear(self, family: Family, pattern: Pattern) -> int:
        """See Store."""
        return self.forget(matcher(family, pattern))

    async def increment(self, place: Place, by: int, ttl: timedelta) -> int:
        """See Store."""
        kept = self._living(place)
        if kept is not None and not is_number(kept.raw):
            raise ValueError("what is to be incremented is no whole number")
        number = by + (int(kept.raw) if kept else 0)
        if not SMALLEST_NUMBER <= number <= LARGEST_NUMBER:
            raise ValueError("a counter has 64 bits")
        lifetime = kept.until - self._clock.now() if kept else ttl
        self._keep(place, b"%d" % number, lifetime, lifetime)
        return number

    async def stamps(self, tags: Sequence[str]) -> Mapping[str, str]:
        """See Store."""
        stamps = {tag: self._tokens.setdefault(tag, new_request_id()) for tag in tags}
        for tag in tags:
            self._tokens.move_to_end(tag)
        while len(self._tokens) > max(self._most_values, len(tags)):
            self._tokens.popitem(last=False)
        return stamps

    async def invalidate(self, tags: Sequence[str]) -> None:
        """See Store."""
        self.forget_tags(tags)
        for listener in self._listeners:
            listener(tags)

    async def begin(self, place: Place, token: str) -> bool:
        """See Store."""
        now = self._clock.now()
        if place in self._locks and self._locks[place][1] > now:
            return False
        self._locks[place] = (token, now + COMPUTING_LEASE)
        return True

    async def renew(self, place: Place, token: str) -> bool:
        """See Store."""
        if not self._holds(place, token):
            return False
        self._locks[place] = (token, self._clock.now() + COMPUTING_LEASE)
        return True

    async def finish(self, place: Place, token: str, entry: Entry, ttl: timedelta) -> bool:
        """See Store. A lease that ran out counts as long as nobody else has taken the lock."""
        if not self._holds(place, token):
            return False
        del self._locks[place]
        self._keep(place, encode_entry(entry), ttl, ttl)
        return True

    async def abandon(self, place: Place, token: str) -> None:
        """See Store."""
        if self._holds(place, token):
            del self._locks[place]

    async def held(self) -> Mapping[Family, Held]:
        """See Store."""
        counts = dict.fromkeys(Family, 0)
        weights = dict.fromkeys(Family, 0)
        now = self._clock.now()
        for place, kept in self._kept.items():
            counts[place.family] += kept.until > now
            weights[place.family] += kept.weight
        return {family: Held(counts[family], weights[family]) for family in Family}

    async def check(self) -> None:
        """See Store."""

    def keep_copy(self, place: Place, entry: Entry, ttl: timedelta, good_for: timedelta) -> None:
        """Keeps for `ttl` what another store keeps for `good_for`."""
        self._keep(place, encode_entry(entry), ttl, good_for)

    def forget(self, is_meant: Callable[[Place], bool]) -> int:
        """Removes values and locks by their places; returns how many values there were."""
        for place in [place for place in self._locks if is_meant(place)]:
            del self._locks[place]
        meant = [place for place in self._kept if is_meant(place)]
        return sum(self._living(place) is not None and self._remove(place) for place in meant)

    def forget_places(self, places: Sequence[Place]) -> int:
        """Removes values and locks; returns how many values there were."""
        for place in places:
            self._locks.pop(place, None)
        return sum(self._living(place) is not None and self._remove(place) for place in places)

    def forget_tags(self, tags: Sequence[str]) -> None:
        """Makes the values of these tags no good."""
        for tag in tags:
            self._tokens.pop(tag, None)

    def forget_all(self) -> None:
        """Removes everything."""
        self._kept.clear()
        self._tokens.clear()
        self._locks.clear()
        self.weight = 0

    def _holds(self, place: Place, token: str) -> bool:
        return place in self._locks and self._locks[place][0] == token

    def _living(self, place: Place) -> _Kept | None:
        kept = self._kept.get(place)
        if kept is not None and kept.until <= self._clock.now():
            self._remove(place)
            return None
        return kept

    def _keep(self, place: Place, raw: bytes, ttl: timedelta, good_for: timedelta) -> None:
        self._remove(place)
        weight = len(raw) + len(place.key) + _OVERHEAD
        if weight > self._largest_total // 4:
            return
        now = self._clock.now()
        self._kept[place] = _Kept(raw, now + ttl, now + good_for, weight)
        self.weight += weight
        while self.weight > self._largest_total or len(self._kept) > self._most_values:
            self._remove(next(iter(self._kept)))

    def _remove(self, place: Place) -> bool:
        kept = self._kept.pop(place, None)
        if kept is not None:
            self.weight -= kept.weight
        return kept is not None


class MemoryCache(StoredCache):
    """The cache of one process. What another process changes it does not see."""

    def __init__(self, clock: Clock, ttls: Ttls, *, largest_total: int, most_values: int) -> None:
        super().__init__(MemoryStore(clock, largest_total=largest_total, most_values=most_values), ttls)
