from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from academy.infrastructure.database.base import Collection, Database
from tests.contracts.database.documents import Book, Counter
from tests.contracts.database.places import ENGINES, Place, new_place


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path: Path, mongodb_uri: str) -> Iterator[Place]:
    """A new database on each engine."""
    with new_place(request.param, tmp_path, mongodb_uri) as made:
        yield made


@pytest.fixture
async def database(place: Place) -> AsyncIterator[Database]:
    """A connection to a new database with empty collections."""
    database = place.database()
    await database.connect()
    try:
        await database.create_indexes([Book, Counter])
        yield database
    finally:
        await database.disconnect()


@pytest.fixture
async def databases(database: Database, place: Place) -> AsyncIterator[Sequence[Database]]:
    """Two connections to the same database, as of two processes."""
    other = place.database()
    await other.connect()
    yield [database, other]
    await other.disconnect()


@pytest.fixture
def books(database: Database) -> Collection[Book]:
    return database.collection(Book)


@pytest.fixture
def counters(database: Database) -> Collection[Counter]:
    return database.collection(Counter)
