"""`@cached`, on every cache."""

import pytest

from academy.infrastructure.cache.base import Cache, Family
from academy.infrastructure.cache.cached import cached


async def test_a_function_answers_from_the_cache(cache: Cache) -> None:
    calls: list[tuple[str, int]] = []

    @cached(
        cache,
        Family.COURSES,
        key=lambda slug, *, page=1: f"course:{slug}:{page}",
        tags=lambda slug, *, page=1: [f"course:{slug}"],
    )
    async def course(slug: str, *, page: int = 1) -> list[str]:
        """Reads a course."""
        calls.append((slug, page))
        return [slug, str(page)]

    for _ in range(2):
        assert await course("sets") == ["sets", "1"]
        assert await course("sets", page=2) == ["sets", "2"]
        assert await course("logic") == ["logic", "1"]
    assert calls == [("sets", 1), ("sets", 2), ("logic", 1)]
    assert course.__name__ == "course"
    assert await cache.invalidate_tags(["course:sets"])
    assert await course("sets") == ["sets", "1"]
    assert await course("logic") == ["logic", "1"]
    assert calls[3:] == [("sets", 1)]


async def test_a_function_has_to_declare_what_it_returns(cache: Cache) -> None:
    with pytest.raises(TypeError, match="declare"):

        @cached(cache, Family.API, key=lambda: "k")
        async def untyped():  # type: ignore[no-untyped-def]
            return 1
