"""Counting in the memory of one process: exact, bounded, and as fast with many remembered as with few."""

import time

from academy.infrastructure.rate_limits.base import Rule
from academy.infrastructure.rate_limits.memory import MemoryCounter
from academy.infrastructure.rate_limits.window import Quota
from tests.contracts.cache.places import StandingClock

QUOTA = Quota(tries=2, window=60_000)


def remembered(counter: MemoryCounter) -> int:
    return len(counter._windows[Rule.REQUESTS])


def test_a_hundred_thousand_addresses_cost_no_time() -> None:
    clock = StandingClock()
    counter = MemoryCounter(clock)
    for number in range(100_000):
        counter.hit(Rule.REQUESTS, f"{number}", QUOTA)
    assert remembered(counter) == 100_000
    times = []
    for number in range(1_000):
        began = time.perf_counter()
        counter.hit(Rule.REQUESTS, f"{number * 50}", QUOTA)
        times.append(time.perf_counter() - began)
    assert sorted(times)[len(times) // 2] < 0.0001
    assert not counter.hit(Rule.REQUESTS, "0", QUOTA).is_allowed, "each is still counted"


def test_memory_is_bounded_and_those_are_forgotten_that_tried_longest_ago() -> None:
    counter = MemoryCounter(StandingClock(), most=100)
    for _ in range(2):
        counter.hit(Rule.REQUESTS, "busy", QUOTA)
    for number in range(1_000):
        counter.hit(Rule.REQUESTS, f"{number}", QUOTA)
        assert not counter.hit(Rule.REQUESTS, "busy", QUOTA).is_allowed
    assert remembered(counter) == 100
    assert counter.hit(Rule.REQUESTS, "0", QUOTA).current == 1


def test_what_is_over_is_forgotten() -> None:
    clock = StandingClock()
    counter = MemoryCounter(clock)
    for number in range(1_000):
        counter.hit(Rule.REQUESTS, f"{number}", QUOTA)
    clock.move(minutes=2)
    for _ in range(600):
        counter.hit(Rule.REQUESTS, "new", QUOTA)
    assert remembered(counter) == 1


def test_rules_are_counted_apart() -> None:
    counter = MemoryCounter(StandingClock())
    for rule in (Rule.REQUESTS, Rule.CODES):
        assert [counter.hit(rule, "a", QUOTA).is_allowed for _ in range(3)] == [True, True, False]
