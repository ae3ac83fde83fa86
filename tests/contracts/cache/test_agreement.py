"""Memory and Redis agree, whatever is done to them."""

from collections.abc import Awaitable, Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from academy.infrastructure.cache.base import ANY, Cache, Family, Pattern, Wildcard
from academy.infrastructure.redis.settings import RedisSettings
from tests.contracts.cache.places import Place, opened_cache, patient, raw_client

Step = Callable[[Cache], Awaitable[object]]

# Few keys, made of what means something somewhere, so that steps meet.
ALPHABET = "ab*?[]{}\\:%é\n"
KEYS = st.text(ALPHABET, min_size=1, max_size=3)
TAGS = st.lists(st.sampled_from(["t", "u", "*"]), max_size=2)
PARTS: st.SearchStrategy[str | Wildcard] = st.one_of(st.just(ANY), st.text(ALPHABET, max_size=2))
PATTERNS = st.lists(PARTS, min_size=1, max_size=3)
VALUES = st.one_of(st.integers(-(1 << 64), 1 << 63), st.text(max_size=3), st.none(), st.booleans())


def setting(key: str, value: object) -> Step:
    async def step(cache: Cache) -> object:
        try:
            return await cache.set(Family.API, key, value)
        except ValueError:
            return "refused"

    return step


def deleting(keys: list[str]) -> Step:
    return lambda cache: cache.delete_multiple(Family.API, keys)


def clearing(pattern: Pattern) -> Step:
    return lambda cache: cache.clear_pattern(Family.API, pattern)


def invalidating(tags: list[str]) -> Step:
    return lambda cache: cache.invalidate_tags(tags)


def incrementing(key: str, by: int) -> Step:
    async def step(cache: Cache) -> object:
        try:
            return await cache.increment(Family.API, key, by=by)
        except ValueError:
            return "refused"

    return step


def computing(key: str, number: int, tags: list[str]) -> Step:
    async def step(cache: Cache) -> object:
        async def compute() -> int:
            return number

        return await cache.get_or_compute(Family.API, key, int, compute, tags=tags)

    return step


STEPS = st.one_of(
    st.builds(setting, KEYS, VALUES),
    st.builds(deleting, st.lists(KEYS, max_size=3)),
    st.builds(clearing, PATTERNS),
    st.builds(invalidating, TAGS),
    st.builds(incrementing, KEYS, st.integers(-3, 3)),
    st.builds(computing, KEYS, st.integers(0, 9), TAGS),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(STEPS, KEYS), max_size=30))
async def test_both_answer_alike(redis_url: str, steps: list[tuple[Step, str]]) -> None:
    place = Place("redis", patient(url=redis_url))
    async with raw_client(place.redis) as client:
        await client.flushdb()
    async with opened_cache(place) as redis, opened_cache(Place("memory", RedisSettings())) as memory:
        for step, key in steps:
            assert await step(redis) == await step(memory)
            assert await redis.get(Family.API, key, int) == await memory.get(Family.API, key, int)
            assert await redis.get(Family.API, key, str) == await memory.get(Family.API, key, str)
