"""From the order to the money."""

import asyncio

import pytest

from academy.infrastructure.gateways.base import GatewayRefused, NewsKind, Payment, PaymentState
from academy.infrastructure.gateways.settings import GATEWAYS
from academy.kit.money import Money
from tests.contracts.gateways.steps import news_of, sold
from tests.contracts.gateways.under_test import GatewayUnderTest, NotPayableError, order


async def test_an_opened_checkout_can_be_paid_and_is_not_yet(under_test: GatewayUnderTest) -> None:
    opened = await under_test.gateway.open(order(under_test))
    assert bool(opened.checkout_url) is not bool(opened.payload)
    assert await under_test.gateway.standing(opened.reference) == Payment(
        reference=opened.reference, state=PaymentState.OPEN
    )


async def test_a_payment_is_told_and_stands(under_test: GatewayUnderTest) -> None:
    sale = await sold(under_test)
    told = news_of(under_test, sale.webhooks, NewsKind.PAID)
    # Not every event has what we noted at the vendor; the checkout is named by all.
    assert {news.transaction_id for news in told} - {""} == {sale.order.transaction_id}
    for news in told:
        assert news.reference == sale.reference
        assert news.amount == sale.order.amount
        assert news.payment_reference == sale.payment_reference != ""
        assert abs((news.occurred_at - under_test.clock.now()).total_seconds()) <= 1
    assert await under_test.gateway.standing(sale.reference) == Payment(
        reference=sale.reference,
        state=PaymentState.PAID,
        payment_reference=sale.payment_reference,
        amount=sale.order.amount,
    )


async def test_every_event_of_a_payment_has_an_id_of_its_own_that_stays(under_test: GatewayUnderTest) -> None:
    sale = await sold(under_test)
    told = [under_test.gateway.read_news(webhook.body, webhook.headers) for webhook in sale.webhooks]
    assert len({news.event_id for news in told}) == len(told)
    again = [under_test.gateway.read_news(webhook.body, webhook.headers) for webhook in reversed(sale.webhooks)]
    assert again == told[::-1]


async def test_another_amount_than_ordered_is_told_as_it_is(under_test: GatewayUnderTest) -> None:
    opened = await under_test.gateway.open(order(under_test, amount=49_900))
    less = Money(amount=100, currency="INR")
    paid = news_of(under_test, await under_test.pay(opened.reference, less), NewsKind.PAID)
    assert {news.amount for news in paid} == {less}
    assert (await under_test.gateway.standing(opened.reference)).amount == less


async def test_opening_again_is_the_same_checkout(under_test: GatewayUnderTest) -> None:
    placed = order(under_test)
    first = await under_test.gateway.open(placed)
    under_test.clock.move(minutes=40)
    assert await under_test.gateway.open(placed) == first
    assert under_test.checkouts == 1


async def test_fifty_buyers_at_once_get_checkouts_of_their_own(under_test: GatewayUnderTest) -> None:
    orders = [order(under_test, amount=10_000 + number) for number in range(50)]
    opened = await asyncio.gather(*(under_test.gateway.open(placed) for placed in orders))
    assert len({checkout.reference for checkout in opened}) == under_test.checkouts == 50
    paid = news_of(under_test, await under_test.pay(opened[31].reference), NewsKind.PAID)[-1]
    assert (paid.transaction_id, paid.amount) == (orders[31].transaction_id, orders[31].amount)


@pytest.mark.parametrize(
    "amount",
    [
        Money(amount=100, currency="INR"),
        Money(amount=4_999, currency="USD"),
        Money(amount=5_000, currency="JPY"),
        Money(amount=12_340, currency="KWD"),
        # Vendors count these in other units than ISO 4217 does, if they know them.
        Money(amount=12_345, currency="KWD"),
        Money(amount=150_000, currency="ISK"),
        Money(amount=150_000, currency="UGX"),
        Money(amount=150_000, currency="MGA"),
        Money(amount=150_000, currency="CLF"),
    ],
    ids=lambda amount: f"{amount.currency}-{amount.amount}",
)
async def test_an_amount_arrives_as_it_is_or_is_refused_before_anybody_pays(
    under_test: GatewayUnderTest, amount: Money
) -> None:
    placed = order(under_test, amount=amount.amount, currency=amount.currency)
    refusal = ""
    try:
        opened = await under_test.gateway.open(placed)
    except GatewayRefused as refused:
        refusal = refused.message
    if refusal:
        assert amount.currency in refusal
        assert under_test.checkouts == 0
        assert amount.currency != "INR"
        return
    assert amount.currency != "CLF"
    paid = news_of(under_test, await under_test.pay(opened.reference), NewsKind.PAID)
    assert {news.amount for news in paid} == {amount}
    assert (await under_test.gateway.standing(opened.reference)).amount == amount


async def test_an_amount_that_is_too_small_is_refused(under_test: GatewayUnderTest) -> None:
    with pytest.raises(GatewayRefused):
        await under_test.gateway.open(order(under_test, amount=1))
    assert under_test.checkouts == 0


async def test_a_declined_buyer_may_try_again(under_test: GatewayUnderTest) -> None:
    placed = order(under_test)
    opened = await under_test.gateway.open(placed)
    for news in news_of(under_test, await under_test.decline(opened.reference), NewsKind.FAILED):
        assert opened.reference == news.reference or placed.transaction_id == news.transaction_id
        assert news.failure
        assert not news.is_final
    assert (await under_test.gateway.standing(opened.reference)).state is PaymentState.OPEN
    news_of(under_test, await under_test.pay(opened.reference), NewsKind.PAID)
    assert (await under_test.gateway.standing(opened.reference)).state is PaymentState.PAID


async def test_a_checkout_whose_time_is_over(under_test: GatewayUnderTest) -> None:
    opened = await under_test.gateway.open(order(under_test))
    webhooks = await under_test.expire(opened.reference)
    standing = await under_test.gateway.standing(opened.reference)
    if not under_test.gateway.capabilities.closes_checkouts:
        assert (list(webhooks), standing.state) == ([], PaymentState.OPEN)
        return
    for news in news_of(under_test, webhooks, NewsKind.EXPIRED):
        assert news.reference == opened.reference
        assert news.is_final
    assert standing.state is PaymentState.EXPIRED
    assert await under_test.gateway.close_checkout(opened.reference)
    with pytest.raises(NotPayableError):
        await under_test.pay(opened.reference)


async def test_a_closed_checkout_cannot_be_paid(under_test: GatewayUnderTest) -> None:
    opened = await under_test.gateway.open(order(under_test))
    closed = await under_test.gateway.close_checkout(opened.reference)
    assert closed is under_test.gateway.capabilities.closes_checkouts
    if not closed:
        news_of(under_test, await under_test.pay(opened.reference), NewsKind.PAID)
        return
    assert await under_test.gateway.close_checkout(opened.reference), "closing is safe to repeat"
    with pytest.raises(NotPayableError):
        await under_test.pay(opened.reference)
    assert (await under_test.gateway.standing(opened.reference)).state is PaymentState.EXPIRED


async def test_a_paid_checkout_is_not_closed(under_test: GatewayUnderTest) -> None:
    sale = await sold(under_test)
    assert not await under_test.gateway.close_checkout(sale.reference)
    assert (await under_test.gateway.standing(sale.reference)).state is PaymentState.PAID


@pytest.mark.parametrize("reference", ["unknown", "cs_test_unknown", "order_unknown", "a/../b", "?x=1", "नमस्ते"])
async def test_an_unknown_reference_is_refused(under_test: GatewayUnderTest, reference: str) -> None:
    with pytest.raises(GatewayRefused):
        await under_test.gateway.standing(reference)


async def test_the_gateway_tells_who_it_is(under_test: GatewayUnderTest) -> None:
    assert under_test.gateway.name in GATEWAYS
    capabilities = under_test.gateway.capabilities
    assert capabilities.label
    assert capabilities.described
    origins = (
        *capabilities.form_targets,
        *capabilities.script_sources,
        *capabilities.frame_sources,
        *capabilities.connect_sources,
        *capabilities.image_sources,
    )
    assert all(origin.startswith("https://") and not origin.endswith("/") for origin in origins)


async def test_closing_the_gateway_twice_is_no_harm(under_test: GatewayUnderTest) -> None:
    await under_test.gateway.open(order(under_test))
    await under_test.gateway.close()
    await under_test.gateway.close()
    assert under_test.checkouts == 1
