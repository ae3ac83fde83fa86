"""What only the embedded engine does: commits together, opens few connections, leaves no file open."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from academy.infrastructure.database import sqlite
from academy.infrastructure.database.settings import DatabaseSettings
from academy.infrastructure.database.sqlite import SqliteDatabase
from tests.contracts.database.documents import Book, Counter, book

READERS = 2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "academy.sqlite3"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(path, DatabaseSettings(sqlite_readers=READERS))
    await database.connect()
    await database.create_indexes([Book, Counter])
    yield database
    await database.disconnect()


def open_files(path: Path) -> int:
    """How often this process has the database's files open."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return len([link for link in links if _target(link).startswith(str(path))])


def _target(link: Path) -> str:
    try:
        return os.readlink(link)  # noqa: PTH115 - a target such as "socket:[7]" is no path
    except FileNotFoundError:
        return ""


async def test_writes_that_wait_together_are_committed_together(database: SqliteDatabase, path: Path) -> None:
    observer = apsw.Connection(str(path))
    sizes: list[int] = []

    def committed(connection: apsw.Connection, schema: str, pages: int) -> int:
        sizes.append(pages)
        return apsw.SQLITE_OK

    assert database._opened is not None
    writer = database._opened.threads._writer
    assert writer is not None
    writer._connection.set_wal_hook(committed)
    await asyncio.gather(*(database.collection(Book).insert(book(f"s{number}")) for number in range(100)))
    assert 1 <= len(sizes) <= 3
    assert list(observer.execute("SELECT count(*) FROM books")) == [(100,)]
    observer.close()


async def test_every_write_is_synced_to_the_disk(database: SqliteDatabase) -> None:
    def pragmas() -> list[object]:
        assert database._opened is not None
        writer = database._opened.threads._writer
        assert writer is not None
        return [writer.rows(f"PRAGMA {name}")[0][0] for name in ("synchronous", "journal_mode")]

    assert database._opened is not None
    assert await database._opened.threads.write(lambda _: pragmas()) == [2, "wal"]


async def test_connections_are_few_and_closed(database: SqliteDatabase, path: Path) -> None:
    books = database.collection(Book)
    await books.insert(book("one"))
    found = await asyncio.gather(*(books.find({}) for _ in range(50)))
    assert [len(one) for one in found] == [1] * 50
    assert 2 <= (await database.stats()).connections <= 1 + READERS
    assert open_files(path) > 0
    await database.disconnect()
    assert open_files(path) == 0


async def test_a_reader_pins_no_old_state(database: SqliteDatabase, path: Path) -> None:
    books = database.collection(Book)
    for number in range(20):
        await books.insert(book(f"s{number}"))
        assert await books.count({}) == number + 1
    # Nothing holds the log: another program can move all of it into the file.
    other = apsw.Connection(str(path))
    (is_busy, _, _) = next(other.execute("PRAGMA wal_checkpoint(TRUNCATE)"))
    other.close()
    assert is_busy == 0


async def test_a_transaction_cancelled_while_another_process_writes_leaves_nothing_open(
    database: SqliteDatabase, path: Path
) -> None:
    loop, begins = asyncio.get_running_loop(), asyncio.Event()

    def trace(_: apsw.Cursor, statement: str, bound: object) -> bool:
        if statement == "BEGIN IMMEDIATE":
            loop.call_soon_threadsafe(begins.set)
        return True

    assert database._opened is not None
    writer = database._opened.threads._writer
    assert writer is not None
    writer._connection.exec_trace = trace
    books = database.collection(Book)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(database.transaction(lambda: books.insert(book("lost"))))
    await begins.wait()
    waiting.cancel()
    await asyncio.sleep(0)
    other.execute("COMMIT")
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await books.insert(book("alone"))
    await database.transaction(lambda: books.insert(book("unit")))
    assert [one.slug for one in await books.find({}, sort=("slug",))] == ["alone", "unit"]
    other.execute("BEGIN IMMEDIATE")  # for other processes, too
    other.close()


async def test_slow_operations_are_counted(database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (await database.stats()).slow_operations
    await database.read("books", lambda _: None)
    assert (await database.stats()).slow_operations == before
    monkeypatch.setattr(sqlite, "_SLOW_SECONDS", 0.0)
    await database.read("books", lambda _: None)
    monkeypatch.undo()
    assert (await database.stats()).slow_operations == before + 1
