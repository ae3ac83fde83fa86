"""Writes on SQLite: one connection writes, by turns; single writes that wait together are committed together."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import TypeVar

from academy.infrastructure.database.completion import Callback, run_callbacks
from academy.infrastructure.database.errors import DatabaseUnavailable, UnsupportedQuery, VersionConflict
from academy.infrastructure.database.sqlite_connection import Connection, Threads

T = TypeVar("T")

# As long as MongoDB lets a transaction live: a `work` that hangs must not keep every other writer out for ever.
LONGEST_SECONDS = 60.0
# A write that waited its whole time for writes of its own process still tries the file for this share of the limit.
LAST_TRY = 0.05


class Unit:
    """The open transaction of a task.

    Attributes:
        callbacks: what runs after the commit.
        doomed: a call in it failed, or an exception left a nested `work`: nothing of the whole may be kept.
        committed: all of it is kept, whatever happens to the task that waits to hear so.
        finished: committed or rolled back; tasks that were started in it and outlive it are no part of it.
    """

    def __init__(self) -> None:
        self.callbacks: list[Callback] = []
        self.doomed = False
        self.committed = False
        self.finished = False

    def check(self) -> None:
        """Raises UnsupportedQuery when the unit cannot be kept any more."""
        if self.doomed:
            raise UnsupportedQuery("this transaction has failed already: let its error leave `work`")


class _Write:
    """A single write that waits for its turn."""

    def __init__(self, work: Callable[[Connection], object]) -> None:
        self.work = work
        self.begun = time.monotonic()
        self.done: asyncio.Future[object] = asyncio.get_running_loop().create_future()


class Transactions:
    """The transactions and single writes of one connection to a file."""

    def __init__(self, threads: Threads, timeout_seconds: float) -> None:
        self._threads = threads
        self._timeout = timeout_seconds
        # One variable per connection, so that units of two databases can be open in one task (`data copy`).
        self._current: ContextVar[Unit | None] = ContextVar("sqlite_unit", default=None)
        self._turn = asyncio.Lock()
        self._waiting: list[_Write] = []
        self._commits: set[asyncio.Task[None]] = set()

    def current(self) -> Unit | None:
        """Returns the open unit of this task, if any."""
        unit = self._current.get()
        return None if unit is None or unit.finished else unit

    async def call(self, unit: Unit, work: Callable[[Connection], T]) -> T:
        """Runs a write as part of a unit, and remembers when it failed: half of it may have been done."""
        unit.check()
        try:
            return await self._threads.write(work)
        except VersionConflict:
            raise
        except BaseException:
            unit.doomed = True
            raise

    async def alone(self, work: Callable[[Connection], T]) -> T:
        """Puts a write in line; whoever gets the turn first commits all that wait by then with one sync to disk."""
        write = _Write(work)
        self._waiting.append(write)
        if len(self._waiting) == 1:
            task = asyncio.get_running_loop().create_task(self._commit_waiting())
            self._commits.add(task)
            task.add_done_callback(self._commits.discard)
        return await write.done  # type: ignore[return-value]  # it holds what the work returned

    async def _commit_waiting(self) -> None:
        async with self._turn:
            batch, self._waiting = self._waiting, []
            wait = self._wait_left(batch[0].begun)
            try:
                outcomes = await self._threads.write(lambda connection: _commit_together(connection, batch, wait))
            except Exception as error:  # noqa: BLE001 - handed to everyone who waits
                outcomes = [error] * len(batch)
        for write, outcome in zip(batch, outcomes, strict=True):
            if write.done.done():
                continue
            if isinstance(outcome, Exception):
                write.done.set_exception(outcome)
            else:
                write.done.set_result(outcome)

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Runs `work` as one unit, then what must run after its commit; returns its answer."""
        begun = time.monotonic()
        unit = Unit()
        try:
            async with self._turn:
                try:
                    # In here, since a task that is cancelled while it waits for other processes begins all the same.
                    await self._threads.write(lambda connection: connection.begin(self._wait_left(begun)))
                    answer = await self._work_in(unit, work)
                    await self._threads.write(lambda connection: _commit(connection, unit))
                except BaseException:
                    await self._threads.write(_roll_back)
                    raise
        finally:
            if unit.committed:
                await run_callbacks(unit.callbacks)
        return answer

    async def _work_in(self, unit: Unit, work: Callable[[], Awaitable[T]]) -> T:
        token = self._current.set(unit)
        try:
            answer = await _in_time(work)
            unit.check()
        finally:
            # Before the end is in line for the thread: what comes later from tasks of `work` is on its own.
            unit.finished = True
            self._current.reset(token)
        return answer

    @staticmethod
    async def join(unit: Unit, work: Callable[[], Awaitable[T]]) -> T:
        """Runs `work` as a part of an open unit."""
        unit.check()
        try:
            return await work()
        except BaseException:
            unit.doomed = True
            raise

    async def close(self) -> None:
        """Waits for what is running or in line."""
        while self._commits:
            await asyncio.wait(self._commits)
        async with self._turn:
            pass

    def _wait_left(self, begun: float) -> float:
        """How long a write that began to wait then may still wait for other processes, in seconds."""
        return max(self._timeout - (time.monotonic() - begun), self._timeout * LAST_TRY)


async def _in_time(work: Callable[[], Awaitable[T]]) -> T:
    try:
        async with asyncio.timeout(LONGEST_SECONDS) as limit:
            return await work()
    except TimeoutError as error:
        if limit.expired():
            raise DatabaseUnavailable(f"a transaction was open for {LONGEST_SECONDS} s and is given up") from error
        raise


def _commit_together(connection: Connection, batch: Sequence[_Write], wait: float) -> list[object]:
    """Runs several writes in one transaction, each of which may fail alone. Returns their answers or errors."""
    connection.begin(wait)
    outcomes: list[object] = []
    try:
        for write in batch:
            connection.rows("SAVEPOINT one")
            try:
                outcomes.append(write.work(connection))
            except Exception as error:
                if not connection.in_transaction:
                    raise
                connection.rows("ROLLBACK TO one")
                outcomes.append(error)
            connection.rows("RELEASE one")
        connection.rows("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise
    return outcomes


def _commit(connection: Connection, unit: Unit) -> None:
    connection.rows("COMMIT")
    unit.committed = True


def _roll_back(connection: Connection) -> None:
    if connection.in_transaction:
        connection.rows("ROLLBACK")
