from collections.abc import Iterator

import pytest

from tests.servers.redis import RedisServer, running_redis


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A Redis server of the test's own."""
    with running_redis() as server:
        yield server


@pytest.fixture(params=["redis", "two-level"])
def kind(request: pytest.FixtureRequest) -> str:
    """The caches that stand on one Redis server."""
    kind: str = request.param
    return kind
