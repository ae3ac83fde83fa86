"""A cache in Redis: one server, the master of a sentinel set, or a cluster.

Every script touches keys of one hash slot only, so that it runs on a cluster. Scripts are sent as text, not by their
hash: they are short, and a Redis that was restarted or flushed knows no hashes.
"""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any

from academy.infrastructure.cache.base import COMPUTING_LEASE, LONGEST_TTL, Family, Invalidated, Pattern
from academy.infrastructure.cache.keys import CHANNEL, LOCK, PREFIX, Place, redis_key, redis_pattern, redis_tag
from academy.infrastructure.cache.news import News, encode_news, news_of_pattern, news_of_places
from academy.infrastructure.cache.redis_debts import Debts
from academy.infrastructure.cache.store import Entry, Found, Held, decode_entry, encode_entry, is_number
from academy.infrastructure.cache.stored import StoredCache, Ttls
from academy.infrastructure.redis.link import RedisLink
from academy.infrastructure.redis.settings import RedisSettings
from academy.kit.ids import new_request_id

_BATCH = 500
_SAMPLE = 30

_READ = """
local value = redis.call('GET', KEYS[1])
return value and {value, redis.call('PTTL', KEYS[1])}
"""
_WRITE = """
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[2])
"""
_FINISH = """
if redis.call('GET', KEYS[2]) ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return redis.call('DEL', KEYS[2])
"""
_RENEW = """
return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('PEXPIRE', KEYS[1], ARGV[2]) or 0
"""
_ABANDON = """
return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0
"""
_STAMP = """
local token = redis.call('GET', KEYS[1]) or ARGV[1]
redis.call('SET', KEYS[1], token, 'PX', ARGV[2])
return token
"""
# The answer is the stored text: a number of Lua is exact to 53 bits only.
_INCREMENT = """
local value = redis.call('GET', KEYS[1])
if value and not string.match(value, '^-?%d+$') then return false end
local answer = redis.pcall('INCRBY', KEYS[1], ARGV[1])
if type(answer) == 'table' then return false end
if not value then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return redis.call('GET', KEYS[1])
"""


class RedisStore:
    """Stored values in Redis. With `tells`, changes are published for the near levels of other processes."""

    provider = "redis"

    def __init__(self, settings: RedisSettings, *, tells: bool = False) -> None:
        self._tells = tells
        self._debts = Debts()
        self._listeners: list[Invalidated] = []
        self.link = RedisLink(settings, self._pay_debts, lambda: bool(self._debts))

    def listen(self, listener: Invalidated) -> None:
        """See Store: it hears of no other process."""
        self._listeners.append(listener)

    async def open(self) -> None:
        """See Store."""
        await self.link.connect()

    async def close(self) -> None:
        """See Store."""
        await self.link.close()

    async def read(self, place: Place, *, latest: bool = False) -> Found | None:
        """See Store. What is read here is always the latest."""
        answer = await self._script(_READ, [redis_key(place)])
        entry = decode_entry(answer[0]) if answer else None
        if answer is None or entry is None:
            return None
        if entry.stamps:
            tokens = await self._values([redis_tag(tag) for tag in entry.stamps])
            if tokens != [token.encode() for token in entry.stamps.values()]:
                return None
        return Found(entry, timedelta(milliseconds=answer[1]), is_number(answer[0]))

    async def write(self, place: Place, raw: bytes, ttl: timedelta) -> None:
        """See Store."""
        name = redis_key(place)
        async with self._change(news_of_places([place]), names=[name, name + LOCK]):
            await self._script(_WRITE, [name, name + LOCK], raw, _milliseconds(ttl))

    async def delete(self, places: Sequence[Place]) -> int:
        """See Store."""
        names = [redis_key(place) for place in places]
        locks = [name + LOCK for name in names]
        async with self._change(news_of_places(list(places)), names=names + locks):
            await self._unlink(locks, self.link.run)
            return await self._unlink(names, self.link.run)

    async def clear(self, family: Family, pattern: Pattern) -> int:
        """See Store."""
        glob = redis_pattern(family, pattern)
        async with self._change(news_of_pattern(family, pattern), globs=[glob]):
            return await self._clear(glob, self.link.run)

    async def increment(self, place: Place, by: int, ttl: timedelta) -> int:
        """See Store."""
        answer = await self._script(_INCREMENT, [redis_key(place)], by, _milliseconds(ttl))
        if answer is None:
            raise ValueError("what is to be incremented is no whole number, or would leave 64 bits")
        return int(answer)

    async def stamps(self, tags: Sequence[str]) -> Mapping[str, str]:
        """See Store."""
        stamps: dict[str, str] = {}
        for tag in tags:
            answer = await self._script(_STAMP, [redis_tag(tag)], new_request_id(), _milliseconds(LONGEST_TTL))
            stamps[tag] = answer.decode()
        return stamps

    async def invalidate(self, tags: Sequence[str]) -> None:
        """See Store."""
        names = [redis_tag(tag) for tag in tags]
        try:
            async with self._change(News(tags=tuple(tags)), names=names):
                await self._unlink(names, self.link.run)
        finally:
            for listener in self._listeners:
                listener(tags)

    async def begin(self, place: Place, token: str) -> bool:
        """See Store."""
        lease = _milliseconds(COMPUTING_LEASE)
        return bool(await self.link.command("SET", redis_key(place) + LOCK, token, "NX", "PX", lease))

    async def renew(self, place: Place, token: str) -> bool:
        """See Store."""
        return bool(await self._script(_RENEW, [redis_key(place) + LOCK], token, _milliseconds(COMPUTING_LEASE)))

    async def finish(self, place: Place, token: str, entry: Entry, ttl: timedelta) -> bool:
        """See Store."""
        name = redis_key(place)
        return bool(await self._script(_FINISH, [name, name + LOCK], encode_entry(entry), _milliseconds(ttl), token))

    async def abandon(self, place: Place, token: str) -> None:
        """See Store."""
        await self._script(_ABANDON, [redis_key(place) + LOCK], token)

    async def held(self) -> Mapping[Family, Held]:
        """See Store. The memory is what a sample of the values takes, times their number."""
        counts: Counter[Family] = Counter()
        sizes: dict[Family, list[int]] = {family: [] for family in Family}
        by_name = {family.value: family for family in Family}
        async for name in self._scan(PREFIX + "*", self.link.run):
            family = by_name.get(name.split(":")[1])
            if family is None or name.endswith(LOCK):
                continue
            counts[family] += 1
            if len(sizes[family]) < _SAMPLE:
                sizes[family].append(await self.link.command("MEMORY USAGE", name) or 0)
        return {
            family: Held(count, round(count * sum(sizes[family]) / len(sizes[family])))
            for family, count in counts.items()
        }

    async def check(self) -> None:
        """See Store."""
        await self.link.check()

    async def _script(self, script: str, names: Sequence[str], *arguments: str | bytes | int) -> Any:
        return await self.link.command("EVAL", script, len(names), *names, *arguments)

    async def _values(self, names: list[str]) -> list[bytes | None]:
        client = self.link.client
        read = client.mget_nonatomic if self.link.is_cluster else client.mget
        values: list[bytes | None] = await self.link.run(lambda: read(names))
        return values

    @contextlib.asynccontextmanager
    async def _change(self, news: News, *, names: Iterable[str] = (), globs: Iterable[str] = ()) -> AsyncIterator[None]:
        """Around a change: tells the news after it. One that fails half-way, or whose caller goes away, is owed."""
        try:
            yield
            if self._tells:
                await self.link.command("PUBLISH", CHANNEL, encode_news(news))
        except BaseException:
            self._debts.owe(names, globs, news)
            self.link.recover()
            raise

    async def _pay_debts(self) -> None:
        debts = self._debts.taken()
        names, globs, news = debts
        await self._unlink(list(names), self.link.reach)
        for glob in globs:
            await self._clear(glob, self.link.reach)
        if self._tells:
            for one in news:
                message = encode_news(one)
                await self.link.reach(partial(self.link.client.execute_command, "PUBLISH", CHANNEL, message))
        self._debts.paid(debts)

    async def _clear(self, glob: str, run: "_Run") -> int:
        count = 0
        names: list[str] = []
        async for name in self._scan(glob, run):
            names.append(name)
            if len(names) == _BATCH:
                count += await self._unlink_values(names, run)
                names = []
        return count + await self._unlink_values(names, run)

    async def _unlink_values(self, names: list[str], run: "_Run") -> int:
        """Removes locks first, then the rest; returns how many of the rest there were."""
        await self._unlink([name for name in names if name.endswith(LOCK)], run)
        return await self._unlink([name for name in names if not name.endswith(LOCK)], run)

    async def _unlink(self, names: Sequence[str], run: "_Run") -> int:
        count = 0
        rest = iter(names)
        while batch := list(islice(rest, _BATCH)):
            count += await run(partial(self.link.client.unlink, *batch))
        return count

    async def _scan(self, glob: str, run: "_Run") -> AsyncIterator[str]:
        names = self.link.client.scan_iter(match=glob, count=_BATCH)
        while (name := await run(lambda: anext(names, None))) is not None:
            yield name.decode()


_Run = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]


class RedisCache(StoredCache):
    """The cache of all processes that share a Redis."""

    def __init__(self, settings: RedisSettings, ttls: Ttls) -> None:
        super().__init__(RedisStore(settings), ttls)


def _milliseconds(ttl: timedelta) -> int:
    return ttl // timedelta(milliseconds=1)
