"""An academy that the tests of one module share: they keep out of each other's way by making courses of their own.

Opening an academy costs more than most tests; a test that needs an empty one asks for `academy` instead. Tests that use
these fixtures run in their module's event loop: `pytestmark = pytest.mark.asyncio(loop_scope="module")`.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.academies.in_process import TestAcademy, opened_test_academy


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sqlite", "mongodb"])
async def shared_academy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[TestAcademy]:
    """A whole academy in this process, once on each database engine, for all tests of a module."""
    uri: str = request.getfixturevalue("mongodb_uri") if request.param == "mongodb" else ""
    async with opened_test_academy(tmp_path_factory.mktemp("academy"), mongodb_uri=uri) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_embedded_academy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TestAcademy]:
    """The same on the embedded database alone, for what does not depend on the engine."""
    async with opened_test_academy(tmp_path_factory.mktemp("academy")) as opened:
        yield opened
