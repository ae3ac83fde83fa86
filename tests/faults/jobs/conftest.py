from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.database.places import ENGINES, Place, new_place


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    uri = request.getfixturevalue("impatient_mongodb_uri") if request.param == "mongodb" else ""
    with new_place(request.param, tmp_path, uri) as place:
        yield place
