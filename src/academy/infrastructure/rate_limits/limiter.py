"""Counts tries, in this process or in Redis."""

from hashlib import blake2b

import msgspec

from academy.infrastructure.rate_limits.base import Rule, Standing, TooManyTries
from academy.infrastructure.rate_limits.memory import MemoryCounter
from academy.infrastructure.rate_limits.redis import RedisCounter
from academy.infrastructure.rate_limits.settings import RateLimitSettings
from academy.infrastructure.rate_limits.window import Count, Quota, quota_of, standing_of
from academy.infrastructure.redis.link import RedisAway
from academy.kit.clock import Clock

_KEY_BYTES = 16


class RateLimiter:
    """Keeps the promise of `base.py`."""

    def __init__(self, settings: RateLimitSettings, clock: Clock, shared: RedisCounter | None = None) -> None:
        """Without `shared` each process counts for itself, by `clock`."""
        written: dict[str, str] = msgspec.structs.asdict(settings)  # each rule has the name of its setting
        self._quotas = {Rule(name): quota for name, text in written.items() if (quota := quota_of(text)) is not None}
        self._own = MemoryCounter(clock)
        self._shared = shared

    async def connect(self) -> None:
        """Makes the first connection; without one, tries are counted all the same."""
        if self._shared is not None:
            await self._shared.connect()

    async def hit(self, rule: Rule, *who: str) -> Standing | None:
        """Counts one try of `who` (an address, an account). Returns None for a rule that is off."""
        quota = self._quotas.get(rule)
        if quota is None:
            return None
        return standing_of(rule, quota, await self._count(rule, _key(who), quota))

    async def check(self, rule: Rule, *who: str, instead: str = "") -> Standing | None:
        """Counts one try, as `hit` does. Raises TooManyTries, with what to do `instead`, when it was too much."""
        standing = await self.hit(rule, *who)
        if standing is not None and not standing.is_allowed:
            raise TooManyTries(standing, instead)
        return standing

    async def health_check(self) -> str:
        """Returns what is wrong, "" when all is well."""
        if self._shared is None:
            return ""
        try:
            await self._shared.check()
        except RedisAway as error:
            return f"{error} Each process counts tries for itself until it is back."
        return ""

    async def close(self) -> None:
        """Closes the connections. Safe to call twice."""
        if self._shared is not None:
            await self._shared.close()

    async def _count(self, rule: Rule, who: str, quota: Quota) -> Count:
        if self._shared is not None:
            try:
                return await self._shared.hit(rule, who, quota)
            except RedisAway:
                pass  # the link says so in the log, once
        return self._own.hit(rule, who, quota)


def _key(who: tuple[str, ...]) -> str:
    """A short name: what people type may be long, and need not lie in Redis for others to read."""
    return blake2b("\n".join(who).encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES).hexdigest()
