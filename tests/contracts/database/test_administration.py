"""Connecting, health, figures, clearing."""

import asyncio

import pytest

from academy.infrastructure.database.base import CollectionStats, Database
from academy.infrastructure.database.errors import DatabaseUnavailable
from academy.kit.errors import ForbiddenError
from tests.contracts.database.documents import Book, Counter, book, counter
from tests.contracts.database.places import Place


async def test_calls_need_a_connection(place: Place) -> None:
    database = place.database()
    books = database.collection(Book)
    assert not database.is_connected
    health = await database.health_check()
    assert not health.healthy
    assert health.detail

    async def work() -> None:
        raise AssertionError

    for call in (books.find({}), books.insert(book("x")), database.transaction(work), database.stats()):
        with pytest.raises(DatabaseUnavailable):
            await call
    await database.disconnect()


async def test_connections_open_and_close_again(place: Place) -> None:
    database = place.database()
    for number in range(3):
        await database.connect()
        await database.connect()
        assert database.is_connected
        await database.create_indexes([Book])
        await database.collection(Book).insert(book(f"s{number}"))
        await database.disconnect()
        await database.disconnect()
        assert not database.is_connected
    await database.connect()
    assert await database.collection(Book).count({}) == 3
    await database.disconnect()


async def test_disconnect_finishes_running_work(database: Database, place: Place) -> None:
    counters = database.collection(Counter)
    begun, told = asyncio.Event(), asyncio.Event()

    async def later() -> None:
        await counters.insert(counter("later"))
        told.set()

    async def work() -> None:
        await counters.insert(counter("first"))
        begun.set()
        await asyncio.sleep(0.02)
        await counters.insert(counter("second"))

    running = asyncio.create_task(database.transaction(work))
    await begun.wait()
    alone = [asyncio.create_task(counters.insert(counter(f"c{number}"))) for number in range(20)]
    database.after_commit(later)
    await asyncio.sleep(0)
    await database.disconnect()
    outcomes = await asyncio.gather(running, *alone, return_exceptions=True)
    await database.connect()
    stored = {one.name for one in await counters.find({})}
    assert told.is_set()
    acknowledged = {f"c{number}" for number, outcome in enumerate(outcomes[1:]) if outcome is None}
    assert acknowledged | {"later"} <= stored
    assert ({"first", "second"} <= stored) is (outcomes[0] is None)


async def test_health(database: Database) -> None:
    health = await database.health_check()
    assert (health.healthy, health.detail) == (True, "")
    assert 0 < health.duration_ms < 2000


async def test_figures(databases: tuple[Database, Database], place: Place) -> None:
    database, other = databases
    await database.collection(Book).insert_many([book("one", title="x" * 10_000), book("two")])
    # Figures are of the whole database, whatever this connection has used.
    for one in (database, other):
        stats = await one.stats()
        assert stats.engine.startswith(f"{place.engine} ")
        assert stats.engine[-1].isdigit()
        assert stats.connections >= 1
        assert stats.slow_operations >= 0
        assert set(stats.collections) == {"books", "counters"}
        assert stats.collections["books"].documents == 2
        assert 10_000 < stats.collections["books"].bytes < 100_000
        assert stats.collections["counters"] == CollectionStats(documents=0, bytes=0)


async def test_clearing(databases: tuple[Database, Database], place: Place) -> None:
    database, other = databases
    await database.collection(Book).insert(book("one", title="word", tags=["x"]))
    await database.collection(Counter).insert(counter("c"))
    careful = place.database(production=True)
    await careful.connect()
    for connection, confirm in ((other, ""), (other, place.name.upper()), (other, "yes"), (careful, place.name)):
        with pytest.raises(ForbiddenError):
            await connection.clear_database(confirm=confirm)
    await careful.disconnect()
    assert await database.collection(Book).count({}) == 1
    await other.clear_database(confirm=place.name)
    books = database.collection(Book)
    assert await books.count({}) == await database.collection(Counter).count({}) == 0
    assert await books.find({"tags": "x"}) == (await books.search("word", {})).items == []
    await books.insert(book("one", title="word"))
    assert (await books.search("word", {})).total == 1
