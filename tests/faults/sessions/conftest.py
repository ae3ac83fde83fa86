from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.academies.in_process import TestAcademy, opened_test_academy
from tests.servers.redis import RedisServer, running_redis


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A Redis of the test's own that writes everything down before it answers."""
    with running_redis("appendonly yes", "appendfsync always") as server:
        yield server


@pytest.fixture
async def academy(tmp_path: Path, server: RedisServer) -> AsyncIterator[TestAcademy]:
    """An academy whose sessions are in that Redis, with the limits that it has by default."""
    async with opened_test_academy(tmp_path, SESSION_STORE="redis", REDIS_URL=server.url) as opened:
        yield opened
