"""Counts tries in the memory of this process."""

from collections import OrderedDict, defaultdict

from academy.infrastructure.rate_limits.base import Rule
from academy.infrastructure.rate_limits.window import Count, Quota, Window
from academy.kit.clock import Clock

# Some 25 MB for a rule.
_MOST_REMEMBERED = 100_000
# Of those that are over, each try forgets more than it adds: so they never have to be looked for all at once.
_FORGOTTEN_AT_ONCE = 2


class MemoryCounter:
    """Remembers `most` of those who tried under each rule, and forgets who has not tried for longest.

    A try takes the same time however many are remembered.
    """

    def __init__(self, clock: Clock, most: int = _MOST_REMEMBERED) -> None:
        self._clock = clock
        self._most = most
        self._windows: defaultdict[Rule, OrderedDict[str, Window]] = defaultdict(OrderedDict)

    def hit(self, rule: Rule, who: str, quota: Quota) -> Count:
        """Counts one try of `who`."""
        now = int(self._clock.now().timestamp() * 1000)
        windows = self._windows[rule]
        window = windows.get(who)
        if window is None:
            window = windows[who] = Window(now)
        else:
            windows.move_to_end(who)
        count = window.hit(quota, now)
        self._forget(windows, quota, now)
        return count

    def _forget(self, windows: OrderedDict[str, Window], quota: Quota, now: int) -> None:
        for _ in range(_FORGOTTEN_AT_ONCE):
            oldest = next(iter(windows))
            if len(windows) <= self._most and not windows[oldest].is_over(quota, now):
                break
            del windows[oldest]
