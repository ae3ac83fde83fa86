"""Time. Every time in the academy is an aware UTC datetime cut to milliseconds, the finest step both databases keep."""

from datetime import UTC, datetime
from typing import Protocol


def to_milliseconds(moment: datetime) -> datetime:
    """Returns `moment` in UTC, cut (not rounded) to whole milliseconds.

    Raises ValueError for a naive datetime, and for one whose year in UTC is before 1 or after 9999.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone has no meaning here; give it UTC")
    try:
        utc = moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("this time is outside the years 1 to 9999 in UTC") from error
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


class Clock(Protocol):
    """Tells the time. Services ask a clock instead of the system, so that scenarios can move time."""

    def now(self) -> datetime:
        """Returns the present moment: aware, UTC, whole milliseconds."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Returns the present moment: aware, UTC, whole milliseconds."""
        moment = datetime.now(UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
