"""A unit that is cancelled while it waits for another process leaves the writer free."""

import asyncio
from pathlib import Path

import apsw
import pytest

from academy.infrastructure.database.settings import DatabaseSettings
from academy.infrastructure.database.sqlite import SqliteDatabase
from tests.contracts.database.documents import Book, book


async def test_writes_go_on_after_a_unit_was_cancelled_at_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "academy.sqlite3"
    database = SqliteDatabase(path, DatabaseSettings(sqlite_timeout_seconds=5))
    await database.connect()
    try:
        await database.create_indexes([Book])
        books = database.collection(Book)
        other = apsw.Connection(str(path))
        other.execute("BEGIN IMMEDIATE")

        async def work() -> None:
            await books.insert(book("lost"))

        unit = asyncio.create_task(database.transaction(work))
        for _ in range(20):
            await asyncio.sleep(0)  # the unit is in line for the writer's thread now
        unit.cancel()
        await asyncio.sleep(0)
        other.execute("ROLLBACK")
        other.close()
        with pytest.raises(asyncio.CancelledError):
            await unit
        await books.insert(book("alone"))
        await database.transaction(lambda: books.insert(book("unit")))
        assert sorted(one.slug for one in await books.find({})) == ["alone", "unit"]
    finally:
        await database.disconnect()
