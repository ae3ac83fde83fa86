from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from academy.infrastructure.sessions.base import SessionStore
from tests.contracts.cache.places import StandingClock, patient
from tests.contracts.database.places import new_place
from tests.contracts.sessions.places import KINDS, Place


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where the sessions of a test are. A Redis is shared by the tests: each has accounts of its own."""
    kind: str = request.param
    engine = "mongodb" if kind == "mongodb" else "sqlite"
    uri: str = request.getfixturevalue("mongodb_uri") if engine == "mongodb" else ""
    with new_place(engine, tmp_path, uri) as database:
        if kind == "redis":
            yield Place(database, patient(url=request.getfixturevalue("redis_url")))
        elif kind == "cluster":
            yield Place(database, patient(url=request.getfixturevalue("cluster_url"), cluster=True))
        else:
            yield Place(database)


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
async def store(place: Place, clock: StandingClock) -> AsyncIterator[SessionStore]:
    async with place.opened(clock) as store:
        yield store
