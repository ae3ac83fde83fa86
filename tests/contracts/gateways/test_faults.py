"""A vendor at fault: nothing happens twice, nothing is lost, nobody waits for ever."""

import time
from collections.abc import Awaitable, Callable

import pytest

from academy.infrastructure.gateways.base import Gateway, GatewayUnavailable
from tests.contracts.gateways.steps import Sale, refund_of, sold
from tests.contracts.gateways.under_test import Fault, GatewayUnderTest, order

SECONDS = 2.0
MOST_STEPS = 3

Call = Callable[[GatewayUnderTest, Gateway, Sale], Awaitable[object]]

CALLS: dict[str, Call] = {
    "open": lambda under_test, gateway, _: gateway.open(order(under_test)),
    "standing": lambda _, gateway, sale: gateway.standing(sale.reference),
    "close_checkout": lambda _, gateway, sale: gateway.close_checkout(sale.reference),
    "refund": lambda _, gateway, sale: gateway.refund(refund_of(sale, 10_000)),
}
FAULTS = [fault for fault in Fault if fault is not Fault.NONE]


def breaks(under_test: GatewayUnderTest, fault: Fault) -> None:
    if fault not in under_test.faults:
        pytest.skip("this vendor runs in our own process")
    under_test.breaks(fault)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_every_call_ends_in_time_and_may_be_repeated(
    under_test: GatewayUnderTest, fault: Fault, call: Call
) -> None:
    sale = await sold(under_test)
    gateway = under_test.another(timeout_seconds=SECONDS)
    if call is CALLS["close_checkout"] and not gateway.capabilities.closes_checkouts:
        pytest.skip("it cannot close checkouts, so it asks nobody")
    breaks(under_test, fault)
    began = time.monotonic()
    with pytest.raises(GatewayUnavailable) as raised:
        await call(under_test, gateway, sale)
    assert time.monotonic() - began < MOST_STEPS * SECONDS + 5, "the call took longer than its steps may"
    assert raised.value.detail
    assert raised.value.retry_after
    under_test.breaks(Fault.NONE)
    await call(under_test, gateway, sale)


@pytest.mark.parametrize("fault", FAULTS)
async def test_verify_tells_what_is_wrong(under_test: GatewayUnderTest, fault: Fault) -> None:
    gateway = under_test.another(timeout_seconds=SECONDS)
    assert await gateway.verify() == ""
    breaks(under_test, fault)
    assert await gateway.verify()
    under_test.breaks(Fault.NONE)
    assert await gateway.verify() == ""


async def test_a_checkout_whose_answer_was_lost_is_there_once(under_test: GatewayUnderTest) -> None:
    placed = order(under_test)
    breaks(under_test, Fault.ANSWER_LOST)
    with pytest.raises(GatewayUnavailable):
        await under_test.gateway.open(placed)
    under_test.breaks(Fault.NONE)
    opened = await under_test.gateway.open(placed)
    assert under_test.checkouts == 1
    assert (await under_test.gateway.open(placed)).reference == opened.reference


async def test_a_refund_whose_answer_was_lost_is_made_once(under_test: GatewayUnderTest) -> None:
    sale = await sold(under_test)
    ordered = refund_of(sale, 10_000)
    breaks(under_test, Fault.ANSWER_LOST)
    with pytest.raises(GatewayUnavailable):
        await under_test.gateway.refund(ordered)
    under_test.breaks(Fault.NONE)
    await under_test.gateway.refund(ordered)
    assert (await under_test.gateway.standing(sale.reference)).refunded == 10_000


async def test_a_locked_out_academy_is_told_which_key_it_is(under_test: GatewayUnderTest) -> None:
    breaks(under_test, Fault.LOCKED_OUT)
    assert f"{under_test.gateway.name.upper()}_" in await under_test.gateway.verify()
