"""Concurrent callers, several connections: what must happen once happens once."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from academy.infrastructure.database.document import Document
from academy.infrastructure.database.errors import DatabaseUnavailable, UniqueViolation, UnsupportedQuery
from academy.infrastructure.database.mongodb import MongoDatabase
from academy.infrastructure.database.settings import DatabaseSettings
from tests.unit.infrastructure.mongodb.documents import Book, Counter, book, counter


@pytest.fixture
async def databases(database: MongoDatabase, settings: DatabaseSettings) -> AsyncIterator[Sequence[MongoDatabase]]:
    """Two connections, as of two processes."""
    other = MongoDatabase(settings)
    await other.connect()
    yield [database, other]
    await other.disconnect()


async def test_find_or_insert_with_a_unique_index(databases: Sequence[MongoDatabase]) -> None:
    async def call(number: int) -> Document | None:
        books = databases[number % 2].collection(Book)
        return await books.find_and_update({"slug": "one"}, {"$inc": {"stars": 1}}, insert=book("one", stars=1))

    answers = await asyncio.gather(*(call(number) for number in range(40)))
    stored = await databases[0].collection(Book).find({})
    assert [(one.stars, one.version) for one in stored] == [(40, 40)]
    assert sorted(one.version for one in answers if one) == list(range(1, 41))


async def test_find_or_insert_without_any_unique_index(databases: Sequence[MongoDatabase]) -> None:
    async def call(number: int) -> Document | None:
        counters = databases[number % 2].collection(Counter)
        # Filters that differ and match the same document.
        query = {"name": "one"} if number % 3 else {"name": {"$in": ["one", "none"]}}
        return await counters.find_and_update(query, {"$inc": {"count": 1}}, insert=counter("one", 1))

    answers = await asyncio.gather(*(call(number) for number in range(40)))
    stored = await databases[0].collection(Counter).find({})
    assert [one.count for one in stored] == [40]
    assert sorted(one.version for one in answers if one) == list(range(1, 41))
    assert "_locks" not in (await databases[0].stats()).collections


async def test_find_or_insert_against_an_unmatched_double(database: MongoDatabase) -> None:
    books = database.collection(Book)
    await books.insert(book("one", stars=5))
    with pytest.raises(UniqueViolation) as caught:
        await books.find_and_update(
            {"slug": "one", "stars": {"$lt": 5}}, {"$inc": {"stars": 1}}, insert=book("one", stars=1)
        )
    assert caught.value.index == "slug"


async def test_a_crowd_of_transactions_on_one_document(databases: Sequence[MongoDatabase]) -> None:
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


async def test_claims_are_never_doubled(databases: Sequence[MongoDatabase]) -> None:
    await databases[0].collection(Counter).insert_many([counter("job") for _ in range(30)])

    async def claim(number: int) -> Counter | None:
        counters = databases[number % 2].collection(Counter)
        return await counters.find_and_update({"name": "job", "count": 0}, {"$inc": {"count": 1}})

    claimed = await asyncio.gather(*(claim(number) for number in range(45)))
    ids = [one.id for one in claimed if one is not None]
    assert len(ids) == len(set(ids)) == 30


async def test_a_failed_transaction_takes_no_more_calls(database: MongoDatabase) -> None:
    books = database.collection(Book)
    await books.insert(book("one"))

    async def swallow() -> None:
        with pytest.raises(UniqueViolation):
            await books.insert(book("one"))
        with pytest.raises(UnsupportedQuery):
            await books.insert(book("two"))

    with pytest.raises(UnsupportedQuery, match="failed already"):
        await database.transaction(swallow)
    assert await books.count({}) == 1


async def test_an_error_out_of_a_nested_transaction_rolls_all_back(database: MongoDatabase) -> None:
    books = database.collection(Book)

    async def inner() -> None:
        await books.insert(book("inner"))
        raise RuntimeError

    async def outer() -> None:
        await books.insert(book("outer"))
        with pytest.raises(RuntimeError):
            await database.transaction(inner)

    with pytest.raises(UnsupportedQuery):
        await database.transaction(outer)
    assert await books.count({}) == 0


async def test_calls_gathered_in_a_transaction_belong_to_it(database: MongoDatabase) -> None:
    books = database.collection(Book)

    async def work() -> int:
        await asyncio.gather(*(books.insert(book(f"s{number}")) for number in range(10)))
        assert await database.collection(Book).count({}) == 10
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await database.transaction(work)
    assert await books.count({}) == 0


async def test_after_commit_outside_a_transaction_and_disconnect_waits(database: MongoDatabase) -> None:
    done = asyncio.Event()

    async def later() -> None:
        await database.collection(Counter).insert(counter("later"))
        done.set()

    database.after_commit(later)
    await asyncio.wait_for(done.wait(), 5)
    slow = asyncio.gather(*(database.collection(Counter).insert(counter(f"c{n}")) for n in range(20)))
    await asyncio.sleep(0)
    await database.disconnect()
    await database.disconnect()
    await slow
    with pytest.raises(DatabaseUnavailable):
        await database.collection(Counter).count({})
    await database.connect()
    assert await database.collection(Counter).count({}) == 21
