"""Two processes write into one database."""

import asyncio

from academy.infrastructure.database.base import Database
from tests.contracts.database.documents import Book, Counter, counter
from tests.contracts.database.places import Place
from tests.contracts.database.processes import writers


async def test_increments_of_two_processes_are_exact(database: Database, place: Place) -> None:
    await database.collection(Counter).insert(counter("sum"))
    async with writers(place, "increment", 60) as started:
        told = await asyncio.gather(*(writer.finish() for writer in started))
    assert [len(lines) for lines in told] == [60, 60]
    stored = await database.collection(Counter).find({})
    assert [(one.count, one.version) for one in stored] == [(120, 121)]


async def test_of_two_processes_one_wins_each_race(database: Database, place: Place) -> None:
    async with writers(place, "race", 60) as started:
        told = await asyncio.gather(*(writer.finish() for writer in started))
    won = {slug: f"p{number}" for number, lines in enumerate(told) for slug in lines}
    assert len(told[0]) + len(told[1]) == len(won) == 60
    assert {one.slug: one.title for one in await database.collection(Book).find({})} == won


async def test_two_processes_never_claim_the_same(database: Database, place: Place) -> None:
    await database.collection(Counter).insert_many([counter(f"job{number}") for number in range(120)])
    async with writers(place, "claim", 4) as started:
        told = await asyncio.gather(*(writer.finish() for writer in started))
    claimed = [job for lines in told for job in lines]
    assert len(claimed) == len(set(claimed)) == 120
    assert await database.collection(Counter).count({"count": 1}) == 120
