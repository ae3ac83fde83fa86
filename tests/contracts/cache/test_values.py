"""Values, names, lifetimes and patterns, on every cache."""

import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from academy.infrastructure.cache.base import ANY, LONGEST_TTL, Cache, Family, Pattern
from tests.contracts.cache.places import until

NASTY_KEYS = [
    "*",
    "?",
    "[a-z]",
    "a*",
    "a?",
    "\\",
    "{",
    "}",
    "{}",
    "{a}:lock",
    ":lock",
    "a:lock",
    " ",
    "\n",
    "\0",
    "%",
    "%2A",
    "ключ",
    "🎓",
    "tag:",
    "../..",
    "x" * 500,
]


class Lesson(msgspec.Struct):
    title: str
    minutes: int
    words: list[str]
    begins: datetime


LESSON = Lesson("Sets", 12, ["union", "∩"], datetime(2026, 3, 1, 10, 0, 0, 123000, UTC))


async def test_what_is_read_equals_what_was_written(cache: Cache) -> None:
    examples: list[tuple[object, type[object]]] = [
        (LESSON, Lesson),
        ([LESSON, LESSON], list[Lesson]),
        ({"a": [1, 2.5, None]}, dict[str, list[float | None]]),
        (b"\0\xff" * 1000, bytes),
        (b"", bytes),
        ("", str),
        ("12", str),
        (True, bool),
        (0, int),
        (-(1 << 63), int),
        ((1 << 63) - 1, int),
        ((1 << 64) - 1, int),
        (1.5, float),
    ]
    for number, (value, value_type) in enumerate(examples):
        assert await cache.set(Family.COURSES, str(number), value)
        read = await cache.get(Family.COURSES, str(number), value_type)
        assert read == value
        assert type(read) is type(value)


async def test_readers_do_not_share_objects(cache: Cache) -> None:
    words = ["one"]
    await cache.set(Family.COURSES, "k", words)
    words.append("two")
    first = await cache.get(Family.COURSES, "k", list[str])
    assert first == ["one"]
    first.append("three")
    assert await cache.get(Family.COURSES, "k", list[str]) == ["one"]


async def test_a_value_of_another_type_is_a_miss(cache: Cache) -> None:
    await cache.set(Family.COURSES, "k", {"title": "Sets"})
    assert await cache.get(Family.COURSES, "k", Lesson) is None
    assert await cache.get(Family.COURSES, "k", int) is None
    stats = await cache.get_stats()
    assert (stats.families[Family.COURSES].hits, stats.families[Family.COURSES].misses) == (0, 2)
    assert await cache.get(Family.COURSES, "k", dict[str, str]) == {"title": "Sets"}


async def test_what_cannot_be_encoded_is_refused_and_keeps_the_old_value(cache: Cache) -> None:
    await cache.set(Family.COURSES, "k", 1)
    with pytest.raises(TypeError):
        await cache.set(Family.COURSES, "k", object())
    with pytest.raises(ValueError, match="64 bits"):
        await cache.set(Family.COURSES, "k", -(1 << 63) - 1)
    assert await cache.get(Family.COURSES, "k", int) == 1


async def test_families_are_apart(cache: Cache) -> None:
    for number, family in enumerate(Family):
        await cache.set(family, "k", number)
    for number, family in enumerate(Family):
        assert await cache.get(family, "k", int) == number
    assert await cache.delete(Family.POSTS, "k")
    assert await cache.get(Family.POSTS, "k", int) is None
    assert await cache.get(Family.USERS, "k", int) == 0


async def test_no_character_of_a_key_means_anything(cache: Cache) -> None:
    for number, key in enumerate(NASTY_KEYS):
        assert await cache.set(Family.API, key, number)
    for number, key in enumerate(NASTY_KEYS):
        assert await cache.get(Family.API, key, int) == number
    await cache.set(Family.API, "abc", 99)
    for left, key in reversed(list(enumerate(NASTY_KEYS))):
        assert await cache.clear_pattern(Family.API, [key]) == 1
        assert (await cache.get_stats()).families[Family.API].keys == left + 1
    assert await cache.get(Family.API, "abc", int) == 99


@pytest.mark.parametrize("key", ["", "x" * 501, "\ud800"])
async def test_what_is_no_key_is_refused(cache: Cache, key: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - Unicode's errors are ValueErrors of other words
        await cache.get(Family.API, key, int)
    with pytest.raises(ValueError):  # noqa: PT011
        await cache.set(Family.API, key, 1)
    with pytest.raises(ValueError):  # noqa: PT011
        await cache.invalidate_tags([key])


@pytest.mark.parametrize("ttl", [timedelta(), timedelta(seconds=-1), LONGEST_TTL + timedelta(milliseconds=1)])
async def test_what_is_no_lifetime_is_refused(cache: Cache, ttl: timedelta) -> None:
    with pytest.raises(ValueError, match="lifetime"):
        await cache.set(Family.API, "k", 1, ttl=ttl)
    with pytest.raises(ValueError, match="lifetime"):
        await cache.increment(Family.API, "k", ttl=ttl)


async def test_a_value_lives_as_long_as_it_should(cache: Cache) -> None:
    began = time.monotonic()
    await cache.set(Family.API, "short", "x", ttl=timedelta(milliseconds=400))
    await cache.set(Family.API, "long", "y", ttl=timedelta(minutes=5))

    async def is_gone() -> bool:
        return await cache.get(Family.API, "short", str) is None

    await until(is_gone)
    assert time.monotonic() - began >= 0.39
    assert await cache.get(Family.API, "long", str) == "y"


async def test_setting_again_begins_a_new_lifetime(cache: Cache) -> None:
    await cache.set(Family.API, "k", "old", ttl=timedelta(milliseconds=1))
    await cache.set(Family.API, "k", "new", ttl=timedelta(minutes=5))
    await cache.set(Family.API, "mark", "x", ttl=timedelta(milliseconds=50))

    async def is_later() -> bool:
        return await cache.get(Family.API, "mark", str) is None

    await until(is_later)
    assert await cache.get(Family.API, "k", str) == "new"


async def test_deleting_tells_what_there_was(cache: Cache) -> None:
    for key in "abc":
        await cache.set(Family.API, key, key)
    assert await cache.delete(Family.API, "a")
    assert not await cache.delete(Family.API, "a")
    assert await cache.delete_multiple(Family.API, ["a", "b", "b", "c", "d"]) == 2
    assert await cache.delete_multiple(Family.API, []) == 0
    assert [await cache.get(Family.API, key, str) for key in "abc"] == [None] * 3


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        (["list:", ANY], {"other", "a list:"}),
        ([ANY, "list:", ANY], {"other"}),
        (["list:", ANY, ":en"], {"list:", "list:*", "list:2:hi", "list:\n1", "other", "a list:"}),
        (["list:*"], {"list:", "list:1:en", "list:2:hi", "list:\n1", "other", "a list:"}),
        (["list:", "*"], {"list:", "list:1:en", "list:2:hi", "list:\n1", "other", "a list:"}),
        ([ANY], set()),
        (["none"], {"list:", "list:*", "list:1:en", "list:2:hi", "list:\n1", "other", "a list:"}),
    ],
)
async def test_a_pattern_removes_its_keys_and_no_others(cache: Cache, pattern: Pattern, left: set[str]) -> None:
    keys = {"list:", "list:*", "list:1:en", "list:2:hi", "list:\n1", "other", "a list:"}
    for key in keys:
        await cache.set(Family.COURSES, key, key)
        await cache.set(Family.POSTS, key, key)
    assert await cache.clear_pattern(Family.COURSES, pattern) == len(keys - left)
    assert {key for key in keys if await cache.get(Family.COURSES, key, str)} == left
    assert {key for key in keys if await cache.get(Family.POSTS, key, str)} == keys


async def test_a_pattern_removes_more_than_one_batch(cache: Cache) -> None:
    for number in range(1203):
        await cache.set(Family.VIDEOS, f"v{number}", number)
    assert await cache.clear_pattern(Family.VIDEOS, ["v", ANY]) == 1203
    assert (await cache.get_stats()).families[Family.VIDEOS].keys == 0


async def test_what_is_no_pattern_is_refused(cache: Cache) -> None:
    for pattern in ("list:*", [], ["\ud800"]):
        with pytest.raises(ValueError):  # noqa: PT011
            await cache.clear_pattern(Family.COURSES, pattern)
