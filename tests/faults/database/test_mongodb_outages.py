"""Servers that stop, freeze or lose their primary."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from academy.infrastructure.database.errors import DatabaseUnavailable
from academy.infrastructure.database.mongodb import MongoDatabase
from academy.infrastructure.database.settings import DatabaseSettings
from tests.contracts.database.documents import Book, Counter, book, counter
from tests.servers.mongodb import Mongod, ReplicaSet, free_port, running_replica_set

# The driver closes no socket whose connecting is cancelled, as it does itself when servers come and go (PyMongo 4.20,
# `_async_create_connection`).
pytestmark = [pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"), pytest.mark.usefixtures("swept")]

TIMEOUT = 1.0
# Above the limit of one operation: the machine may be busy.
PATIENCE = 4.0


@pytest.fixture
def swept() -> Iterator[None]:
    """Collects forgotten sockets while warnings of them are still ignored."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def single() -> Iterator[ReplicaSet]:
    with running_replica_set() as replica_set:
        yield replica_set


@pytest.fixture
async def database(single: ReplicaSet) -> AsyncIterator[MongoDatabase]:
    single.wait_for_primary()
    settings = DatabaseSettings(mongodb_uri=single.uri, mongodb_timeout_seconds=TIMEOUT)
    database = MongoDatabase(settings)
    await database.connect()
    await database.create_indexes([Book, Counter])
    await database.clear_database(confirm="academy")
    yield database
    await database.disconnect()


async def _recovers(database: MongoDatabase) -> None:
    """Waits until a write works again by itself."""
    deadline = time.monotonic() + 30
    while True:
        try:
            await database.collection(Counter).insert(counter("after"))
        except DatabaseUnavailable:
            assert time.monotonic() < deadline
        else:
            return


async def _fails_in_time(database: MongoDatabase) -> None:
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        await database.collection(Counter).insert(counter("lost"))
    with pytest.raises(DatabaseUnavailable):
        await database.collection(Counter).find({})
    assert time.monotonic() - started < 2 * PATIENCE
    started = time.monotonic()
    health = await database.health_check(timeout_seconds=0.5)
    assert not health.healthy
    assert "MONGODB_URI" in health.detail
    assert time.monotonic() - started < PATIENCE


async def _transaction_fails_in_time(database: MongoDatabase, break_it: Mongod, how: str) -> None:
    async def work() -> None:
        await database.collection(Counter).insert(counter("lost"))
        getattr(break_it, how)()
        await database.collection(Book).insert(book("lost"))

    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        await database.transaction(work)
    assert time.monotonic() - started < 3 * TIMEOUT + PATIENCE


async def test_a_killed_server(database: MongoDatabase, single: ReplicaSet) -> None:
    server = single.members[0]
    await database.collection(Counter).insert(counter("before"))
    server.kill()
    await _fails_in_time(database)
    server.start()
    await _recovers(database)
    assert await database.collection(Counter).count({"name": {"$in": ["before", "after"]}}) == 2
    assert (await database.health_check()).healthy


async def test_a_server_killed_in_a_transaction(database: MongoDatabase, single: ReplicaSet) -> None:
    server = single.members[0]
    await _transaction_fails_in_time(database, server, "kill")
    server.start()
    await _recovers(database)
    assert await database.collection(Counter).count({"name": "lost"}) == 0
    assert await database.collection(Book).count({}) == 0


async def test_a_frozen_server(database: MongoDatabase, single: ReplicaSet) -> None:
    server = single.members[0]
    server.freeze()
    try:
        await _fails_in_time(database)
    finally:
        server.thaw()
    await _recovers(database)
    try:
        await _transaction_fails_in_time(database, server, "freeze")
    finally:
        server.thaw()
    await _recovers(database)
    assert await database.collection(Book).count({}) == 0


async def test_connect_gives_up_and_says_why() -> None:
    uri = f"mongodb://127.0.0.1:{free_port()}/"
    database = MongoDatabase(DatabaseSettings(mongodb_uri=uri, mongodb_timeout_seconds=0.2, connect_attempts=2))
    with pytest.raises(DatabaseUnavailable) as caught:
        await database.connect()
    assert "127.0.0.1" in caught.value.detail
    assert not database.is_connected
    assert not (await database.health_check()).healthy


async def test_connect_waits_for_a_server_that_comes(single: ReplicaSet) -> None:
    server = single.members[0]
    server.stop()
    settings = DatabaseSettings(mongodb_uri=single.uri, mongodb_timeout_seconds=TIMEOUT, connect_attempts=20)
    database = MongoDatabase(settings)
    connecting = asyncio.create_task(database.connect())
    await asyncio.sleep(0)
    server.start()
    await connecting
    assert database.is_connected
    await database.disconnect()


@pytest.mark.timeout(180)
async def test_the_primary_of_three_is_killed_under_load() -> None:
    with running_replica_set(3) as replica_set:
        settings = DatabaseSettings(mongodb_uri=replica_set.uri, mongodb_timeout_seconds=10)
        database = MongoDatabase(settings)
        await database.connect()
        await database.create_indexes([Book, Counter])
        await database.collection(Counter).insert(counter("sum"))
        acknowledged: list[int] = []
        stop, progress = asyncio.Event(), asyncio.Event()
        goal = 20

        async def write(worker: int) -> None:
            number = worker
            while not stop.is_set():

                async def work(number: int = number) -> None:
                    await database.collection(Book).insert(book(f"s{number}"))
                    await database.collection(Counter).update_one({"name": "sum"}, {"$inc": {"count": 1}})

                try:
                    await database.transaction(work)
                    acknowledged.append(number)
                    if len(acknowledged) >= goal:
                        progress.set()
                except DatabaseUnavailable:
                    pass
                number += 3

        workers = [asyncio.create_task(write(worker)) for worker in range(3)]
        async with asyncio.timeout(60):
            await progress.wait()
            primary = await asyncio.to_thread(replica_set.wait_for_primary)
            primary.kill()
            goal = len(acknowledged) + 20
            progress.clear()
            await progress.wait()
        stop.set()
        await asyncio.gather(*workers)
        stored = {one.slug for one in await database.collection(Book).find({}, limit=100_000)}
        total = await database.collection(Counter).find_one({"name": "sum"})
        await database.disconnect()
        assert {f"s{number}" for number in acknowledged} <= stored
        assert total is not None
        assert total.count == len(stored)
