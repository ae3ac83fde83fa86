from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.academies.buckets import gcs_variables, s3_variables
from tests.academies.in_process import TestAcademy, opened_test_academy
from tests.academies.media import make_film

LIMIT = 2 << 20


@pytest.fixture(params=["sqlite", "mongodb"])
async def academy(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TestAcademy]:
    """A whole academy with a small limit for videos, once on each database engine."""
    uri: str = request.getfixturevalue("mongodb_uri") if request.param == "mongodb" else ""
    async with opened_test_academy(tmp_path, mongodb_uri=uri, MAX_VIDEO_BYTES=str(LIMIT)) as opened:
        yield opened


@pytest.fixture
async def embedded_academy(tmp_path: Path) -> AsyncIterator[TestAcademy]:
    """The same on the embedded database, for what does not depend on the engine."""
    async with opened_test_academy(tmp_path, MAX_VIDEO_BYTES=str(LIMIT)) as opened:
        yield opened


@pytest.fixture(params=[s3_variables, gcs_variables], ids=["s3", "gcs"])
def bucket_variables(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The settings of a new bucket."""
    with request.param() as variables:
        yield variables


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4")
