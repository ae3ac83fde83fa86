"""The sliding window: arithmetic only, the same wherever the counts are kept.

A window begins with somebody's first try. Kept are the tries of the present window and of the one before it, of which
as much counts as the last window's length still covers of it. So a count takes a few bytes whatever the quota, and no
double burst fits at a window's edge. It takes the tries of the former window for evenly spread: who bunches them at
the edge may go on, but only at the rate of the quota (the sliding window counter of
https://blog.cloudflare.com/counting-things-a-lot-of-different-things/). Times are in milliseconds.
"""

import re
from typing import NamedTuple

import msgspec

from academy.infrastructure.rate_limits.base import Rule, Standing

# 0 allows nothing and 0 minutes are no time: `off` is what lifts a limit.
QUOTA_FORM = r"^([1-9]\d{0,5} per ([1-9]\d{0,3} )?(second|minute|hour|day)s?|off)$"
_OFF = "off"
_PARTS = re.compile(r"(?P<tries>\d+) per (?:(?P<units>\d+) )?(?P<unit>second|minute|hour|day)")
_UNITS = {"second": 1_000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000}


class Quota(NamedTuple):
    """So many tries in a window of so many milliseconds."""

    tries: int
    window: int


class Count(NamedTuple):
    """What a try left behind: tries of the former and the present window, the latter's age, and whether it counts."""

    previous: int
    current: int
    elapsed: int
    is_allowed: bool


class Window(msgspec.Struct, gc=False):
    """The tries of somebody under a rule, and when the present window began."""

    start: int
    previous: int = 0
    current: int = 0

    def hit(self, quota: Quota, now: int) -> Count:
        """Counts one try, unless it is too much. A clock that was set back does not make anybody wait longer."""
        self.start = min(self.start, now)
        turns = (now - self.start) // quota.window
        if turns == 1:
            self.start, self.previous, self.current = self.start + quota.window, self.current, 0
        elif turns > 1:
            self.start, self.previous, self.current = now, 0, 0
        elapsed = now - self.start
        is_allowed = _used(quota, Count(self.previous, self.current, elapsed, is_allowed=False)) < quota.tries
        self.current += is_allowed
        return Count(self.previous, self.current, elapsed, is_allowed)

    def is_over(self, quota: Quota, now: int) -> bool:
        """Whether it counts no more."""
        return now - self.start >= 2 * quota.window


def quota_of(text: str) -> Quota | None:
    """Returns what a setting of QUOTA_FORM says; None for `off`."""
    if text == _OFF or (parts := _PARTS.match(text)) is None:
        return None
    return Quota(int(parts["tries"]), int(parts["units"] or 1) * _UNITS[parts["unit"]])


def standing_of(rule: Rule, quota: Quota, count: Count) -> Standing:
    """Tells where somebody stands after a try."""
    wait = _until_whole(quota, count) if count.is_allowed else _until_allowed(quota, count)
    return Standing(
        rule=rule,
        quota=quota.tries,
        window_seconds=quota.window // 1000,
        remaining=max(0, quota.tries - _used(quota, count)),
        reset_seconds=max(1, -(-wait // 1000)),
        is_allowed=count.is_allowed,
    )


def _used(quota: Quota, count: Count) -> int:
    """Tries that count now: of the former window the share that is still covered, of which a begun one counts not."""
    covered = count.previous * (quota.window - count.elapsed)
    return count.current + max(0, (covered - 1) // quota.window)


def _until_allowed(quota: Quota, count: Count) -> int:
    """Until the former tries have slid out so far that one more fits; at the earliest in the next window if need be."""
    if count.current < quota.tries:
        return quota.window - (quota.tries - count.current) * quota.window // count.previous - count.elapsed
    slides = quota.window - quota.tries * quota.window // count.current
    return quota.window - count.elapsed + slides


def _until_whole(quota: Quota, count: Count) -> int:
    """Until the tries of the present window, as the former one, have slid out."""
    return quota.window - count.elapsed + quota.window - quota.window // count.current
