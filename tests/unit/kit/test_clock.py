"""Moments: aware, UTC, whole milliseconds."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from academy.kit.clock import SystemClock, to_milliseconds


def test_the_system_clock_tells_the_time() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    now = SystemClock().now()
    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is UTC
    assert now.microsecond % 1000 == 0


ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@settings(deadline=None)
@given(st.datetimes(datetime(1000, 1, 1), datetime(9000, 1, 1), timezones=ZONES))  # noqa: DTZ001
def test_a_moment_is_cut_to_milliseconds_in_utc(moment: datetime) -> None:
    cut = to_milliseconds(moment)
    assert cut.tzinfo is UTC
    assert timedelta(0) <= moment - cut < timedelta(milliseconds=1)
    assert to_milliseconds(cut) == cut


@pytest.mark.parametrize(("year", "hours"), [(1, 14), (9999, -14)])
def test_a_time_outside_the_calendar_is_refused(year: int, hours: int) -> None:
    edge = datetime(year, 1, 1) if year == 1 else datetime(year, 12, 31, 23, 59)  # noqa: DTZ001
    with pytest.raises(ValueError, match="years 1 to 9999"):
        to_milliseconds(edge.replace(tzinfo=timezone(timedelta(hours=hours))))


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        to_milliseconds(datetime(2026, 1, 1))  # noqa: DTZ001
