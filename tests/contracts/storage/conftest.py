from collections.abc import Iterator
from pathlib import Path

import pytest

from academy.infrastructure.storage.base import Storage
from tests.contracts.storage.places import KINDS, Place, gcs_place, local_place, memory_place, s3_place
from tests.servers.moto import Moto, running_moto
from tests.simulators.gcs import Gcs, running_gcs


@pytest.fixture(scope="session")
def moto() -> Iterator[Moto]:
    with running_moto() as moto:
        yield moto


@pytest.fixture(scope="session")
def gcs() -> Iterator[Gcs]:
    with running_gcs() as gcs:
        yield gcs


@pytest.fixture(params=KINDS)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    match request.param:
        case "memory":
            place = memory_place()
        case "local":
            place = local_place(tmp_path)
        case "s3":
            place = s3_place(request.getfixturevalue("moto"))
        case _:
            place = gcs_place(request.getfixturevalue("gcs"))
    await place.storage.initialize()
    return place


@pytest.fixture
def storage(place: Place) -> Storage:
    return place.storage
