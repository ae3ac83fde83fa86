from collections.abc import Iterator

import pytest
from pymongo import MongoClient

from tests.servers.mongodb import running_replica_set


@pytest.fixture(scope="session")
def impatient_mongodb_uri() -> Iterator[str]:
    """A server that ends the transactions of a killed process after seconds, not after its default of a minute."""
    with running_replica_set() as replica_set:
        with MongoClient[dict[str, object]](replica_set.uri) as client:
            client.admin.command({"setParameter": 1, "transactionLifetimeLimitSeconds": 1})
        yield replica_set.uri
