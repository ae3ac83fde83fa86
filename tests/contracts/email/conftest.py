from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.contracts.database.places import ENGINES, Place, new_place
from tests.contracts.email.post_office import PostOffice, opened_office
from tests.servers.mongodb import running_mongodb


@pytest.fixture(scope="session")
def mongodb_uri() -> Iterator[str]:
    with running_mongodb() as uri:
        yield uri


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    uri = request.getfixturevalue("mongodb_uri") if request.param == "mongodb" else ""
    with new_place(request.param, tmp_path, uri) as place:
        yield place


@pytest.fixture
async def office(place: Place) -> AsyncIterator[PostOffice]:
    async with opened_office(place) as office:
        yield office


@pytest.fixture
async def slow_office(place: Place) -> AsyncIterator[PostOffice]:
    """One mail in ten seconds."""
    async with opened_office(place, rate=0.1) as office:
        yield office
