"""How long a job that failed waits."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from academy.infrastructure.jobs.worker import retry_delay

HOUR = timedelta(hours=1)


def longest(attempt: int) -> timedelta:
    """Two seconds, doubled with each failure, up to an hour."""
    wait = timedelta(seconds=2)
    for _ in range(attempt - 1):
        wait = min(wait * 2, HOUR)
    return wait


@settings(deadline=None)
@given(st.integers(1, 200))
def test_the_pause_grows_within_its_bounds(attempt: int) -> None:
    assert longest(attempt) / 2 <= retry_delay(attempt, HOUR) <= longest(attempt) <= HOUR


@settings(deadline=None)
@given(st.integers(10**6, 10**18))
def test_no_number_of_failures_is_too_large(attempt: int) -> None:
    assert HOUR / 2 <= retry_delay(attempt, HOUR) <= HOUR


def test_jobs_that_failed_together_do_not_come_back_together() -> None:
    pauses = [retry_delay(5, HOUR).total_seconds() for _ in range(500)]
    assert len(set(pauses)) > 400
    assert max(pauses) - min(pauses) > 12, "over most of the 16 s between half and whole"


def test_eight_tries_take_minutes_not_hours() -> None:
    assert timedelta(minutes=2) < sum((longest(n) for n in range(1, 8)), timedelta()) < timedelta(minutes=10)


def test_a_kind_may_have_shorter_pauses() -> None:
    ten = timedelta(minutes=10)
    assert retry_delay(3, ten) <= timedelta(seconds=8)
    assert ten / 2 <= retry_delay(100, ten) <= ten
