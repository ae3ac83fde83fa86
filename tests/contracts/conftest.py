"""The Redis servers that all contract suites of a test process share: each keeps out of the others' way."""

from collections.abc import Iterator

import pytest

from tests.servers.redis import running_cluster, running_redis_url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with running_redis_url() as url:
        yield url


@pytest.fixture(scope="session")
def cluster_url() -> Iterator[str]:
    with running_cluster() as cluster:
        yield cluster.url
