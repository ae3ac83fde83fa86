"""Computing a missing value once: among the callers in this process, and among all processes that share the store."""

import asyncio
import contextlib
import contextvars
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Generic, TypeVar

import msgspec
import structlog

from academy.infrastructure.cache.base import COMPUTING_LEASE
from academy.infrastructure.cache.keys import Place
from academy.infrastructure.cache.store import Entry, Found, Store
from academy.infrastructure.redis.link import RedisAway
from academy.kit.ids import new_request_id

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.1
_LAST_PART, _COSTS, _MOST = 10, 3, 2
_GOODBYE_SECONDS = 5.0


class Recipe(msgspec.Struct, Generic[T], frozen=True):
    """How a value comes about: its type, what computes it, its tags and its lifetime."""

    value_type: type[T]
    compute: Callable[[], Awaitable[T]]
    tags: tuple[str, ...]
    ttl: timedelta

    def decode(self, found: Found | None) -> tuple[T] | None:
        """Returns the value in a tuple (it may be None itself), or None when there is none that fits the type."""
        if found is None:
            return None
        try:
            return (msgspec.msgpack.decode(found.entry.payload, type=self.value_type),)
        except msgspec.DecodeError:
            return None

    def is_due(self, found: Found) -> bool:
        """Whether it is time to compute afresh: in the last tenth of the lifetime, earlier when that takes long."""
        costs = timedelta(milliseconds=found.entry.cost_ms) * _COSTS
        return found.remaining <= min(max(self.ttl / _LAST_PART, costs), self.ttl / _MOST)


class _Flight(msgspec.Struct, frozen=True):
    """A computation under way in this process; its task returns the value in MessagePack."""

    task: asyncio.Task[bytes]
    tags: tuple[str, ...]


class Computing:
    """The computations under way in this process, one for each place at most."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._flights: dict[Place, _Flight] = {}
        self._tasks: set[asyncio.Task[bytes]] = set()

    async def value(self, place: Place, recipe: Recipe[T]) -> T:
        """Computes a missing value, or waits for who does. Raises what the computing raises."""
        payload = await asyncio.shield(self._flight(place, recipe, None).task)
        return msgspec.msgpack.decode(payload, type=recipe.value_type)

    def refresh(self, place: Place, recipe: Recipe[T], found: Found) -> None:
        """Begins to compute a value afresh in the background, unless somebody does already."""
        if place not in self._flights:
            self._flight(place, recipe, found)

    def forget(self, leaves: Callable[[Place], bool]) -> None:
        """Lets nobody join the computations of these places any more; who waits already gets their answer."""
        self._drop(place for place in self._flights if leaves(place))

    def forget_tags(self, tags: Iterable[str]) -> None:
        """Lets nobody join the computations that have one of these tags any more."""
        gone = set(tags)
        self._drop(place for place, flight in self._flights.items() if not gone.isdisjoint(flight.tags))

    async def close(self) -> None:
        """Waits a moment for what is under way, and cancels the rest."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_GOODBYE_SECONDS)
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _drop(self, places: Iterable[Place]) -> None:
        for place in list(places):
            del self._flights[place]

    def _flight(self, place: Place, recipe: Recipe[T], old: Found | None) -> _Flight:
        flight = self._flights.get(place)
        if flight is None:
            # An empty context: the computing is for all that ask, and must not join the transaction of one of them.
            task = asyncio.create_task(self._fly(place, recipe, old), context=contextvars.Context())
            flight = self._flights[place] = _Flight(task, recipe.tags)
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._landed(place, done, in_background=old is not None))
        return flight

    def _landed(self, place: Place, task: asyncio.Task[bytes], *, in_background: bool) -> None:
        self._tasks.discard(task)
        flight = self._flights.get(place)
        if flight is not None and flight.task is task:
            del self._flights[place]
        # Asking for the error marks it as seen: all that waited for it may have gone.
        error = None if task.cancelled() else task.exception()
        if error is not None and in_background:
            log = structlog.get_logger()
            log.warning("cache_refresh_failed", family=place.family.value, key=place.key, exc_info=error)

    async def _fly(self, place: Place, recipe: Recipe[T], old: Found | None) -> bytes:
        token = new_request_id()
        try:
            found = await self._lock_or_value(place, recipe, old, token)
        except RedisAway:
            return await _computed(recipe) if old is None else old.entry.payload
        if found is not None:
            return found.entry.payload
        try:
            return await self._compute_and_keep(place, recipe, token)
        except BaseException:
            await self._quietly(self._store.abandon(place, token))
            raise

    async def _lock_or_value(self, place: Place, recipe: Recipe[T], old: Found | None, token: str) -> Found | None:
        """Returns None with the lock taken, or a value that another process computed meanwhile."""
        pause = _FIRST_PAUSE
        while True:
            has_lock = await self._store.begin(place, token)
            if old is not None and not has_lock:
                return old
            try:
                found = await self._store.read(place, latest=True)
            except BaseException:
                await self._quietly(self._store.abandon(place, token))
                raise
            if found is not None and recipe.decode(found) and (old is None or not recipe.is_due(found)):
                if has_lock:
                    await self._quietly(self._store.abandon(place, token))
                return found
            if has_lock:
                return None
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads the asking, hides nothing
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    async def _compute_and_keep(self, place: Place, recipe: Recipe[T], token: str) -> bytes:
        renewing = asyncio.create_task(self._renew(place, token))
        try:
            stamps = await self._stamps(recipe.tags)
            began = time.monotonic()
            payload = await _computed(recipe)
            cost = round((time.monotonic() - began) * 1000)
        finally:
            renewing.cancel()
        if stamps is None:
            await self._quietly(self._store.abandon(place, token))
        else:
            entry = Entry(payload, stamps, cost)
            await self._quietly(self._store.finish(place, token, entry, recipe.ttl))
        return payload

    async def _stamps(self, tags: tuple[str, ...]) -> dict[str, str] | None:
        try:
            return dict(await self._store.stamps(tags)) if tags else {}
        except RedisAway:
            return None

    async def _renew(self, place: Place, token: str) -> None:
        """Renews the lock until it is cancelled, or the lock is lost."""
        is_held = True
        while is_held:
            await asyncio.sleep(COMPUTING_LEASE.total_seconds() / 3)
            try:
                is_held = await self._store.renew(place, token)
            except RedisAway:
                continue

    async def _quietly(self, work: Awaitable[object]) -> None:
        with contextlib.suppress(RedisAway):  # the lock ends with its lease
            await work


async def _computed(recipe: Recipe[T]) -> bytes:
    """Returns what `compute` returns, in MessagePack; raises msgspec.ValidationError when it is of another type."""
    payload = msgspec.msgpack.encode(await recipe.compute())
    msgspec.msgpack.decode(payload, type=recipe.value_type)
    return payload
