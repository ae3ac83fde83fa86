"""Counts tries in Redis, for all processes together, by the time of Redis.

The window of somebody under a rule is one short string (so that it is in one slot of a cluster), which lives as long as
it counts. One script turns and counts it, as `window.Window` does in memory. The library `limits` has such a script,
too, but makes connections of its own; here a try goes the way of every other command (see `redis.link`): with its time
limit, its circuit, TLS, users, sentinels and clusters.
"""

from academy.infrastructure.rate_limits.base import Rule
from academy.infrastructure.rate_limits.window import Count, Quota
from academy.infrastructure.redis.link import RedisLink
from academy.infrastructure.redis.settings import RedisSettings

_PREFIX = "academy-limits"
_HIT = """
local tries, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held = redis.call('GET', KEYS[1]) or string.format('%d 0 0', now)
local start, previous, current = string.match(held, '(%d+) (%d+) (%d+)')
start, previous, current = math.min(start, now), tonumber(previous), tonumber(current)
local turns = math.floor((now - start) / window)
if turns == 1 then start, previous, current = start + window, current, 0
elseif turns > 1 then start, previous, current = now, 0, 0 end
local elapsed = now - start
if current + math.max(0, math.floor((previous * (window - elapsed) - 1) / window)) >= tries then
  return {previous, current, elapsed, 0}
end
current = current + 1
local kept = string.format('%d %d %d', start, previous, current)
redis.call('SET', KEYS[1], kept, 'PX', 2 * window - elapsed)
return {previous, current, elapsed, 1}
"""
_HEALTH = "health"
_HEALTH_QUOTA = Quota(tries=1, window=1)


class RedisCounter:
    """The counts that all processes share."""

    def __init__(self, settings: RedisSettings) -> None:
        self._link = RedisLink(settings, name="rate_limits")

    async def connect(self) -> None:
        """Makes the first connection; when there is none, Redis is looked for in the background."""
        await self._link.connect()

    async def close(self) -> None:
        """Closes the connections. Safe to call twice."""
        await self._link.close()

    async def hit(self, rule: Rule, who: str, quota: Quota) -> Count:
        """Counts one try of `who`. Raises RedisAway."""
        return await self._count(f"{rule}:{who}", quota)

    async def check(self) -> None:
        """Counts for a trial. Raises RedisAway."""
        await self._link.check()
        await self._count(_HEALTH, _HEALTH_QUOTA)

    async def _count(self, name: str, quota: Quota) -> Count:
        # Another window is another count: the old one does not fit when the setting has changed.
        key = f"{_PREFIX}:{quota.window}:{name}"
        answer = await self._link.command("EVAL", _HIT, 1, key, quota.tries, quota.window)
        previous, current, elapsed, is_allowed = map(int, answer)
        return Count(previous, current, elapsed, bool(is_allowed))
