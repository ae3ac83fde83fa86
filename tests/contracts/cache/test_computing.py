"""Computing once, refreshing early, and invalidating, on every cache."""

import asyncio
import contextvars
from datetime import timedelta

import msgspec
import pytest
from structlog.testing import capture_logs

from academy.infrastructure.cache.base import ANY, Cache, Family
from tests.contracts.cache.places import Place, opened_cache, raw_client, until

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="nothing")


class Computation:
    """Counts how often it ran; every run waits for `go` and answers its number, or fails with `error`.

    `cost` is the seconds that the first run takes at least.
    """

    def __init__(self, *, waits: bool = False, cost: float = 0) -> None:
        self._cost = cost
        self.runs = 0
        self.began = asyncio.Event()
        self.go = asyncio.Event()
        self.error: Exception | None = None
        if not waits:
            self.go.set()

    async def __call__(self) -> int:
        self.runs += 1
        run = self.runs
        self.began.set()
        await asyncio.sleep(self._cost if run == 1 else 0)
        await self.go.wait()
        if self.error:
            raise self.error
        return run


async def ask(cache: Cache, compute: Computation, *tags: str, ttl: timedelta | None = None) -> int:
    return await cache.get_or_compute(Family.COURSES, "k", int, compute, tags=tags, ttl=ttl)


async def test_a_missing_value_is_computed_and_kept(cache: Cache) -> None:
    compute = Computation()
    assert [await ask(cache, compute) for _ in range(3)] == [1, 1, 1]
    assert await cache.get(Family.COURSES, "k", int) == 1
    figures = (await cache.get_stats()).families[Family.COURSES]
    assert (figures.hits, figures.misses, figures.keys) == (3, 1, 1)


async def test_none_is_a_value_too(cache: Cache) -> None:
    runs = 0

    async def compute() -> str | None:
        nonlocal runs
        runs += 1
        return None

    for _ in range(3):
        assert await cache.get_or_compute(Family.API, "k", str | None, compute) is None  # type: ignore[arg-type]
    assert runs == 1


async def test_many_callers_wait_for_one_computation(cache: Cache) -> None:
    compute = Computation(waits=True)
    callers = [asyncio.create_task(ask(cache, compute)) for _ in range(200)]
    await compute.began.wait()
    compute.go.set()
    assert await asyncio.gather(*callers) == [1] * 200
    assert compute.runs == 1


async def test_callers_over_several_connections_wait_for_one_computation(shared_place: Place) -> None:
    async with opened_cache(shared_place) as one, opened_cache(shared_place) as two:
        compute = Computation(waits=True)
        callers = [asyncio.create_task(ask(cache, compute)) for cache in (one, two) for _ in range(20)]
        await compute.began.wait()
        compute.go.set()
        assert await asyncio.gather(*callers) == [1] * 40
        assert compute.runs == 1


async def test_an_error_reaches_all_that_wait_and_is_not_kept(cache: Cache) -> None:
    compute = Computation(waits=True)
    compute.error = LookupError("no such course")
    callers = [asyncio.create_task(ask(cache, compute)) for _ in range(20)]
    await compute.began.wait()
    compute.go.set()
    answers = await asyncio.gather(*callers, return_exceptions=True)
    assert [str(answer) for answer in answers] == ["no such course"] * 20
    assert compute.runs == 1
    compute.error = None
    assert await ask(cache, compute) == 2


async def test_after_an_error_another_process_tries_for_itself(shared_place: Place) -> None:
    async with opened_cache(shared_place) as one, opened_cache(shared_place) as two:
        failing, working = Computation(waits=True), Computation()
        failing.error = LookupError("no such course")
        first = asyncio.create_task(ask(one, failing))
        await failing.began.wait()
        second = asyncio.create_task(ask(two, working))
        failing.go.set()
        with pytest.raises(LookupError):
            await first
        assert await second == 1


async def test_a_caller_that_goes_away_does_not_stop_it_for_the_others(cache: Cache) -> None:
    compute = Computation(waits=True)
    first = asyncio.create_task(ask(cache, compute))
    await compute.began.wait()
    second = asyncio.create_task(ask(cache, compute))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    compute.go.set()
    assert await second == 1
    assert compute.runs == 1


async def test_an_error_that_nobody_waits_for_is_no_noise(cache: Cache) -> None:
    compute = Computation(waits=True)
    compute.error = LookupError("no such course")
    caller = asyncio.create_task(ask(cache, compute))
    await compute.began.wait()
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    compute.go.set()
    compute.error, again = None, Computation()
    assert await ask(cache, again) == 1


async def test_computing_sees_nothing_of_its_caller(cache: Cache) -> None:
    VARIABLE.set("the caller's transaction")

    async def compute() -> str:
        return VARIABLE.get()

    assert await cache.get_or_compute(Family.API, "k", str, compute) == "nothing"


async def test_what_computes_another_type_is_refused_and_not_kept(cache: Cache) -> None:
    async def wrong() -> int:
        return "text"  # type: ignore[return-value]

    async def impossible() -> int:
        return object()  # type: ignore[return-value]

    with pytest.raises(msgspec.ValidationError):
        await cache.get_or_compute(Family.API, "k", int, wrong)
    with pytest.raises(TypeError):
        await cache.get_or_compute(Family.API, "k", int, impossible)
    assert (await cache.get_stats()).families[Family.API].keys == 0


async def test_a_value_of_an_older_release_is_computed_afresh(cache: Cache) -> None:
    await cache.set(Family.COURSES, "k", {"old": "shape"})
    compute = Computation()
    assert [await ask(cache, compute), await ask(cache, compute)] == [1, 1]


async def test_a_value_is_refreshed_before_it_expires_while_readers_go_on(cache: Cache) -> None:
    # A value that is so dear to compute is refreshed from the middle of its life on.
    compute, lifetime = Computation(cost=0.5), timedelta(seconds=3)
    assert await ask(cache, compute, ttl=lifetime) == 1
    compute.go.clear()

    async def is_refreshing() -> bool:
        assert await ask(cache, compute, ttl=lifetime) == 1
        return compute.runs == 2

    await until(is_refreshing)
    assert [await ask(cache, compute, ttl=lifetime) for _ in range(20)] == [1] * 20
    compute.go.set()

    async def is_fresh() -> bool:
        return await ask(cache, compute, ttl=lifetime) == 2

    await until(is_fresh)
    assert compute.runs == 2


async def test_a_failing_refresh_leaves_the_value(cache: Cache) -> None:
    compute, lifetime = Computation(cost=0.5), timedelta(seconds=3)
    assert await ask(cache, compute, ttl=lifetime) == 1
    compute.error = LookupError("away")

    # The refresh is told in the log; writing it takes long enough to matter here.
    with capture_logs() as logs:

        async def has_failed() -> bool:
            assert await ask(cache, compute, ttl=lifetime) == 1
            return bool(logs)

        await until(has_failed)
        assert await cache.get(Family.COURSES, "k", int) == 1
    assert (logs[0]["event"], logs[0]["family"], logs[0]["key"]) == ("cache_refresh_failed", "courses", "k")


async def test_tags_invalidate_what_has_them(cache: Cache) -> None:
    async def put(key: str, *tags: str) -> None:
        async def compute() -> str:
            return key

        await cache.get_or_compute(Family.COURSES, key, str, compute, tags=tags)

    await put("both", "course:1", "list *?[]{}")
    await put("one", "course:1")
    await put("other", "course:10")
    await put("none")
    assert await cache.invalidate_tags(["course:1"])
    keys = ("both", "one", "other", "none")
    assert [await cache.get(Family.COURSES, key, str) for key in keys] == [None, None, "other", "none"]
    await put("both", "course:1", "list *?[]{}")
    assert await cache.get(Family.COURSES, "both", str) == "both"
    assert await cache.invalidate_tags(["list *?[]{}", "course:unknown"])
    assert await cache.get(Family.COURSES, "both", str) is None
    assert await cache.invalidate_tags([])


@pytest.mark.parametrize("change", ["delete", "clear", "set", "tags"])
async def test_what_began_before_a_change_is_never_kept_after_it(cache: Cache, change: str) -> None:
    old, fresh = Computation(waits=True), Computation()
    fresh.runs = 100
    waiting = asyncio.create_task(ask(cache, old, "t"))
    await old.began.wait()
    match change:
        case "delete":
            await cache.delete(Family.COURSES, "k")
        case "clear":
            await cache.clear_pattern(Family.COURSES, [ANY])
        case "set":
            await cache.set(Family.COURSES, "k", 50)
        case _:
            await cache.invalidate_tags(["t"])
    # Who asks now does not get the old answer, and does not have to wait for it, but after tags.
    late = asyncio.create_task(ask(cache, fresh, "t"))
    if change != "tags":
        assert await late == (50 if change == "set" else 101)
    old.go.set()
    assert await waiting == 1
    expected = 50 if change == "set" else 101
    assert await late == expected
    assert await cache.get(Family.COURSES, "k", int) == expected
    assert await ask(cache, fresh, "t") == expected


@pytest.mark.parametrize("change", ["delete", "clear", "tags"])
async def test_a_change_in_another_process_counts_as_well(shared_place: Place, change: str) -> None:
    async with opened_cache(shared_place) as one, opened_cache(shared_place) as two:
        old, fresh = Computation(waits=True), Computation()
        fresh.runs = 100
        waiting = asyncio.create_task(ask(one, old, "t"))
        await old.began.wait()
        if change == "delete":
            await two.delete(Family.COURSES, "k")
        elif change == "clear":
            await two.clear_pattern(Family.COURSES, [ANY])
        else:
            await two.invalidate_tags(["t"])
        old.go.set()
        assert await waiting == 1
        assert await ask(two, fresh, "t") == 101
        assert await ask(one, fresh, "t") == 101


async def test_a_lost_tag_makes_misses_and_brings_nothing_back(shared_place: Place) -> None:
    """As after an eviction: the value is there, its tag's token is not."""
    async with opened_cache(shared_place) as cache, raw_client(shared_place.redis) as redis:
        compute = Computation()
        assert await ask(cache, compute, "t") == 1
        assert await redis.delete("academy:tag:{t}") == 1
        async with opened_cache(shared_place) as other:
            assert await ask(other, compute, "t") == 2
            assert await ask(other, compute, "t") == 2


async def test_a_caller_waits_through_a_lease_of_who_computes_long(shared_place: Place) -> None:
    async with opened_cache(shared_place) as one, opened_cache(shared_place) as two:
        compute, other = Computation(waits=True), Computation()
        first = asyncio.create_task(ask(one, compute))
        await compute.began.wait()
        second = asyncio.create_task(ask(two, other))
        # Longer than COMPUTING_LEASE, which the one who computes renews.
        done, _ = await asyncio.wait([second], timeout=4.5)
        assert not done
        compute.go.set()
        assert [await first, await second] == [1, 1]
        assert other.runs == 0


async def test_disconnecting_waits_for_what_is_computed(place: Place) -> None:
    async with opened_cache(place) as cache:
        compute = Computation(waits=True)
        caller = asyncio.create_task(ask(cache, compute))
        await compute.began.wait()
        asyncio.get_running_loop().call_soon(compute.go.set)
    assert await caller == 1
