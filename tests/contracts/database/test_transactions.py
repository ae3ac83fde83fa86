"""Transactions: all or nothing, nesting, what runs after the commit, and races that lose no update."""

import asyncio
from collections.abc import Sequence

import pytest

from academy.infrastructure.database import sqlite_transactions
from academy.infrastructure.database.base import Collection, Database, Group
from academy.infrastructure.database.errors import (
    DatabaseUnavailable,
    UniqueViolation,
    UnsupportedQuery,
    VersionConflict,
)
from tests.contracts.database.documents import Book, Counter, book, counter


class Stop(Exception):
    """Leaves a unit of work."""


async def slugs(books: Collection[Book]) -> list[str]:
    return [one.slug for one in await books.find({}, sort=("slug",))]


async def test_a_unit_is_kept_and_its_answer_returned(database: Database, books: Collection[Book]) -> None:
    async def work() -> str:
        await books.insert(book("one"))
        await books.insert_many([book("two"), book("three")])
        assert await books.delete_one({"slug": "two"})
        return "answer"

    assert await database.transaction(work) == "answer"
    assert await slugs(books) == ["one", "three"]


async def test_reads_see_the_writes_of_their_unit_and_others_do_not(
    databases: Sequence[Database], books: Collection[Book]
) -> None:
    database, other = databases
    await books.insert(book("before", stars=1, title="old"))
    written, seen = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        one = book("inside", stars=2, title="new")
        await books.insert(one)
        assert await books.update_one({"slug": "before"}, {"$inc": {"stars": 4}})
        assert await books.get(one.id) == one
        assert [found.stars for found in await books.find({}, sort=("stars",))] == [2, 5]
        assert len((await books.page({}, sort=("-stars",), limit=1)).items) == 1
        assert (await books.search("new", {})).items == [one]
        assert await books.count({"stars": {"$gt": 1}}) == 2
        assert await books.group({}, sums=["stars"]) == [Group(None, 2, {"stars": 7})]
        written.set()
        await seen.wait()

    running = asyncio.create_task(database.transaction(work))
    await written.wait()
    for outside in (database, other):
        assert [one.stars for one in await outside.collection(Book).find({})] == [1]
    seen.set()
    await running
    assert [one.stars for one in await other.collection(Book).find({}, sort=("stars",))] == [2, 5]


async def test_an_exception_rolls_everything_back(database: Database, books: Collection[Book]) -> None:
    stored = book("stays", title="stays", tags=["x"])
    await books.insert(stored)

    async def work() -> None:
        await books.insert(book("lost"))
        await books.update_many({}, {"$set": {"title": "lost", "tags": []}})
        await books.delete_one({"slug": "stays"})
        raise Stop

    with pytest.raises(Stop):
        await database.transaction(work)
    assert await books.find({}) == [stored]
    assert await books.find({"tags": "x"}) == [stored]
    assert (await books.search("stays", {})).items == [stored]


async def test_a_cancelled_unit_leaves_nothing(database: Database, books: Collection[Book]) -> None:
    inside = asyncio.Event()

    async def work() -> None:
        await books.insert(book("lost"))
        inside.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(database.transaction(work))
    await inside.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await books.insert(book("next"))
    assert await slugs(books) == ["next"]


async def test_a_nested_unit_joins_the_outer_one(database: Database, books: Collection[Book]) -> None:
    async def inner() -> int:
        await books.insert(book("inner"))
        return await books.count({})

    async def outer() -> None:
        await books.insert(book("outer"))
        assert await database.transaction(inner) == 2
        raise Stop

    with pytest.raises(Stop):
        await database.transaction(outer)
    assert await slugs(books) == []


async def test_an_exception_out_of_a_nested_unit_rolls_all_back(database: Database, books: Collection[Book]) -> None:
    told: list[str] = []

    async def tell() -> None:
        told.append("never")

    async def inner() -> None:
        await books.insert(book("inner"))
        raise Stop

    async def outer() -> None:
        database.after_commit(tell)
        await books.insert(book("outer"))
        with pytest.raises(Stop):
            await database.transaction(inner)

    with pytest.raises(UnsupportedQuery):
        await database.transaction(outer)
    assert await slugs(books) == []
    assert told == []


async def test_a_violation_dooms_the_unit(database: Database, books: Collection[Book]) -> None:
    await books.insert(book("one"))

    async def swallow() -> None:
        await books.insert(book("lost"))
        with pytest.raises(UniqueViolation):
            await books.insert(book("one"))
        for call in (books.insert(book("two")), books.count({}), books.find({}), database.transaction(swallow)):
            with pytest.raises(UnsupportedQuery):
                await call

    with pytest.raises(UnsupportedQuery):
        await database.transaction(swallow)
    assert await slugs(books) == ["one"]


async def test_a_call_that_fails_half_way_dooms_the_unit(database: Database, books: Collection[Book]) -> None:
    await books.insert_many([book("a", stars=1), book("b", stars=(1 << 63) - 1)])

    async def swallow() -> None:
        with pytest.raises(UnsupportedQuery):
            await books.update_many({}, {"$inc": {"stars": 1}})

    with pytest.raises(UnsupportedQuery):
        await database.transaction(swallow)
    assert [one.stars for one in await books.find({}, sort=("slug",))] == [1, (1 << 63) - 1]


async def test_refused_queries_and_stale_versions_do_not_doom_the_unit(
    database: Database, books: Collection[Book]
) -> None:
    async def work() -> None:
        await books.insert(book("kept"))
        with pytest.raises(UnsupportedQuery):
            await books.find({"$where": "1"})
        with pytest.raises(VersionConflict):
            await books.replace(book("unknown"))
        await books.insert(book("too"))

    await database.transaction(work)
    assert await slugs(books) == ["kept", "too"]


async def test_after_commit(databases: Sequence[Database], books: Collection[Book]) -> None:
    database, other = databases
    told: list[str] = []

    def tell(what: str) -> None:
        async def callback() -> None:
            # Durable by now, and for everybody to see.
            told.append(f"{what} {await other.collection(Book).count({})}")

        database.after_commit(callback)

    async def inner() -> None:
        tell("second")

    async def work() -> None:
        tell("first")
        await books.insert(book("one"))
        await database.transaction(inner)
        tell("third")
        assert told == []

    await database.transaction(work)
    assert told == ["first 1", "second 1", "third 1"]

    async def failing() -> None:
        tell("never")
        await work()

    with pytest.raises(UniqueViolation):
        await database.transaction(failing)
    assert told == ["first 1", "second 1", "third 1"]


async def test_after_commit_callbacks_may_write(database: Database, books: Collection[Book]) -> None:
    async def callback() -> None:
        await books.insert(book("after"))

        async def more() -> None:
            await books.insert(book("and a unit"))

        await database.transaction(more)

    async def work() -> None:
        await books.insert(book("inside"))
        database.after_commit(callback)

    await database.transaction(work)
    assert await slugs(books) == ["after", "and a unit", "inside"]


async def test_after_commit_outside_a_transaction(database: Database, counters: Collection[Counter]) -> None:
    done = asyncio.Event()

    async def later() -> None:
        await counters.insert(counter("later"))
        done.set()

    database.after_commit(later)
    assert not done.is_set()
    await asyncio.wait_for(done.wait(), 5)
    assert await counters.count({}) == 1


async def test_calls_gathered_in_a_unit_belong_to_it(database: Database, books: Collection[Book]) -> None:
    async def work() -> None:
        await asyncio.gather(*(books.insert(book(f"s{number}")) for number in range(10)))
        assert await books.count({}) == 10
        raise Stop

    with pytest.raises(Stop):
        await database.transaction(work)
    assert await books.count({}) == 0


async def test_a_task_that_outlives_the_unit_that_started_it_is_no_part_of_it(
    database: Database, books: Collection[Book]
) -> None:
    over, told = asyncio.Event(), asyncio.Event()

    async def tell() -> None:
        told.set()

    async def straggler() -> None:
        await over.wait()
        await books.insert(book("straggler"))
        database.after_commit(tell)

    async def work() -> asyncio.Task[None]:
        await books.insert(book("inside"))
        return asyncio.create_task(straggler())

    task = await database.transaction(work)

    async def other() -> None:
        await books.insert(book("lost"))
        over.set()
        # Until the straggler has had its chance to write into this unit, which is rolled back.
        await asyncio.wait([task], timeout=0.2)
        raise Stop

    with pytest.raises(Stop):
        await database.transaction(other)
    await task
    await asyncio.wait_for(told.wait(), 5)
    assert await slugs(books) == ["inside", "straggler"]


async def test_concurrent_units_lose_no_update(databases: Sequence[Database]) -> None:
    await databases[0].collection(Counter).insert(counter("sum"))
    runs = 0

    async def add(number: int) -> None:
        counters = databases[number % 2].collection(Counter)

        async def work() -> None:
            nonlocal runs
            runs += 1
            found = await counters.find_one({"name": "sum"})
            assert found is not None
            await asyncio.sleep(0)
            await counters.update_one({"id": found.id}, {"$set": {"count": found.count + 1}})

        await databases[number % 2].transaction(work)

    await asyncio.gather(*(add(number) for number in range(24)))
    stored = await databases[1].collection(Counter).find({})
    assert [(one.count, one.version) for one in stored] == [(24, 25)]
    assert runs >= 24


async def test_two_units_that_read_before_both_write(databases: Sequence[Database]) -> None:
    """Where two units can be open at once, the one that loses is run again; where not, they follow one another."""
    await databases[0].collection(Counter).insert(counter("sum"))
    both_read = asyncio.Barrier(2)

    async def add(database: Database) -> None:
        counters, first = database.collection(Counter), True

        async def work() -> None:
            nonlocal first
            found = await counters.find_one({"name": "sum"})
            assert found is not None
            if first:
                first = False
                try:
                    async with asyncio.timeout(0.3):
                        await both_read.wait()
                except (TimeoutError, asyncio.BrokenBarrierError):
                    await both_read.abort()
            await counters.update_one({"id": found.id}, {"$set": {"count": found.count + 1}})

        await database.transaction(work)

    await asyncio.gather(*(add(database) for database in databases))
    stored = await databases[0].collection(Counter).find_one({})
    assert stored is not None
    assert stored.count == 2


async def test_a_crowd_of_units_on_one_document(databases: Sequence[Database]) -> None:
    await databases[0].collection(Counter).insert(counter("coupon", 10))
    told: list[int] = []

    async def buy(number: int) -> bool:
        database = databases[number % 2]
        counters, books = database.collection(Counter), database.collection(Book)

        async def noted() -> None:
            told.append(number)

        async def work() -> bool:
            found = await counters.find_one({"name": "coupon"})
            if found is None or found.count == 0:
                return False
            database.after_commit(noted)
            await counters.update_one({"id": found.id}, {"$inc": {"count": -1}})
            await books.insert(book(f"sold{number}"))
            return True

        return await database.transaction(work)

    bought = await asyncio.gather(*(buy(number) for number in range(50)))
    assert bought.count(True) == 10
    assert sorted(told) == [number for number, sold in enumerate(bought) if sold]
    assert await databases[0].collection(Book).count({}) == 10


async def test_a_unit_that_hangs_is_given_up(
    database: Database, books: Collection[Book], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_transactions, "LONGEST_SECONDS", 0.05)

    async def hang() -> None:
        await books.insert(book("lost"))
        async with asyncio.timeout(1):
            await asyncio.Event().wait()

    with pytest.raises((DatabaseUnavailable, TimeoutError)):
        await database.transaction(hang)
    await books.insert(book("next"))
    assert await slugs(books) == ["next"]
