"""Spreads calls over time, so that a provider's limit is respected instead of found out."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from academy.kit.clock import Clock

Sleep = Callable[[float], Awaitable[None]]
"""Waits for so many seconds."""


class RateLimit:
    """At most `per_second` calls a second, evenly, in this process; 0 for no limit."""

    def __init__(self, per_second: float, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        self._step = timedelta(seconds=1 / per_second if per_second else 0)
        self._clock = clock
        self._sleep = sleep
        self._seen = self._next = clock.now()
        # name -> its turn, for those who were told to come back.
        self._kept: dict[str, datetime] = {}

    async def wait(self, name: str, longest: timedelta) -> bool:
        """Waits for the turn of this call. False at once, and no turn taken, when that is more than `longest` away.

        `name` is known if a turn is kept for it.
        """
        now = self._now()
        kept = self._kept.get(name)
        turn = kept or max(now, self._next)
        if turn - now > longest:
            return False
        if kept:
            del self._kept[name]
        else:
            self._next = turn + self._step
        if turn > now:
            await self._sleep((turn - now).total_seconds())
        return True

    def next_turn(self) -> datetime:
        """Returns when the next free turn is."""
        return max(self._now(), self._next)

    def keep_turn(self, name: str) -> datetime:
        """Keeps a turn for a call that comes back under the same name, and returns when that is."""
        if name not in self._kept:
            self._kept[name] = self.next_turn()
            self._next = self._kept[name] + self._step
        return self._kept[name]

    def _now(self) -> datetime:
        now = self._clock.now()
        if now < self._seen:  # the clock was put back: nobody waits until it has caught up
            self._next = now + self._step
            self._kept.clear()
        self._seen = now
        # Who comes later than the turn after its own has missed it: several of those together would be too many.
        for missed in [name for name, turn in self._kept.items() if turn <= now - self._step]:
            del self._kept[missed]
        return now
