"""The gateways that the contract is checked on."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from tests.contracts.gateways.razorpay_gateway import opened_razorpay
from tests.contracts.gateways.stripe_gateway import opened_stripe
from tests.contracts.gateways.under_test import GatewayUnderTest

OPENED: dict[str, Callable[[], AbstractAsyncContextManager[GatewayUnderTest]]] = {
    "razorpay": opened_razorpay,
    "stripe": opened_stripe,
}
