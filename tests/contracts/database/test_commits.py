"""What runs after a commit when the task is cancelled meanwhile, or when a callback fails."""

import asyncio
from collections.abc import Awaitable, Callable

import apsw
import pytest
from pymongo.asynchronous.client_session import AsyncClientSession
from structlog.testing import capture_logs

from academy.infrastructure.database.base import Collection, Database
from academy.infrastructure.database.sqlite import SqliteDatabase
from tests.contracts.database.documents import Book, book


class Broken(Exception):
    """A callback fails."""


def when_committed(database: Database, then: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls `then` when the engine has committed a transaction and whoever waits for that does not know it yet."""
    if isinstance(database, SqliteDatabase):
        loop = asyncio.get_running_loop()

        def committed(connection: apsw.Connection, schema: str, pages: int) -> int:
            loop.call_soon_threadsafe(then)
            return apsw.SQLITE_OK

        assert database._opened is not None
        writer = database._opened.threads._writer
        assert writer is not None
        writer._connection.set_wal_hook(committed)
        return
    commit_transaction = AsyncClientSession.commit_transaction

    async def commit(session: AsyncClientSession) -> None:
        await commit_transaction(session)
        then()
        await asyncio.sleep(0)

    monkeypatch.setattr(AsyncClientSession, "commit_transaction", commit)


async def test_callbacks_run_when_the_task_is_cancelled_during_the_commit(
    database: Database, books: Collection[Book], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def tell(what: str) -> Callable[[], Awaitable[None]]:
        async def callback() -> None:
            await books.count({})
            told.append(what)

        return callback

    async def work() -> None:
        await books.insert(book("kept"))
        database.after_commit(tell("first"))
        database.after_commit(tell("second"))

    running = asyncio.create_task(database.transaction(work))
    when_committed(database, running.cancel, monkeypatch)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await books.count({"slug": "kept"}) == 1
    assert told == ["first", "second"]


async def test_callbacks_run_to_their_end_when_the_task_is_cancelled(database: Database) -> None:
    told: list[str] = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        begun.set()
        await go_on.wait()
        told.append("first")

    async def second() -> None:
        told.append("second")

    async def work() -> None:
        database.after_commit(first)
        database.after_commit(second)

    running = asyncio.create_task(database.transaction(work))
    await begun.wait()
    running.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert told == ["first", "second"]


async def test_a_callback_that_fails_is_logged_and_harms_nobody(database: Database, books: Collection[Book]) -> None:
    told: list[str] = []

    async def fail() -> None:
        raise Broken

    async def tell() -> None:
        told.append("told")

    async def work() -> str:
        await books.insert(book("kept"))
        database.after_commit(fail)
        database.after_commit(tell)
        return "answer"

    with capture_logs() as logs:
        assert await database.transaction(work) == "answer"
    assert told == ["told"]
    assert [(log["event"], log["log_level"]) for log in logs] == [("after_commit_failed", "error")]


async def test_a_callback_that_fails_outside_a_transaction_is_logged(database: Database) -> None:
    begun = asyncio.Event()

    async def fail() -> None:
        begun.set()
        raise Broken

    with capture_logs() as logs:
        database.after_commit(fail)
        await begun.wait()
        await database.disconnect()
    assert [log["event"] for log in logs] == ["after_commit_failed"]
