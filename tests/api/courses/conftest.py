"""A teacher in the shared academy."""

import pytest_asyncio

from tests.academies.in_process import TestAcademy
from tests.api.courses.makers import Makers, opened_makers


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def makers(shared_academy: TestAcademy) -> Makers:
    """A teacher of the shared academy."""
    return await opened_makers(shared_academy)
