"""Time. Every time in the academy is an aware UTC datetime cut to milliseconds, the finest step both databases keep."""

from datetime import UTC, datetime
from typing import Protocol


def to_milliseconds(moment: datetime) -> datetime:
    """Returns `moment` in UTC, cut (not rounded) to whole milliseconds. Raises ValueError for a naive datetime."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone has no meaning here; give it UTC")
    utc = moment.astimezone(UTC)
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
