"""What processes tell each other: which values are not what they were."""

import msgspec
from msgspec import Struct

from academy.infrastructure.cache.base import Family, Pattern, Wildcard
from academy.infrastructure.cache.keys import Place


class News(Struct, frozen=True, array_like=True):
    """What changed: values by their places, by their tags, by a pattern; or everything may have.

    A part of the pattern is a text, or None for `ANY`.
    """

    places: tuple[tuple[Family, str], ...] = ()
    tags: tuple[str, ...] = ()
    family: Family | None = None
    pattern: tuple[str | None, ...] = ()
    everything: bool = False


EVERYTHING_CHANGED = News(everything=True)


def news_of_places(places: list[Place]) -> News:
    """Returns the news that values changed."""
    return News(places=tuple((place.family, place.key) for place in places))


def news_of_pattern(family: Family, pattern: Pattern) -> News:
    """Returns the news that the values of a pattern are gone."""
    return News(family=family, pattern=tuple(None if isinstance(part, Wildcard) else part for part in pattern))


def pattern_of(news: News) -> list[str | Wildcard]:
    """Returns the pattern that the news tell."""
    return [Wildcard.ANY if part is None else part for part in news.pattern]


def encode_news(news: News) -> bytes:
    """Returns news as they travel."""
    return msgspec.msgpack.encode(news)


def decode_news(raw: bytes) -> News:
    """Returns news that came in; what cannot be read, from another release, counts as `EVERYTHING_CHANGED`."""
    try:
        return msgspec.msgpack.decode(raw, type=News)
    except msgspec.DecodeError:
        return EVERYTHING_CHANGED
