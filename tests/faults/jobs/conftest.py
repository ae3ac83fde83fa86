from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

from tests.contracts.database.places import ENGINES, Place, new_place
from tests.servers.mongodb import running_replica_set


@pytest.fixture(scope="session")
def impatient_mongodb_uri() -> Iterator[str]:
    """A server that ends the transactions of a killed process after seconds, not after its default of a minute."""
    with running_replica_set() as replica_set:
        with MongoClient[dict[str, object]](replica_set.uri) as client:
            client.admin.command({"setParameter": 1, "transactionLifetimeLimitSeconds": 1})
        yield replica_set.uri


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    uri = request.getfixturevalue("impatient_mongodb_uri") if request.param == "mongodb" else ""
    with new_place(request.param, tmp_path, uri) as place:
        yield place
