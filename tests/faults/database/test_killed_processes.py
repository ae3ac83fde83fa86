"""Processes are killed (SIGKILL) while they write: what they were told is kept is kept, and nothing is half there."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from pymongo import MongoClient

from academy.infrastructure.database.base import Database
from academy.infrastructure.database.errors import DatabaseUnavailable
from academy.infrastructure.database.settings import DatabaseSettings
from tests.contracts.database.documents import Book, Counter
from tests.contracts.database.places import ENGINES, Place
from tests.contracts.database.processes import writers
from tests.servers.mongodb import running_replica_set

ROUNDS = 3


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A database whose server is the test's own: a killed client leaves its open transaction behind on MongoDB."""
    if request.param == "sqlite":
        yield Place(DatabaseSettings(), tmp_path / "academy.sqlite3")
        return
    with running_replica_set() as replica_set:
        with MongoClient[dict[str, object]](replica_set.uri) as client:
            # Such a transaction keeps its documents from others for so long; a minute by default.
            client.admin.command("setParameter", 1, transactionLifetimeLimitSeconds=1)
        yield Place(DatabaseSettings(mongodb_uri=replica_set.uri), tmp_path / "unused")


@pytest.mark.timeout(180)
async def test_what_was_acknowledged_is_there_and_nothing_is_half_there(place: Place) -> None:
    database = place.database()
    await database.connect()
    await database.create_indexes([Book, Counter])
    await database.disconnect()
    acknowledged: set[str] = set()
    for number in range(ROUNDS):
        async with writers(place, "write", 100_000, name=f"r{number}p") as started:
            # One is killed earlier than the other: together with a living one, and as the last that has the file open.
            told = await asyncio.gather(*(one.kill_after(5 + 17 * n * number) for n, one in enumerate(started)))
        acknowledged |= {slug for lines in told for slug in lines}
        await database.connect()
        await _check(database, place, acknowledged)
        await database.disconnect()
    assert len(acknowledged) >= 10 * ROUNDS


async def _check(database: Database, place: Place, acknowledged: set[str]) -> None:
    books = await database.collection(Book).find({}, limit=100_000)
    counted = {one.name: one.count for one in await database.collection(Counter).find({})}
    assert acknowledged <= {one.slug for one in books}
    # Each unit wrote a book with a title and counted it.
    units = [one for one in books if one.title]
    for name, count in counted.items():
        assert count == len([one for one in units if one.slug.startswith(f"{name}-")])
    assert sum(counted.values()) == len(units)
    last = max(units, key=lambda one: one.id)
    assert await database.collection(Book).find({"tags": last.slug}) == [last]
    assert last in (await database.collection(Book).search(last.title, {})).items
    await _write_to_all(database)
    if place.engine == "sqlite":
        connection = apsw.Connection(str(place.path))
        assert list(connection.execute("PRAGMA integrity_check")) == [("ok",)]
        connection.execute("INSERT INTO books__search (books__search) VALUES ('integrity-check')")
        connection.close()


async def _write_to_all(database: Database) -> None:
    """Waits until every document can be written, those of the open transactions that were left behind, too."""
    deadline = time.monotonic() + 60
    while True:
        try:
            await database.collection(Counter).update_many({}, {"$inc": {"count": 0}})
        except DatabaseUnavailable:
            assert time.monotonic() < deadline
        else:
            return
