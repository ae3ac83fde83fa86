from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.contracts.database.places import ENGINES, Place, new_place
from tests.contracts.email.post_office import PostOffice
from tests.contracts.jobs.workshop import StandingClock, opened_workshop
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
    clock = StandingClock()
    async with opened_workshop(place, clock) as workshop:
        office = PostOffice(workshop, clock)
        await office.open()
        yield office
