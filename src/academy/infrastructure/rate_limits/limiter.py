"""Counts tries, in this process or in Redis, with the library `limits`."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NamedTuple

import msgspec
import structlog
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from academy.infrastructure.rate_limits.base import Rule, Standing, TooManyTries
from academy.infrastructure.rate_limits.settings import RateLimitSettings
from academy.kit.circuit import CircuitBreaker
from academy.kit.clock import Clock

_OFF = "off"
_FAILURES, _PAUSE = 1, timedelta(seconds=2)


class SharedCount(NamedTuple):
    """Where all processes count, how its connections are closed, and how long a try waits for it."""

    storage: Storage
    close: Callable[[], Awaitable[None]]
    timeout_seconds: float


class RateLimiter:
    """Keeps the promise of `base.py`."""

    def __init__(self, settings: RateLimitSettings, clock: Clock, shared: SharedCount | None = None) -> None:
        """Without `shared` each process counts for itself."""
        written: dict[str, str] = msgspec.structs.asdict(settings)  # each rule has the name of its setting
        self._items: dict[Rule, RateLimitItem] = {
            Rule(name): parse(text) for name, text in written.items() if text != _OFF
        }
        self._own = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared = shared
        self._together = SlidingWindowCounterRateLimiter(shared.storage) if shared is not None else None
        self._breaker = CircuitBreaker(clock, failures=_FAILURES, pause=_PAUSE)

    async def hit(self, rule: Rule, *who: str) -> Standing | None:
        """Counts one try of `who` (an address, an account). Returns None for a rule that is off."""
        item = self._items.get(rule)
        if item is None:
            return None
        if self._shared is not None and self._together is not None and self._breaker.allows():
            try:
                async with asyncio.timeout(self._shared.timeout_seconds):
                    standing = await _hit(self._together, rule, item, who)
            except Exception as error:  # noqa: BLE001 - each storage has failures of its own; none may stop a visitor
                structlog.get_logger().warning("rate_limits_count_alone", error=str(error))
                self._breaker.failed()
            else:
                self._breaker.succeeded()
                return standing
        return await _hit(self._own, rule, item, who)

    async def check(self, rule: Rule, *who: str) -> Standing | None:
        """Counts one try, as `hit` does. Raises TooManyTries when it was too much."""
        standing = await self.hit(rule, *who)
        if standing is not None and not standing.is_allowed:
            raise TooManyTries(standing)
        return standing

    async def close(self) -> None:
        """Closes the connections. Safe to call twice."""
        if self._shared is not None:
            await self._shared.close()

    @property
    def counts_alone(self) -> bool:
        """Whether the shared storage is away and this process counts for itself."""
        return self._breaker.is_open


async def _hit(
    limiter: SlidingWindowCounterRateLimiter, rule: Rule, item: RateLimitItem, who: tuple[str, ...]
) -> Standing:
    is_allowed = await limiter.hit(item, rule, *who)
    stats = await limiter.get_window_stats(item, rule, *who)
    return Standing(
        rule=rule,
        quota=item.amount,
        window_seconds=item.get_expiry(),
        remaining=stats.remaining,
        reset_seconds=max(1, math.ceil(stats.reset_time - time.time())),
        is_allowed=is_allowed,
    )
