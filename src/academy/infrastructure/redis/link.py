"""The way to Redis: bounded in connections and in waiting, and shut while Redis is away.

A command has one time limit over everything that it does (connecting, sending, waiting). The first one that fails opens
the circuit, and all others fail at once, also the ones that wait for a free connection. From then on a task asks Redis
for a sign of life now and then, pays the debts that were made meanwhile, and closes the circuit. So no caller waits
for a Redis that is known to be away.

Waiting for a free connection has no limit of its own: a Redis that hangs gives all of them free after one time limit,
and a process that is busy with something else must not take a healthy Redis for a dead one.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import structlog
from redis.asyncio import RedisCluster
from redis.exceptions import (
    ClusterDownError,
    ClusterError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    SlotNotCoveredError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from academy.infrastructure.redis.client import close_client, make_client
from academy.infrastructure.redis.settings import RedisSettings
from academy.kit.circuit import CircuitBreaker

T = TypeVar("T")

_AWAY = (
    OSError,  # also the time-outs of asyncio
    RedisConnectionError,
    RedisTimeoutError,
    ClusterDownError,
    ClusterError,
    RedisClusterException,
    SlotNotCoveredError,
    ReadOnlyError,
)
_PAUSE = timedelta(milliseconds=500)
_LOOK_SECONDS = 0.05
# For what nobody waits for: the first connection, and looking for a master or for the nodes of a cluster.
_PATIENT_SECONDS = 2.0
# A wait for a free connection of more time limits than this is noted in the log.
_LONG_QUEUE = 4
# What may happen with every command is noted once in this time.
_NOTED_EVERY_SECONDS = 60.0
# Turns of the event loop in which an answer that has arrived already gets through redis-py to the caller.
_TURNS = 10
_AGAIN_SECONDS = 0.01


class RedisAway(Exception):
    """Redis cannot be reached now, or is known to be away, or refuses."""


class SteadyClock:
    """Counts on while the machine's clock jumps; its date means nothing. For pauses only."""

    def now(self) -> datetime:
        """Returns the time since some moment as a date."""
        return datetime.fromtimestamp(time.monotonic(), UTC)


class RedisLink:
    """One client and its circuit.

    `name` is what stands on it, for the log. `pay_debts` is awaited before the circuit closes, while it is still open
    for everybody else; it uses `reach`, and raises RedisAway when it could not be done. `has_debts` tells whether there
    is something to pay.
    """

    def __init__(
        self,
        settings: RedisSettings,
        pay_debts: Callable[[], Awaitable[None]] | None = None,
        has_debts: Callable[[], bool] = lambda: False,
        *,
        name: str = "cache",
    ) -> None:
        # redis-py declares its clients' methods differently for one server and for a cluster.
        self.client: Any = make_client(settings)
        self.is_cluster = settings.cluster
        self._limit = settings.timeout_seconds
        self._places = asyncio.Semaphore(settings.max_connections)
        self._circuit = CircuitBreaker(SteadyClock(), failures=1, pause=_PAUSE)
        self._name = name
        self._pay_debts = pay_debts
        self._has_debts = has_debts
        self._recovery: asyncio.Task[None] | None = None
        self._is_closed = False
        self._noted: dict[str, float] = {}

    @property
    def lets_through(self) -> bool:
        """Whether commands are let through."""
        return not (self._circuit.is_open or self._has_debts())

    async def connect(self) -> None:
        """Makes the first connection, with more patience than later; when there is none, recovery begins."""
        self._is_closed = False
        with contextlib.suppress(RedisAway):
            await self._bounded(self._greet, _PATIENT_SECONDS)

    async def close(self) -> None:
        """Ends the recovery and closes the connections. Safe to call twice."""
        self._is_closed = True
        if self._recovery is not None:
            await end_task(self._recovery)
            self._recovery = None
        with contextlib.suppress(*_AWAY):
            await close_client(self.client)

    async def command(self, *parts: str | bytes | int) -> Any:
        """Sends one command and returns its answer. Raises RedisAway."""
        return await self.run(lambda: self.client.execute_command(*parts))

    async def run(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Does something with the client within the time limit. Raises RedisAway, at once when Redis is away."""
        self._refuse_when_shut()
        began = time.monotonic()
        await self._places.acquire()
        try:
            # Who waited for a connection may have waited for one that hangs.
            self._refuse_when_shut()
            if (waited := time.monotonic() - began) > _LONG_QUEUE * self._limit:
                self._note("queued", seconds=round(waited, 3), hint="The process is busy, or needs more connections.")
            return await self._bounded(operation, self._limit)
        finally:
            self._places.release()

    async def reach(self, operation: Callable[[], Awaitable[T]]) -> T:
        """As `run`, but also while Redis counts as away: for who pays debts or asks for a sign of life."""
        return await self._bounded(operation, self._limit)

    async def ping(self) -> None:
        """Asks Redis for a sign of life, also while it counts as away. Raises RedisAway."""
        await self.reach(self._greet)

    async def check(self) -> None:
        """Asks for a sign of life. Raises RedisAway, also when commands are not let through again yet."""
        await self.ping()
        if not self.lets_through:
            self.recover()
            raise RedisAway(f"Redis answers again; the {self._name} will go on in a moment.")

    def recover(self) -> None:
        """Begins to look for Redis in the background, and to pay the debts."""
        if not self._is_closed and (self._recovery is None or self._recovery.done()):
            self._recovery = asyncio.create_task(self._recover())

    async def _greet(self) -> None:
        if self.is_cluster:
            await self.client.ping(target_nodes=RedisCluster.PRIMARIES)
        else:
            await self.client.ping()

    def _refuse_when_shut(self) -> None:
        if not self.lets_through:
            self.recover()
            raise RedisAway("Redis does not answer, or has just come back; it is asked again by itself.")

    async def _bounded(self, operation: Callable[[], Awaitable[T]], seconds: float) -> T:
        try:
            return await within(operation, seconds)
        except _AWAY as error:
            was_away = self._circuit.is_open
            self._circuit.failed()
            if not was_away:
                structlog.get_logger().warning(f"{self._name}_away", error=repr(error))
            self.recover()
            raise RedisAway(f"Redis cannot be reached ({error!r}). Check that it runs, and REDIS_URL.") from error
        except RedisError as error:
            # Redis is there and refuses: out of memory, no right to do this, a script that is not allowed.
            self._note("refused", error=repr(error))
            raise RedisAway(f"Redis refuses a command ({error!r}).") from error

    def _note(self, what: str, **facts: object) -> None:
        now = time.monotonic()
        if now >= self._noted.get(what, now):
            self._noted[what] = now + _NOTED_EVERY_SECONDS
            structlog.get_logger().warning(f"{self._name}_{what}", **facts)

    async def _recover(self) -> None:
        while not self.lets_through:
            if self._circuit.is_open and not self._circuit.allows():
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            try:
                if self.is_cluster:
                    await self.client.aclose()  # it reads the map of the cluster anew when it is used again
                await self._bounded(self._greet, _PATIENT_SECONDS)
                await self.ping()
                if self._pay_debts is not None:
                    await self._pay_debts()
            except RedisAway:
                self._circuit.abandoned()  # a Redis that refused has not failed
                await asyncio.sleep(_LOOK_SECONDS)
            else:
                self._circuit.succeeded()
                structlog.get_logger().info(f"{self._name}_is_back")


async def end_task(task: asyncio.Task[None]) -> None:
    """Cancels a task until it has ended: redis-py sometimes loses a cancellation while it connects."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_AGAIN_SECONDS)


async def within(operation: Callable[[], Awaitable[T]], seconds: float) -> T:
    """Awaits an operation for so many seconds. Raises TimeoutError.

    The time that the event loop is late does not count (up to as long again), and it makes a few more turns at the end.
    An answer must not be lost because the loop was busy with something else: else a process under load would take a
    healthy Redis for a dead one. Then the operation is cancelled until it ends: redis-py sometimes loses a cancellation
    while it connects through sentinels.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is None:
        raise RuntimeError("a time limit needs a task")
    cancelled = 0
    timer: asyncio.Handle

    due = loop.time() + seconds

    def extend() -> None:
        nonlocal timer
        timer = loop.call_later(min(loop.time() - due, seconds), end, _TURNS)

    def end(turns: int) -> None:
        nonlocal timer, cancelled
        if turns:
            timer = loop.call_soon(end, turns - 1)
            return
        cancelled += 1
        task.cancel()
        timer = loop.call_later(_AGAIN_SECONDS, end, 0)

    timer = loop.call_later(seconds, extend)
    try:
        return await operation()
    except asyncio.CancelledError as error:
        # As asyncio.timeout does: what was cancelled from outside as well stays cancelled.
        if not cancelled or task.cancelling() > cancelled:
            raise
        raise TimeoutError(f"no answer within {seconds} s") from error
    finally:
        timer.cancel()
        for _ in range(cancelled):
            task.uncancel()
