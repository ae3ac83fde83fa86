"""Spreads calls over time, so that a provider's limit is respected instead of found out."""

import asyncio


class RateLimit:
    """At most `per_second` calls a second, evenly, in this process; 0 for no limit."""

    def __init__(self, per_second: float) -> None:
        self._step = 1 / per_second if per_second else 0.0
        self._next = 0.0

    async def wait(self, longest: float) -> bool:
        """Waits for this call's turn. False at once, and no turn taken, when that is more than `longest` s away."""
        now = asyncio.get_running_loop().time()
        turn = max(now, self._next)
        if turn - now > longest:
            return False
        self._next = turn + self._step
        if turn > now:
            await asyncio.sleep(turn - now)
        return True
