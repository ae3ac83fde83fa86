"""What a cache stands on: a place for encoded values, with locks for computing and tokens for tags.

Tags work by tokens. A tag has a random token, made when somebody first needs it; a value remembers the tokens that its
tags had before its computing began. Invalidating a tag forgets its token. A value is good while all its tokens are the
ones of now. So forgetting a token, by Redis's eviction or a flush, makes values misses and never brings one back.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Protocol

import msgspec
from msgspec import Struct

from academy.infrastructure.cache.base import Family, Invalidated, Pattern
from academy.infrastructure.cache.keys import Place

LARGEST_NUMBER = (1 << 63) - 1
SMALLEST_NUMBER = -(1 << 63)


class Entry(Struct, frozen=True, array_like=True):
    """A value as it is stored.

    Attributes:
        payload: the value in MessagePack.
        stamps: tag -> its token when the computing began.
        cost_ms: milliseconds that the computing took; 0 when the value was set.
    """

    payload: bytes
    stamps: dict[str, str] = {}
    cost_ms: int = 0


class Found(Struct, frozen=True):
    """A good value, as read: the entry, how long it will live, and whether it is a bare number that may be counted."""

    entry: Entry
    remaining: timedelta
    is_number: bool = False


class Held(Struct, frozen=True):
    """How many values of a family are kept, and their bytes."""

    keys: int
    memory: int


def encode_entry(entry: Entry) -> bytes:
    """Returns an entry as bytes: an array in MessagePack, which never begins like a number in digits."""
    return msgspec.msgpack.encode(entry)


def encode_value(value: object) -> bytes:
    """Returns a value that was set as bytes: a whole number of 64 bits in digits, so that it can be counted on.

    Raises TypeError or ValueError for what msgspec cannot encode.
    """
    if type(value) is int and SMALLEST_NUMBER <= value <= LARGEST_NUMBER:
        return b"%d" % value
    try:
        return encode_entry(Entry(msgspec.msgpack.encode(value)))
    except OverflowError as error:
        raise ValueError("a whole number that is kept has at most 64 bits") from error


def is_number(raw: bytes) -> bool:
    """Whether the stored bytes are a bare number."""
    return raw[:1].isdigit() or raw[:1] == b"-"


def decode_entry(raw: bytes) -> Entry | None:
    """Returns the entry that the bytes are, or None when they are nothing of ours."""
    try:
        if is_number(raw):
            return Entry(msgspec.msgpack.encode(int(raw)))
        return msgspec.msgpack.decode(raw, type=Entry)
    except (ValueError, OverflowError):  # msgspec's errors are ValueErrors
        return None


class Store(Protocol):
    """Where encoded values are. Every method but `open` and `close` may raise RedisAway."""

    @property
    def provider(self) -> str:
        """Name as in CACHE_PROVIDER."""
        ...

    def listen(self, listener: Invalidated) -> None:
        """Calls `listener` when tags were invalidated, or may have been; see Cache."""
        ...

    async def open(self) -> None:
        """Opens the connections; what cannot be reached now is tried again later. Never raises RedisAway."""
        ...

    async def close(self) -> None:
        """Closes the connections. Safe to call twice."""
        ...

    async def read(self, place: Place, *, latest: bool = False) -> Found | None:
        """Returns the value if it is good; with `latest` as all processes see it now."""
        ...

    async def write(self, place: Place, raw: bytes, ttl: timedelta) -> None:
        """Keeps stored bytes, and takes the lock of whoever computes the value."""
        ...

    async def delete(self, places: Sequence[Place]) -> int:
        """Removes values and locks; returns how many values there were."""
        ...

    async def clear(self, family: Family, pattern: Pattern) -> int:
        """Removes values and locks by pattern; returns how many values there were."""
        ...

    async def increment(self, place: Place, by: int, ttl: timedelta) -> int:
        """Adds to a number, which is 0 and begins to live when there is none. Raises ValueError for no number."""
        ...

    async def stamps(self, tags: Sequence[str]) -> Mapping[str, str]:
        """Returns the token of each tag, made now where there is none."""
        ...

    async def invalidate(self, tags: Sequence[str]) -> None:
        """Forgets the tokens of tags."""
        ...

    async def begin(self, place: Place, token: str) -> bool:
        """Takes the lock for computing a value, for `COMPUTING_LEASE`; returns False when somebody has it."""
        ...

    async def renew(self, place: Place, token: str) -> bool:
        """Keeps the lock for another lease; returns False when it is lost."""
        ...

    async def finish(self, place: Place, token: str, entry: Entry, ttl: timedelta) -> bool:
        """Keeps the computed value and gives the lock back, unless the lock is lost; returns whether it is kept."""
        ...

    async def abandon(self, place: Place, token: str) -> None:
        """Gives the lock back without a value."""
        ...

    async def held(self) -> Mapping[Family, Held]:
        """Returns what is kept, by family; families without values may be missing."""
        ...

    async def check(self) -> None:
        """Asks for a sign of life. Raises RedisAway with a message for the operator."""
        ...
