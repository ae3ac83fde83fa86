"""The money's way back."""

import msgspec
import pytest

from academy.infrastructure.gateways.base import GatewayRefused, NewsKind, RefundState
from academy.kit.money import Money
from tests.contracts.gateways.steps import news_of, refund_of, sold
from tests.contracts.gateways.under_test import GatewayUnderTest


async def test_a_refund_is_made_and_told(under_test: GatewayUnderTest) -> None:
    sale = await sold(under_test)
    ordered = refund_of(sale, 49_900)
    made = await under_test.gateway.refund(ordered)
    assert (made.refund_id, made.amount) == (ordered.refund_id, ordered.amount)
    assert made.state in {RefundState.PENDING, RefundState.DONE}
    told = news_of(under_test, await under_test.refund_webhooks(made.reference), NewsKind.REFUND)
    for news in told:
        assert news.payment_reference == sale.payment_reference
        assert news.refund is not None
        assert (news.refund.reference, news.refund.refund_id) == (made.reference, ordered.refund_id)
        assert news.refund.amount == ordered.amount
    assert told[-1].refund is not None
    assert told[-1].refund.state is RefundState.DONE
    assert (await under_test.gateway.standing(sale.reference)).refunded == 49_900


@pytest.mark.parametrize("hours", [0, 25])
async def test_the_same_refund_is_made_once(under_test: GatewayUnderTest, hours: int) -> None:
    sale = await sold(under_test)
    ordered = refund_of(sale, 10_000)
    first = await under_test.gateway.refund(ordered)
    under_test.clock.move(hours=hours)
    assert (await under_test.gateway.refund(ordered)).reference == first.reference
    assert (await under_test.gateway.standing(sale.reference)).refunded == 10_000


async def test_a_payment_goes_back_in_parts_and_not_beyond(under_test: GatewayUnderTest) -> None:
    sale = await sold(under_test, amount=30_000)
    parts = [await under_test.gateway.refund(refund_of(sale, 10_000)) for _ in range(2)]
    with pytest.raises(GatewayRefused):
        await under_test.gateway.refund(refund_of(sale, 10_001))
    parts.append(await under_test.gateway.refund(refund_of(sale, 10_000)))
    assert len({part.reference for part in parts}) == 3
    with pytest.raises(GatewayRefused):
        await under_test.gateway.refund(refund_of(sale, 10_000))
    assert (await under_test.gateway.standing(sale.reference)).refunded == 30_000


@pytest.mark.parametrize("amount", [0, -10_000])
async def test_nothing_and_less_cannot_be_sent_back(under_test: GatewayUnderTest, amount: int) -> None:
    sale = await sold(under_test)
    with pytest.raises(GatewayRefused):
        await under_test.gateway.refund(refund_of(sale, amount))
    assert (await under_test.gateway.standing(sale.reference)).refunded == 0


async def test_a_refund_of_an_unknown_payment_is_refused(under_test: GatewayUnderTest) -> None:
    sale = await sold(under_test)
    unknown = msgspec.structs.replace(refund_of(sale, 10_000), payment_reference=f"{sale.payment_reference}x")
    with pytest.raises(GatewayRefused):
        await under_test.gateway.refund(unknown)


async def test_a_refund_that_was_made_elsewhere_is_told_as_nobody_s(under_test: GatewayUnderTest) -> None:
    sale = await sold(under_test)
    amount = Money(amount=20_000, currency="INR")
    told = news_of(under_test, await under_test.refund_elsewhere(sale.payment_reference, amount), NewsKind.REFUND)
    for news in told:
        assert news.payment_reference == sale.payment_reference
        assert news.refund is not None
        assert (news.refund.refund_id, news.refund.amount) == ("", amount)
    assert (await under_test.gateway.standing(sale.reference)).refunded == 20_000


async def test_a_refund_that_fails_is_told(under_test: GatewayUnderTest) -> None:
    sale = await sold(under_test)
    made = await under_test.gateway.refund(refund_of(sale, 20_000))
    told = news_of(under_test, await under_test.fail_refund(made.reference), NewsKind.REFUND)
    assert told[-1].refund is not None
    assert (told[-1].refund.reference, told[-1].refund.state) == (made.reference, RefundState.FAILED)


async def test_a_dispute_is_told(under_test: GatewayUnderTest) -> None:
    sale = await sold(under_test)
    for news in news_of(under_test, await under_test.dispute(sale.payment_reference), NewsKind.DISPUTE):
        assert news.payment_reference == sale.payment_reference
        assert news.dispute is not None
        assert news.dispute.amount == sale.order.amount
        assert all((news.dispute.reference, news.dispute.reason, news.dispute.status))
