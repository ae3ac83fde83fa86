from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from pymongo import AsyncMongoClient

from academy.infrastructure.database.mongodb import MongoDatabase
from academy.infrastructure.database.settings import DatabaseSettings
from tests.contracts.database.documents import Book, Counter

Raw = AsyncMongoClient[dict[str, object]]


@pytest.fixture
def settings(mongodb_uri: str) -> DatabaseSettings:
    return DatabaseSettings(mongodb_uri=mongodb_uri, mongodb_database=f"test_{uuid4().hex}")


@pytest.fixture
async def raw(settings: DatabaseSettings) -> AsyncIterator[Raw]:
    """The bare driver beside the engine, to see and spoil what it stores."""
    client: Raw = AsyncMongoClient(settings.mongodb_uri)
    async with client:
        yield client
        await client.drop_database(settings.mongodb_database)


@pytest.fixture
async def database(settings: DatabaseSettings, raw: Raw) -> AsyncIterator[MongoDatabase]:
    database = MongoDatabase(settings)
    await database.connect()
    try:
        await database.create_indexes([Book, Counter])
        yield database
    finally:
        await database.disconnect()
