from datetime import timedelta

import pytest

from academy.kit.circuit import CircuitBreaker
from tests.contracts.jobs.workshop import StandingClock

PAUSE = timedelta(seconds=30)


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def breaker(clock: StandingClock) -> CircuitBreaker:
    return CircuitBreaker(clock, failures=3, pause=PAUSE)


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        assert breaker.allows()
        breaker.failed()


def test_it_opens_after_failures_in_a_row_only(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    breaker.succeeded()
    fail(breaker, 2)
    before = breaker.is_open
    fail(breaker, 1)
    assert (before, breaker.is_open, breaker.allows()) == (False, True, False)


def test_after_the_pause_one_call_probes(breaker: CircuitBreaker, clock: StandingClock) -> None:
    fail(breaker, 3)
    clock.move(seconds=29)
    assert not breaker.allows()
    clock.move(seconds=1)
    assert breaker.allows()
    assert not breaker.allows(), "one at a time"
    breaker.succeeded()
    assert not breaker.is_open
    assert breaker.allows()
    assert breaker.allows()


def test_a_failed_probe_doubles_the_pause_up_to_ten(breaker: CircuitBreaker, clock: StandingClock) -> None:
    fail(breaker, 3)
    for pause in (30, 60, 120, 240, 300, 300):
        clock.move(seconds=pause - 1)
        assert not breaker.allows(), pause
        clock.move(seconds=1)
        fail(breaker, 1)
    clock.move(seconds=300)
    assert breaker.allows()
    breaker.succeeded()
    fail(breaker, 3)
    clock.move(seconds=30)
    assert breaker.allows(), "a success makes the pause short again"


def test_an_abandoned_probe_lets_another_one_try(breaker: CircuitBreaker, clock: StandingClock) -> None:
    fail(breaker, 3)
    clock.move(seconds=30)
    assert breaker.allows()
    breaker.abandoned()
    assert breaker.is_open
    assert breaker.allows()


def test_calls_that_began_before_it_opened_do_not_lengthen_the_pause(
    breaker: CircuitBreaker, clock: StandingClock
) -> None:
    fail(breaker, 3)
    clock.move(seconds=20)
    for _ in range(5):
        breaker.failed()
    clock.move(seconds=10)
    assert breaker.allows()
