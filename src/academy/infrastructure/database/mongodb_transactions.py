"""Transactions on MongoDB: one session per unit, found by the task that runs it, tried again after a lost race."""

import asyncio
import itertools
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from typing import Protocol, TypeVar

import pymongo
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from academy.infrastructure.database.completion import Callback, completed, run_callbacks
from academy.infrastructure.database.document import Index
from academy.infrastructure.database.errors import DatabaseUnavailable, UnsupportedQuery
from academy.infrastructure.database.mongodb_errors import is_lost_race, is_unreachable, translate, translated

T = TypeVar("T")

# Units that lose against others are tried again for this long; longer than any crowd on one document needs.
RACE_SECONDS = 30.0
FIRST_PAUSE_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 0.25
# Rolling back is a courtesy to the server, which forgets abandoned transactions by itself.
ABORT_SECONDS = 1.0


class Sessions(Protocol):
    """Opens sessions; the driver's client is one."""

    def start_session(self) -> AsyncClientSession:
        """Returns a session that no other task uses."""
        ...


class Unit:
    """One open transaction.

    Attributes:
        session: to be given to every driver call in it.
        callbacks: what runs after the commit.
        failure: the driver's error after which the server has given the transaction up, if any.
        abandoned: an exception left a nested `work`, or a call was cancelled: nothing of the whole may be kept.
        committed: all of it is kept, whatever happens to the task that waits to hear so.
        finished: committed or rolled back; tasks that were started in it and outlive it are no part of it.
        turn: lets one call at a time use the session.
    """

    def __init__(self, session: AsyncClientSession) -> None:
        self.session = session
        self.callbacks: list[Callback] = []
        self.failure: PyMongoError | None = None
        self.abandoned = False
        self.committed = False
        self.finished = False
        self.turn = asyncio.Lock()

    def check(self) -> None:
        """Raises UnsupportedQuery when the unit cannot be kept any more."""
        if self.abandoned or self.failure is not None:
            raise UnsupportedQuery("this transaction has failed already: let its error leave `work`") from self.failure


class _Again(Exception):
    """The unit lost a race or its connection; holds the driver's error."""

    def __init__(self, error: PyMongoError) -> None:
        super().__init__(str(error))
        self.error = error


class Transactions:
    """The transactions of one connection."""

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout = timeout_seconds
        # One variable per connection, so that units of two databases can be open in one task (`data copy`).
        self._current: ContextVar[Unit | None] = ContextVar("mongodb_unit", default=None)

    def current(self) -> Unit | None:
        """Returns the open unit of this task, if any."""
        unit = self._current.get()
        return None if unit is None or unit.finished else unit

    @asynccontextmanager
    async def call(self, unit: Unit, collection: str, indexes: Sequence[Index]) -> AsyncIterator[AsyncClientSession]:
        """Gives the unit's session for one driver call, and remembers when the call ends the unit."""
        async with unit.turn:
            unit.check()
            try:
                with translated(collection, indexes):
                    yield unit.session
            except BaseException as error:
                if isinstance(error.__cause__, PyMongoError):
                    unit.failure = error.__cause__
                elif not isinstance(error, Exception):
                    # Cancelled under way: nobody knows whether the server did it.
                    unit.abandoned = True
                raise

    async def run(self, sessions: Sessions, work: Callable[[], Awaitable[T]]) -> T:
        """Runs `work` as one unit, again after lost races, then what must run after its commit; returns its answer."""
        started = time.monotonic()
        for attempt in itertools.count():
            try:
                return await self._attempt(sessions, work)
            except _Again as again:
                limit = self._timeout if is_unreachable(again.error) else max(RACE_SECONDS, self._timeout)
                if time.monotonic() - started > limit:
                    raise DatabaseUnavailable(f"transaction given up: {again}") from again.error
                pause = min(FIRST_PAUSE_SECONDS * 1.5**attempt, LONGEST_PAUSE_SECONDS)
                await asyncio.sleep(pause * secrets.SystemRandom().random())
        raise AssertionError("unreachable")

    async def join(self, unit: Unit, work: Callable[[], Awaitable[T]]) -> T:
        """Runs `work` as a part of an open unit."""
        unit.check()
        try:
            return await work()
        except BaseException:
            unit.abandoned = True
            raise

    async def _attempt(self, sessions: Sessions, work: Callable[[], Awaitable[T]]) -> T:
        with translated():
            unit = Unit(sessions.start_session())
        try:
            async with unit.session as session:
                await session.start_transaction(ReadConcern("snapshot"))
                answer = await self._work_in(unit, work)
                # To its end: only then it is known whether the callbacks must run.
                await completed(asyncio.get_running_loop().create_task(self._commit(unit)))
        finally:
            if unit.committed:
                await run_callbacks(unit.callbacks)
        return answer

    async def _work_in(self, unit: Unit, work: Callable[[], Awaitable[T]]) -> T:
        token = self._current.set(unit)
        try:
            answer = await work()
            unit.check()
        except BaseException as error:
            await self._roll_back(unit)
            if isinstance(error, Exception) and unit.failure is not None and is_lost_race(unit.failure):
                raise _Again(unit.failure) from error
            raise
        finally:
            self._current.reset(token)
            unit.finished = True
        return answer

    async def _roll_back(self, unit: Unit) -> None:
        if unit.session.in_transaction:
            with suppress(PyMongoError), pymongo.timeout(ABORT_SECONDS):
                await unit.session.abort_transaction()

    async def _commit(self, unit: Unit) -> None:
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                await unit.session.commit_transaction()
            except PyMongoError as error:
                if is_lost_race(error):
                    raise _Again(error) from error
                unknown = error.has_error_label("UnknownTransactionCommitResult")
                if not unknown or time.monotonic() > deadline:
                    raise translate(error, "", ()) from error
            else:
                unit.committed = True
                return
