"""A process that writes into a test's database: `python -m tests.contracts.database.writer PLACE TASK NAME COUNT`.

Prints a line after each write that was acknowledged, so that whoever reads knows what must be there even when this
process is killed in the middle of the next.
"""

import asyncio
import resource
import signal
import sys

from academy.infrastructure.database.base import Database
from academy.infrastructure.database.errors import DatabaseUnavailable, UniqueViolation
from tests.contracts.database.documents import Book, Counter, book, counter
from tests.contracts.database.places import Place


async def main(place: Place, task: str, name: str, count: int) -> None:
    """Runs a task `count` times after a line came on standard input."""
    database = place.database()
    await database.connect()
    tell("ready")
    await asyncio.to_thread(sys.stdin.readline)
    await TASKS[task](database, name, count)
    await database.disconnect()


async def increment(database: Database, name: str, count: int) -> None:
    """Adds 1 to a counter, by an operator and by reading and writing in turn."""
    counters = database.collection(Counter)

    async def work() -> None:
        found = await counters.find_one({"name": "sum"})
        assert found is not None
        await counters.update_one({"id": found.id}, {"$set": {"count": found.count + 1}})

    for number in range(count):
        if number % 2:
            await database.transaction(work)
        else:
            await counters.update_one({"name": "sum"}, {"$inc": {"count": 1}})
        tell(f"{name} {number}")


async def race(database: Database, name: str, count: int) -> None:
    """Inserts documents whose slugs other processes insert, too; tells those that it got."""
    for number in range(count):
        try:
            await database.collection(Book).insert(book(f"s{number}", title=name))
        except UniqueViolation as error:
            if error.index != "slug":
                raise
        else:
            tell(f"s{number}")


async def claim(database: Database, name: str, count: int) -> None:
    """Takes documents that other processes take, too, as workers take jobs, several at once; tells those it got."""
    counters = database.collection(Counter)

    async def take() -> bool:
        taken = await counters.find_and_update({"count": 0}, {"$inc": {"count": 1}}, sort=("created_at",))
        if taken is not None:
            tell(taken.id)
        return taken is not None

    while any(await asyncio.gather(*(take() for _ in range(count)))):
        pass


async def write(database: Database, name: str, count: int) -> None:
    """Writes units of two documents in two collections, until it is killed."""
    counters, books = database.collection(Counter), database.collection(Book)

    async def unit(slug: str) -> None:
        await books.insert(book(slug, title=f"word {slug}", tags=[slug]))
        await counters.find_and_update({"name": name}, {"$inc": {"count": 1}}, insert=counter(name, 1))

    async def units(lane: int) -> None:
        for number in range(count):
            slug = f"{name}-{lane}-{number}"
            await database.transaction(lambda slug=slug: unit(slug))  # type: ignore[misc]  # mypy cannot infer it
            tell(slug)
            await books.insert(book(f"{slug}-alone"))
            tell(f"{slug}-alone")

    await asyncio.gather(*(units(lane) for lane in range(3)))


async def fill(database: Database, name: str, count: int) -> None:
    """Writes into files that may not grow, until the engine has no room; then into files that may again."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, resource.RLIM_INFINITY))
    books, counters = database.collection(Book), database.collection(Counter)

    async def unit(slug: str) -> None:
        await books.insert_many([book(f"{slug}-{part}", title="x" * 20_000) for part in range(2)])
        await counters.find_and_update({"name": name}, {"$inc": {"count": 1}}, insert=counter(name, 1))

    number = 0
    for rooms in range(4):
        try:
            while True:
                number += 1
                slug = f"{name}{number}"
                if rooms % 2:
                    await database.transaction(lambda slug=slug: unit(slug))  # type: ignore[misc]  # as above
                    tell(f"{slug}-0")
                    tell(f"{slug}-1")
                else:
                    await books.insert(book(slug, title="x" * 20_000))
                    tell(slug)
        except DatabaseUnavailable:
            tell(f"full {(await database.health_check()).healthy}")
            resource.setrlimit(resource.RLIMIT_FSIZE, (count * (rooms + 2), resource.RLIM_INFINITY))


TASKS = {"increment": increment, "race": race, "claim": claim, "write": write, "fill": fill}


def tell(line: str) -> None:
    """Writes a line at once: a killed process must not take what it knows with it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Place.of_argument(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
