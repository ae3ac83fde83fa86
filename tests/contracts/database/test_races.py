"""Concurrent callers over two connections: what must happen once happens once."""

import asyncio
from collections.abc import Sequence

import pytest

from academy.infrastructure.database.base import Database
from academy.infrastructure.database.document import Document
from academy.infrastructure.database.errors import UniqueViolation
from tests.contracts.database.documents import Book, Counter, book, counter


async def test_find_or_insert_with_a_unique_index(databases: Sequence[Database]) -> None:
    async def call(number: int) -> Document | None:
        books = databases[number % 2].collection(Book)
        return await books.find_and_update({"slug": "one"}, {"$inc": {"stars": 1}}, insert=book("one", stars=1))

    answers = await asyncio.gather(*(call(number) for number in range(40)))
    stored = await databases[0].collection(Book).find({})
    assert [(one.stars, one.version) for one in stored] == [(40, 40)]
    assert sorted(one.version for one in answers if one) == list(range(1, 41))


async def test_find_or_insert_without_any_unique_index(databases: Sequence[Database]) -> None:
    async def call(number: int) -> Document | None:
        counters = databases[number % 2].collection(Counter)
        # Filters that differ and match the same document.
        query = {"name": "one"} if number % 3 else {"name": {"$in": ["one", "none"]}}
        return await counters.find_and_update(query, {"$inc": {"count": 1}}, insert=counter("one", 1))

    answers = await asyncio.gather(*(call(number) for number in range(40)))
    stored = await databases[0].collection(Counter).find({})
    assert [one.count for one in stored] == [40]
    assert sorted(one.version for one in answers if one) == list(range(1, 41))
    assert set((await databases[0].stats()).collections) == {"books", "counters"}


async def test_one_of_many_inserts_wins(databases: Sequence[Database]) -> None:
    async def insert(number: int) -> bool:
        try:
            await databases[number % 2].collection(Book).insert(book("one", stars=number))
        except UniqueViolation:
            return False
        return True

    won = await asyncio.gather(*(insert(number) for number in range(20)))
    stored = await databases[0].collection(Book).find({})
    assert [one.stars for one in stored] == [number for number, wins in enumerate(won) if wins]


async def test_increments_are_exact(databases: Sequence[Database]) -> None:
    await databases[0].collection(Counter).insert(counter("sum"))

    async def add(number: int) -> None:
        counters = databases[number % 2].collection(Counter)
        if number % 4:
            assert await counters.update_one({"name": "sum"}, {"$inc": {"count": 1}})
        else:
            assert await counters.update_many({"name": "sum"}, {"$inc": {"count": 1}}) == 1

    await asyncio.gather(*(add(number) for number in range(60)))
    stored = await databases[1].collection(Counter).find({})
    assert [(one.count, one.version) for one in stored] == [(60, 61)]


async def test_claims_are_never_doubled(databases: Sequence[Database]) -> None:
    await databases[0].collection(Counter).insert_many([counter("job") for _ in range(30)])

    async def claim(number: int) -> Counter | None:
        counters = databases[number % 2].collection(Counter)
        return await counters.find_and_update({"name": "job", "count": 0}, {"$inc": {"count": 1}})

    claimed = await asyncio.gather(*(claim(number) for number in range(45)))
    ids = [one.id for one in claimed if one is not None]
    assert len(ids) == len(set(ids)) == 30


async def test_writes_that_are_committed_together_fail_alone(database: Database) -> None:
    books = database.collection(Book)
    await books.insert(book("taken"))
    calls = [books.insert(book("taken" if number % 3 == 0 else f"s{number}")) for number in range(30)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(one, UniqueViolation) for one in outcomes] == [number % 3 == 0 for number in range(30)]
    assert await books.count({}) == 21


async def test_a_cancelled_write_disturbs_no_other(database: Database) -> None:
    books = database.collection(Book)
    tasks = [asyncio.create_task(books.insert(book(f"s{number}"))) for number in range(10)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in outcomes[1::2]] == [type(None)] * 5
    assert {f"s{number}" for number in range(1, 10, 2)} <= {one.slug for one in await books.find({})}
    await books.insert(book("next"))
    with pytest.raises(UniqueViolation):
        await books.insert(book("next"))
