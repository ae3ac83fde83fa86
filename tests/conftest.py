"""What every test can ask for."""

import gc
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.academies.in_process import TestAcademy, opened_test_academy
from tests.academies.templates import templates_compiled_once
from tests.servers.academy import ServedAcademy, served_academy
from tests.servers.demo import copy_of, load_demo
from tests.servers.mongodb import running_mongodb


def pytest_collection_finish() -> None:
    """Lets the garbage collector alone with what was imported, and look less often at what tests make.

    Academies are made of hundreds of thousands of objects, which it would go over again and again while one is built.
    """
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.fixture(scope="session", autouse=True)
def kept_templates() -> Iterator[None]:
    """Lets all academies of a test process share their compiled templates."""
    with templates_compiled_once():
        yield


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


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a loaded demo academy, made once for all parallel test processes. Not to be opened: copy it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    return load_demo(shared / "demo")


@pytest.fixture
def demo_academy(demo_home: Path, tmp_path: Path) -> Iterator[ServedAcademy]:
    """`academy serve` over a demo academy of the test's own."""
    with served_academy(copy_of(demo_home, tmp_path / "home"), variables={"CONVERSION_CONCURRENCY": "0"}) as served:
        yield served
