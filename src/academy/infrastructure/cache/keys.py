"""Names of values: what a key may be, and how it stands in Redis.

In Redis a key is `academy:courses:{my%20key}`. Everything but a few harmless characters is percent-encoded (RFC 3986,
section 2.1), so no character of a key is a wildcard of SCAN or ends the braces. The braces make a cluster keep a
value and its lock on one node (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/, hash tags).
"""

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import quote

from academy.infrastructure.cache.base import LONGEST_KEY, LONGEST_TTL, Family, Pattern, Wildcard

PREFIX = "academy:"
LOCK = ":lock"
CHANNEL = PREFIX + "news"
EVERYTHING = PREFIX + "*"
_HARMLESS = ":/@,=+"


class Place(NamedTuple):
    """Where a value is kept."""

    family: Family
    key: str


def place_of(family: Family, key: str) -> Place:
    """Returns the place of a key. Raises ValueError for a key that is empty, too long or holds half a character."""
    _check(key, "key")
    return Place(family, key)


def checked_pattern(pattern: Pattern) -> tuple[str | Wildcard, ...]:
    """Returns the pattern as it is. Raises ValueError for one that is a mere text, or holds what no key may."""
    if isinstance(pattern, str) or not pattern:
        raise ValueError("a pattern is a list of texts and ANY, with at least one part")
    for part in pattern:
        if isinstance(part, str):
            part.encode()
    return tuple(pattern)


def checked_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Returns the tags, each once. Raises ValueError for a tag that no key could be, or for a mere text."""
    if isinstance(tags, str):
        raise ValueError("tags are a list of texts")  # noqa: TRY004 - like everything that is wrong with a name
    for tag in tags:
        _check(tag, "tag")
    return tuple(dict.fromkeys(tags))


def checked_ttl(ttl: timedelta) -> timedelta:
    """Returns the lifetime. Raises ValueError when it is below a millisecond or above `LONGEST_TTL`."""
    if not timedelta(milliseconds=1) <= ttl <= LONGEST_TTL:
        raise ValueError(f"a lifetime is from a millisecond to {LONGEST_TTL.days} days, not {ttl}")
    return ttl


def redis_key(place: Place) -> str:
    """Returns the name of a value in Redis."""
    return f"{PREFIX}{place.family.value}:{{{quote(place.key, safe=_HARMLESS)}}}"


def redis_tag(tag: str) -> str:
    """Returns the name of a tag's token in Redis."""
    return f"{PREFIX}tag:{{{quote(tag, safe=_HARMLESS)}}}"


def redis_pattern(family: Family, pattern: Pattern) -> str:
    """Returns the glob that finds the values of a pattern, and their locks, and nothing else."""
    parts = ("*" if isinstance(part, Wildcard) else quote(part, safe=_HARMLESS) for part in pattern)
    return f"{PREFIX}{family.value}:{{{''.join(parts)}}}*"


def matcher(family: Family, pattern: Pattern) -> Callable[[Place], bool]:
    """Returns what tells whether a place is one of the pattern."""
    parts = (".*" if isinstance(part, Wildcard) else re.escape(part) for part in pattern)
    fulfils = re.compile("".join(parts), re.DOTALL).fullmatch
    return lambda place: place.family == family and fulfils(place.key) is not None


def _check(text: str, what: str) -> None:
    if not 1 <= len(text) <= LONGEST_KEY:
        raise ValueError(f"a {what} has 1 to {LONGEST_KEY} characters, not {len(text)}")
    text.encode()  # raises UnicodeEncodeError, a ValueError, for half a character
