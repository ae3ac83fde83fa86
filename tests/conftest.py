"""What every test can ask for."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.academies.in_process import TestAcademy, opened_test_academy
from tests.servers.mongodb import running_mongodb


@pytest.fixture(scope="session")
def mongodb_uri() -> Iterator[str]:
    """A MongoDB replica set: the one that `tests.servers.run` started, else one for this run."""
    with running_mongodb() as uri:
        yield uri


@pytest.fixture(params=["sqlite", "mongodb"])
async def academy(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TestAcademy]:
    """A whole academy in this process, once on each database engine."""
    uri: str = request.getfixturevalue("mongodb_uri") if request.param == "mongodb" else ""
    async with opened_test_academy(tmp_path, mongodb_uri=uri) as opened:
        yield opened


@pytest.fixture
async def embedded_academy(tmp_path: Path) -> AsyncIterator[TestAcademy]:
    """A whole academy in this process on the embedded database, for what does not depend on the engine."""
    async with opened_test_academy(tmp_path) as opened:
        yield opened
