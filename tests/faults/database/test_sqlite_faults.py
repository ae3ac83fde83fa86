"""The embedded database: locked by another process, without room on the disk, broken."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest

from academy.infrastructure.database.errors import DatabaseUnavailable
from academy.infrastructure.database.settings import DatabaseSettings
from academy.infrastructure.database.sqlite import SqliteDatabase
from tests.contracts.database.documents import Book, Counter, book, counter
from tests.contracts.database.places import Place
from tests.contracts.database.processes import writers

LIMIT = 0.4
# Above the limit: the machine may be busy.
PATIENCE = 3.0

LOCKER = """
import sys, apsw
connection = apsw.Connection(sys.argv[1])
for statement in sys.argv[2].split(";"):
    connection.execute(statement).fetchall()
print("locked", flush=True)
sys.stdin.readline()
connection.close()
"""


@asynccontextmanager
async def locked(path: Path, statements: str = "BEGIN IMMEDIATE") -> AsyncIterator[None]:
    """Lets another process hold a lock on the file."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LOCKER, str(path), statements, stdin=pipe, stdout=pipe
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert await process.stdout.readline() == b"locked\n"
    try:
        yield
    finally:
        process.stdin.close()
        assert await process.wait() == 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "academy.sqlite3"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(path, DatabaseSettings(sqlite_timeout_seconds=LIMIT, connect_attempts=2))
    await database.connect()
    await database.create_indexes([Book, Counter])
    await database.collection(Book).insert(book("before"))
    yield database
    await database.disconnect()


async def test_a_locked_file(database: SqliteDatabase, path: Path) -> None:
    books, counters = database.collection(Book), database.collection(Counter)

    async def unit() -> None:
        await books.insert(book("lost unit"))
        await counters.insert(counter("lost unit"))

    async def fails(number: int) -> float:
        begun = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            await (database.transaction(unit) if number % 2 else books.insert(book(f"lost{number}")))
        return time.monotonic() - begun

    async with locked(path):
        took = await asyncio.gather(*(fails(number) for number in range(12)))
        assert LIMIT * 0.9 < max(took) < LIMIT + PATIENCE
        # Who only reads sees what was there before, and at once.
        begun = time.monotonic()
        assert [one.slug for one in await books.find({})] == ["before"]
        assert (await database.health_check()).healthy
        assert time.monotonic() - begun < LIMIT + PATIENCE
    await books.insert(book("after"))
    await database.transaction(unit)
    assert sorted(one.slug for one in await books.find({})) == ["after", "before", "lost unit"]


async def test_a_lock_that_goes_in_time_is_waited_for(path: Path) -> None:
    database = SqliteDatabase(path, DatabaseSettings(sqlite_timeout_seconds=30))
    await database.connect()
    await database.create_indexes([Book])
    books = database.collection(Book)
    async with locked(path):
        waiting = [asyncio.create_task(books.insert(book(f"s{number}"))) for number in range(5)]
        await books.find({})
        assert not any(task.done() for task in waiting)
    await asyncio.gather(*waiting)
    assert await books.count({}) == 5
    await database.disconnect()


async def test_the_event_loop_goes_on_while_a_write_waits(database: SqliteDatabase, path: Path) -> None:
    async with locked(path):
        waiting = asyncio.create_task(database.collection(Book).insert(book("lost")))
        beats = 0
        while not waiting.done():
            await asyncio.sleep(LIMIT / 20)
            beats += 1
        assert isinstance(waiting.exception(), DatabaseUnavailable)
    assert beats > 3


async def test_connecting_to_a_file_that_nobody_else_may_open(path: Path) -> None:
    database = SqliteDatabase(path, DatabaseSettings(sqlite_timeout_seconds=LIMIT, connect_attempts=2))
    async with locked(path, "PRAGMA journal_mode=WAL;PRAGMA locking_mode=EXCLUSIVE;CREATE TABLE t (c)"):
        with pytest.raises(DatabaseUnavailable) as caught:
            await database.connect()
        assert str(path) in caught.value.detail
        assert not (await database.health_check()).healthy
    await database.connect()
    assert (await database.health_check()).healthy
    await database.disconnect()


async def test_connecting_waits_until_the_file_can_be_opened(path: Path) -> None:
    database = SqliteDatabase(path, DatabaseSettings(sqlite_timeout_seconds=LIMIT, connect_attempts=100))
    async with locked(path, "PRAGMA journal_mode=WAL;PRAGMA locking_mode=EXCLUSIVE;CREATE TABLE t (c)"):
        connecting = asyncio.create_task(database.connect())
        await asyncio.wait([connecting], timeout=LIMIT / 2)
        assert not connecting.done()
    await connecting
    await database.create_indexes([Book])
    await database.disconnect()


@pytest.fixture(params=["a folder", "a text"])
def no_database(request: pytest.FixtureRequest, path: Path) -> Path:
    if request.param == "a folder":
        path.mkdir()
    else:
        path.write_bytes(b"this is no database, but as long as the head of one would be. " * 20)
    return path


async def test_connecting_to_what_is_no_database(no_database: Path) -> None:
    database = SqliteDatabase(no_database, DatabaseSettings(sqlite_timeout_seconds=LIMIT, connect_attempts=1))
    with pytest.raises(DatabaseUnavailable) as caught:
        await database.connect()
    assert str(no_database) in caught.value.detail


async def test_no_room_on_the_disk(database: SqliteDatabase, path: Path) -> None:
    place = Place(DatabaseSettings(sqlite_timeout_seconds=LIMIT), path)
    await database.disconnect()
    async with writers(place, "fill", 1024 * 1024) as started:
        told = await asyncio.gather(*(writer.finish() for writer in started))
    for lines in told:
        # Full four times, and each time it could still be read, and written again as soon as there was room.
        assert lines.count("full True") == 4
    await database.connect()
    slugs = {one.slug for one in await database.collection(Book).find({}, limit=100_000)}
    acknowledged = {line for lines in told for line in lines if not line.startswith("full")}
    assert len(acknowledged) > 20
    assert acknowledged <= slugs
    counted = {one.name: one.count for one in await database.collection(Counter).find({})}
    for name in ("p0", "p1"):
        assert counted.get(name, 0) * 2 == len([slug for slug in slugs if slug.startswith(name) and "-" in slug])
    connection = apsw.Connection(str(path))
    assert list(connection.execute("PRAGMA integrity_check")) == [("ok",)]
    connection.close()
