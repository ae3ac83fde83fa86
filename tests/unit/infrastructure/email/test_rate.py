import asyncio
from datetime import timedelta

from academy.infrastructure.email.rate import RateLimit
from academy.kit.clock import SystemClock
from tests.contracts.jobs.workshop import StandingClock

LONG = timedelta(seconds=5)


def slow(clock: StandingClock) -> RateLimit:
    """One call in ten seconds."""
    return RateLimit(0.1, clock, clock.sleep)


async def test_calls_are_spread_evenly() -> None:
    limit = RateLimit(200, SystemClock())
    loop = asyncio.get_running_loop()
    begun = loop.time()
    assert all(await asyncio.gather(*(limit.wait("", LONG) for _ in range(21))))
    assert loop.time() - begun >= 0.095, "21 calls have 20 steps of 5 ms between them"


async def test_who_would_wait_too_long_is_told_at_once_and_takes_no_turn() -> None:
    clock = StandingClock()
    limit = slow(clock)
    assert await limit.wait("a", LONG)
    assert not await limit.wait("b", LONG)
    assert limit.next_turn() == clock.now() + timedelta(seconds=10)
    clock.move(seconds=6)
    assert await limit.wait("c", LONG), "the refused call did not take this turn"
    assert limit.next_turn() == clock.now() + timedelta(seconds=10), "it waited for four seconds"


async def test_a_turn_is_kept_for_who_comes_back_and_for_nobody_else() -> None:
    clock = StandingClock()
    limit = slow(clock)
    assert await limit.wait("a", LONG)
    turns = [limit.keep_turn(name) for name in "bcb"]
    assert [(turn - clock.now()).total_seconds() for turn in turns] == [10, 20, 10]
    clock.move(seconds=10)
    assert not await limit.wait("d", LONG)
    assert await limit.wait("b", LONG)
    assert not await limit.wait("b", LONG), "once"
    clock.move(seconds=19)
    assert await limit.wait("c", LONG), "a little late"


async def test_who_misses_a_turn_has_lost_it() -> None:
    clock = StandingClock()
    limit = slow(clock)
    assert await limit.wait("a", LONG)
    for name in "bc":
        limit.keep_turn(name)
    clock.move(seconds=60)
    assert await limit.wait("b", LONG)
    assert not await limit.wait("c", LONG), "both at once would be too many"


async def test_a_clock_that_is_put_back_holds_nobody_up() -> None:
    clock = StandingClock()
    limit = slow(clock)
    assert await limit.wait("a", LONG)
    clock.move(hours=-1)
    assert limit.next_turn() == clock.now() + timedelta(seconds=10)


async def test_without_a_limit_nobody_waits() -> None:
    clock = StandingClock()
    limit = RateLimit(0, clock, clock.sleep)
    assert all([await limit.wait("", timedelta()) for _ in range(10_000)])
    assert clock.now() == StandingClock().now()
