"""A Razorpay that cannot answer is never taken for one that refuses."""

import socket
from collections.abc import AsyncIterator

import msgspec
import pytest

from academy.infrastructure.gateways.base import (
    GatewayUnavailable,
)
from tests.contracts.gateways.razorpay_gateway import RazorpayUnderTest, money_back, opened_razorpay
from tests.contracts.gateways.under_test import Fault as VendorFault
from tests.contracts.gateways.under_test import order
from tests.simulators.local_server import Answer, running
from tests.simulators.razorpay import Fault


@pytest.fixture
async def at() -> AsyncIterator[RazorpayUnderTest]:
    async with opened_razorpay() as under_test:
        yield under_test


class TestTroubles:
    async def test_wrong_credentials_can_be_mended(self, at: RazorpayUnderTest) -> None:
        gateway = at.another(key_secret="wrong-secret")
        assert await gateway.verify() == (
            "Razorpay: Look at RAZORPAY_KEY_ID and RAZORPAY_KEY_SECRET. 401 Authentication failed"
        )
        with pytest.raises(GatewayUnavailable) as caught:
            await gateway.open(order(at))
        assert "wrong-secret" not in f"{caught.value} {caught.value.detail}"

    @pytest.mark.parametrize(
        "description", ["The api key provided is invalid", "Access Denied", "The API {key/secret} provided is invalid."]
    )
    async def test_the_documented_errors_of_an_account_are_not_about_the_call(
        self, at: RazorpayUnderTest, description: str
    ) -> None:
        """They come with the status 400, as a refused call does."""
        body = msgspec.json.encode({"error": {"code": "BAD_REQUEST_ERROR", "description": description}})
        with (
            running(lambda _: Answer(400, body, {"Content-Type": "application/json"})) as server,
            pytest.raises(GatewayUnavailable) as caught,
        ):
            await at.another(url=server.url).standing("order_1")
        assert description in caught.value.detail

    @pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.NONE])
    async def test_no_fault_of_razorpay_is_taken_for_a_refusal(self, at: RazorpayUnderTest, fault: Fault) -> None:
        _, reference, payment = await at.paid_order()
        at.razorpay.fault = fault
        with pytest.raises(GatewayUnavailable):
            await at.gateway.open(order(at))
        with pytest.raises(GatewayUnavailable):
            await at.gateway.standing(reference)
        with pytest.raises(GatewayUnavailable):
            await at.gateway.refund(money_back(payment, 100))
        assert (await at.gateway.verify()).startswith("Razorpay: ")
        at.breaks(VendorFault.NONE)
        assert await at.gateway.verify() == ""

    @pytest.mark.parametrize(("said", "waited"), [("17", 17), ("0", 1), ("999999", 3600), ("soon", 5), ("", 5)])
    async def test_a_rate_limit_says_when_to_come_again(self, at: RazorpayUnderTest, said: str, waited: int) -> None:
        with (
            running(lambda _: Answer(429, b"", {"Retry-After": said})) as server,
            pytest.raises(GatewayUnavailable) as caught,
        ):
            await at.another(url=server.url).standing("order_1")
        assert caught.value.retry_after == waited

    async def test_nobody_listens(self, at: RazorpayUnderTest) -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            with pytest.raises(GatewayUnavailable) as caught:
                await at.another(url=f"http://127.0.0.1:{bound.getsockname()[1]}").standing("order_1")
        assert caught.value.detail.startswith("ConnectError")

    async def test_an_address_that_cannot_be_is_an_outage_too(self, at: RazorpayUnderTest) -> None:
        gateway = at.another(url="http://127.0.0.1:99999")
        assert (await gateway.verify()).startswith("Razorpay: ")

    async def test_the_gateway_can_be_closed_twice_and_used_again(self, at: RazorpayUnderTest) -> None:
        await at.gateway.close()
        await at.gateway.open(order(at))
        await at.gateway.close()
        await at.gateway.close()
        assert await at.gateway.verify() == ""
