from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.academies.in_process import TestAcademy, opened_test_academy
from tests.servers.redis import running_redis_url

# The faults have the real limit; here a busy test machine must not be taken for a dead Redis.
PATIENT = "5"


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with running_redis_url() as url:
        yield url


@pytest.fixture(params=["sqlite", "mongodb", "sessions-in-redis"])
async def academy(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TestAcademy]:
    """A whole academy in this process: on each database engine, and with its sessions in Redis."""
    uri: str = request.getfixturevalue("mongodb_uri") if request.param == "mongodb" else ""
    variables: dict[str, str] = {}
    if request.param == "sessions-in-redis":
        url: str = request.getfixturevalue("redis_url")
        variables = {"SESSION_STORE": "redis", "REDIS_URL": url, "REDIS_TIMEOUT_SECONDS": PATIENT}
    async with opened_test_academy(tmp_path, mongodb_uri=uri, **variables) as opened:
        yield opened
