from collections.abc import AsyncIterator

import pytest

from tests.contracts.gateways.gateways import OPENED
from tests.contracts.gateways.under_test import GatewayUnderTest


@pytest.fixture(params=OPENED)
async def under_test(request: pytest.FixtureRequest) -> AsyncIterator[GatewayUnderTest]:
    async with OPENED[request.param]() as under_test:
        yield under_test
