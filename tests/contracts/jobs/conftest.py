from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.contracts.database.places import ENGINES, Place, new_place
from tests.contracts.jobs.workshop import OpenWorkshop, StandingClock, Workshop, opened_workshop
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
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
async def open_workshop(place: Place, clock: StandingClock) -> AsyncIterator[OpenWorkshop]:
    """Opens workshops over the same database, each with a connection of its own, as in another process."""
    async with AsyncExitStack() as opened:

        async def open_one(other_clock: StandingClock | None = None) -> Workshop:
            return await opened.enter_async_context(opened_workshop(place, other_clock or clock))

        yield open_one


@pytest.fixture
async def workshop(open_workshop: OpenWorkshop) -> Workshop:
    return await open_workshop()
