"""What only Stripe has, against an account that answers as its API says."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import parse_qs

import msgspec
import pytest
import stripe as sdk

from academy.infrastructure.gateways.base import (
    BadSignature,
    GatewayRefused,
    GatewayUnavailable,
    NewsKind,
    PaymentState,
    RefundState,
)
from academy.kit.money import Money
from tests.contracts.gateways.steps import news_of, refund_of, sold
from tests.contracts.gateways.stripe_gateway import StripeUnderTest, opened_stripe
from tests.contracts.gateways.under_test import order
from tests.simulators.local_server import Answer, Trouble, running
from tests.simulators.stripe import SECRET_KEY
from tests.simulators.stripe_faults import Fault


@pytest.fixture
async def under_test() -> AsyncIterator[StripeUnderTest]:
    async with opened_stripe() as under_test:
        yield under_test


async def test_the_session_says_what_is_sold_and_to_whom(under_test: StripeUnderTest) -> None:
    placed = order(under_test)
    opened = await under_test.gateway.open(placed)
    request = under_test.stripe.last_request
    assert {name: values[0] for name, values in parse_qs(request.body.decode()).items()} == {
        "mode": "payment",
        "line_items[0][price_data][currency]": "inr",
        "line_items[0][price_data][unit_amount]": "49900",
        "line_items[0][price_data][product_data][name]": placed.description,
        "line_items[0][quantity]": "1",
        "client_reference_id": placed.transaction_id,
        "metadata[transaction_id]": placed.transaction_id,
        "payment_intent_data[metadata][transaction_id]": placed.transaction_id,
        "payment_intent_data[description]": placed.description,
        "customer_email": placed.buyer_email,
        "success_url": placed.return_url,
        "cancel_url": placed.cancel_url,
        "expires_at": str(int(placed.expires_at.timestamp())),
        "adaptive_pricing[enabled]": "false",
    }
    assert request.headers["idempotency-key"] == placed.transaction_id
    assert opened.checkout_url == f"https://checkout.stripe.com/c/pay/{opened.reference}"
    assert opened.checkout_url.startswith(under_test.gateway.capabilities.form_targets)


async def test_the_version_of_the_api_is_the_one_that_the_sdk_was_made_for(under_test: StripeUnderTest) -> None:
    await under_test.gateway.open(order(under_test))
    assert under_test.stripe.last_request.headers["stripe-version"] == sdk.api_version


async def test_the_sdk_keeps_nothing_for_the_whole_process(under_test: StripeUnderTest) -> None:
    before = (sdk.api_key, sdk.api_base, sdk.default_http_client, sdk.max_network_retries, sdk.api_version)
    await sold(under_test)
    assert (sdk.api_key, sdk.api_base, sdk.default_http_client, sdk.max_network_retries, sdk.api_version) == before
    assert sdk.api_key is None


@pytest.mark.parametrize(
    ("life", "ends_after"),
    [
        (timedelta(seconds=-1), timedelta(minutes=35)),
        (timedelta(minutes=30), timedelta(minutes=35)),
        (timedelta(hours=2), timedelta(hours=2)),
        (timedelta(hours=24), timedelta(hours=23, minutes=55)),
        (timedelta(days=30), timedelta(hours=23, minutes=55)),
    ],
)
async def test_a_checkout_ends_when_stripe_lets_it_and_a_repeat_is_the_same(
    under_test: StripeUnderTest, life: timedelta, ends_after: timedelta
) -> None:
    now = under_test.clock.now()
    placed = msgspec.structs.replace(order(under_test), ordered_at=now, expires_at=now + life)
    first = await under_test.gateway.open(placed)
    assert under_test.stripe.sessions[first.reference].expires_at == int((now + ends_after).timestamp())
    under_test.clock.move(minutes=30)
    assert await under_test.gateway.open(placed) == first
    under_test.clock.move(hours=24)
    assert (await under_test.gateway.standing(first.reference)).state is PaymentState.EXPIRED


@pytest.mark.parametrize("currency", ["ISK", "UGX", "MGA", "CLF", "IQD"])
async def test_currencies_that_stripe_counts_otherwise_are_refused_unasked(
    under_test: StripeUnderTest, currency: str
) -> None:
    with pytest.raises(GatewayRefused, match=currency):
        await under_test.gateway.open(order(under_test, amount=150_000, currency=currency))
    assert under_test.stripe.server.requests == 0


async def test_thousandths_of_a_dinar_are_refused_unasked(under_test: StripeUnderTest) -> None:
    with pytest.raises(GatewayRefused, match=r"KWD.*12\.345"):
        await under_test.gateway.open(order(under_test, amount=12_345, currency="KWD"))
    sale = await sold(under_test)
    thousandth = msgspec.structs.replace(refund_of(sale, 1), amount=Money(amount=1, currency="KWD"))
    requests = under_test.stripe.server.requests
    with pytest.raises(GatewayRefused):
        await under_test.gateway.refund(thousandth)
    assert under_test.stripe.server.requests == requests


async def test_another_order_under_the_same_transaction_is_refused(under_test: StripeUnderTest) -> None:
    placed = order(under_test)
    await under_test.gateway.open(placed)
    dearer = msgspec.structs.replace(placed, amount=Money(amount=59_900, currency="INR"))
    with pytest.raises(GatewayRefused, match="same parameters"):
        await under_test.gateway.open(dearer)
    assert under_test.checkouts == 1


async def test_ten_clicks_at_once_are_one_checkout(under_test: StripeUnderTest) -> None:
    placed = order(under_test)
    opened = await asyncio.gather(*(under_test.gateway.open(placed) for _ in range(10)))
    assert len({checkout.reference for checkout in opened}) == under_test.checkouts == 1


async def test_ten_refunds_at_once_are_one(under_test: StripeUnderTest) -> None:
    sale = await sold(under_test)
    ordered = refund_of(sale, 1_000)
    made = await asyncio.gather(*(under_test.gateway.refund(ordered) for _ in range(10)))
    assert len({refund.reference for refund in made}) == 1
    assert (await under_test.gateway.standing(sale.reference)).refunded == 1_000


async def test_a_refund_is_found_among_many(under_test: StripeUnderTest) -> None:
    sale = await sold(under_test)
    ordered = refund_of(sale, 100)
    first = await under_test.gateway.refund(ordered)
    for _ in range(220):
        under_test.stripe.refund_at_dashboard(sale.payment_reference, 1)
    under_test.clock.move(hours=25)
    assert (await under_test.gateway.refund(ordered)).reference == first.reference
    assert (await under_test.gateway.standing(sale.reference)).refunded == 100 + 220


async def test_a_refund_whose_own_answer_was_lost_is_made_once(under_test: StripeUnderTest) -> None:
    sale = await sold(under_test)
    ordered = refund_of(sale, 1_000)
    under_test.stripe.lost_answers = 2
    with pytest.raises(GatewayUnavailable):
        await under_test.gateway.refund(ordered)
    assert under_test.stripe.intents[sale.payment_reference].refunded == 1_000
    assert (await under_test.gateway.refund(ordered)).refund_id == ordered.refund_id
    assert (await under_test.gateway.standing(sale.reference)).refunded == 1_000


async def test_a_refund_carries_its_ids_and_the_reason(under_test: StripeUnderTest) -> None:
    sale = await sold(under_test)
    ordered = msgspec.structs.replace(refund_of(sale, 1_000), reason="x" * 600)
    await under_test.gateway.refund(ordered)
    (refund,) = under_test.stripe.intents[sale.payment_reference].refunds
    assert refund.metadata == {
        "refund_id": ordered.refund_id,
        "transaction_id": sale.order.transaction_id,
        "reason": "x" * 500,
    }
    assert under_test.stripe.last_request.headers["idempotency-key"] == ordered.refund_id
    silent = msgspec.structs.replace(refund_of(sale, 1_000), reason="")
    await under_test.gateway.refund(silent)
    assert "reason" not in under_test.stripe.intents[sale.payment_reference].refunds[-1].metadata


async def test_a_refund_may_take_days(under_test: StripeUnderTest) -> None:
    under_test.stripe.refunds_take_days = True
    sale = await sold(under_test)
    made = await under_test.gateway.refund(refund_of(sale, 1_000))
    assert made.state is RefundState.PENDING
    webhooks = [under_test.stripe.signed(event.body) for event in under_test.stripe.end_refund(made.reference)]
    (news,) = news_of(under_test, webhooks, NewsKind.REFUND)
    assert news.transaction_id == sale.order.transaction_id
    assert news.refund is not None
    assert news.refund.state is RefundState.DONE


async def test_a_failed_refund_says_why_and_is_not_made_again_under_its_id(under_test: StripeUnderTest) -> None:
    sale = await sold(under_test)
    ordered = refund_of(sale, 1_000)
    made = await under_test.gateway.refund(ordered)
    told = news_of(under_test, await under_test.fail_refund(made.reference), NewsKind.REFUND)
    assert [news.event_type for news in told] == ["refund.updated", "refund.failed"]
    assert {news.refund.failure for news in told if news.refund} == {"expired or canceled card"}
    again = await under_test.gateway.refund(ordered)
    assert (again.reference, again.state) == (made.reference, RefundState.FAILED)
    assert (await under_test.gateway.standing(sale.reference)).refunded == 0


async def test_a_bank_payment_is_paid_when_it_has_arrived(under_test: StripeUnderTest) -> None:
    placed = order(under_test)
    opened = await under_test.gateway.open(placed)
    begun = [under_test.stripe.signed(event.body) for event in under_test.stripe.pay_by_bank(opened.reference)]
    assert news_of(under_test, begun, NewsKind.OTHER)[-1].event_type == "checkout.session.completed"
    assert (await under_test.gateway.standing(opened.reference)).state is PaymentState.PROCESSING
    assert not await under_test.gateway.close_checkout(opened.reference)
    arrived = under_test.stripe.transfer(opened.reference, arrives=True)
    (news,) = news_of(under_test, [under_test.stripe.signed(event.body) for event in arrived], NewsKind.PAID)
    assert (news.transaction_id, news.amount) == (placed.transaction_id, placed.amount)
    assert (await under_test.gateway.standing(opened.reference)).state is PaymentState.PAID


async def test_a_bank_payment_that_fails_is_final(under_test: StripeUnderTest) -> None:
    placed = order(under_test)
    opened = await under_test.gateway.open(placed)
    under_test.stripe.pay_by_bank(opened.reference)
    failed = under_test.stripe.transfer(opened.reference, arrives=False)
    attempt, session = news_of(under_test, [under_test.stripe.signed(event.body) for event in failed], NewsKind.FAILED)
    assert (attempt.is_final, attempt.transaction_id) == (False, placed.transaction_id)
    assert (session.is_final, session.reference) == (True, opened.reference)
    assert session.failure
    standing = await under_test.gateway.standing(opened.reference)
    assert (standing.state, standing.failure) == (
        PaymentState.FAILED,
        "The payment failed: the account has no money.",
    )


async def test_an_unknown_checkout_is_not_known_to_be_closed(under_test: StripeUnderTest) -> None:
    assert not await under_test.gateway.close_checkout("cs_test_unknown")


async def test_the_buyer_brings_back_nothing_that_is_signed(under_test: StripeUnderTest) -> None:
    sale = await sold(under_test)
    assert not under_test.gateway.check_return(sale.reference, {"session_id": sale.reference})


@pytest.mark.parametrize(
    "fault", [Fault.ERROR_500, Fault.ERROR_503, Fault.ODD_ERROR, Fault.A_LIST, Fault.KEY_IN_USE, Fault.FORBIDDEN]
)
async def test_a_faulty_stripe_costs_only_the_try(under_test: StripeUnderTest, fault: Fault) -> None:
    placed = order(under_test)
    under_test.stripe.fault = fault
    with pytest.raises(GatewayUnavailable) as raised:
        await under_test.gateway.open(placed)
    assert raised.value.detail
    under_test.stripe.fault = Fault.NONE
    await under_test.gateway.open(placed)
    assert under_test.checkouts == 1


async def test_an_error_that_stripe_remembers_lasts_a_day_and_nothing_happens_twice(
    under_test: StripeUnderTest,
) -> None:
    placed = order(under_test)
    under_test.stripe.fault = Fault.ERROR_500_LATE
    with pytest.raises(GatewayUnavailable):
        await under_test.gateway.open(placed)
    under_test.stripe.fault = Fault.NONE
    with pytest.raises(GatewayUnavailable):
        await under_test.gateway.open(placed)
    assert under_test.checkouts == 0


async def test_one_lost_answer_is_asked_for_again_at_once(under_test: StripeUnderTest) -> None:
    under_test.stripe.lost_answers = 1
    opened = await under_test.gateway.open(order(under_test))
    assert under_test.stripe.server.requests == 2
    assert list(under_test.stripe.sessions) == [opened.reference]


@pytest.mark.parametrize(("told", "wait"), [("", 30), ("7", 7), ("0", 1), ("999999", 3600), ("soon", 30)])
async def test_a_rate_limit_tells_when_to_come_again(under_test: StripeUnderTest, told: str, wait: int) -> None:
    under_test.stripe.fault, under_test.stripe.retry_after = Fault.LIMITED, told
    with pytest.raises(GatewayUnavailable) as raised:
        await under_test.gateway.open(order(under_test))
    assert raised.value.retry_after == wait


@pytest.mark.parametrize("key", ["", "sk_test_ä", "sk_test_a b", "sk_test_a\r\nX: y", "sk_test_a\n"])
async def test_a_key_that_cannot_be_is_not_sent_and_not_shown(under_test: StripeUnderTest, key: str) -> None:
    gateway = under_test.another(secret_key=key)
    with pytest.raises(GatewayUnavailable) as raised:
        await gateway.open(order(under_test))
    assert "STRIPE_SECRET_KEY" in raised.value.detail
    assert "sk_test" not in f"{raised.value} {raised.value.detail}"
    assert "STRIPE_SECRET_KEY" in await gateway.verify()
    assert under_test.stripe.server.requests == 0


async def test_a_wrong_or_weak_key_says_what_to_do_and_does_not_show_the_key(
    under_test: StripeUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    under_test.stripe.secret_key = "sk_test_another"
    assert "STRIPE_SECRET_KEY" in await under_test.gateway.verify()
    under_test.stripe.secret_key, under_test.stripe.fault = SECRET_KEY, Fault.FORBIDDEN
    assert "Checkout Sessions: write" in await under_test.gateway.verify()
    assert "api.stripe.com" not in caplog.text
    assert "/v1/balance" in caplog.text
    assert SECRET_KEY not in caplog.text


async def test_a_gateway_that_was_closed_does_not_break(under_test: StripeUnderTest) -> None:
    await under_test.gateway.close()
    with pytest.raises(GatewayUnavailable):
        await under_test.gateway.standing("cs_test_1")


async def test_an_address_where_nobody_is(under_test: StripeUnderTest) -> None:
    with running(lambda _: Answer(200)) as server:
        url = server.url
    gateway = under_test.another(url=url)
    assert "cannot be reached" in await gateway.verify()
    with pytest.raises(GatewayUnavailable):
        await gateway.standing("cs_test_1")


async def test_an_answer_that_trickles_in_is_not_waited_for(under_test: StripeUnderTest) -> None:
    gateway = under_test.another(timeout_seconds=0.5)
    under_test.stripe.server.trouble = Trouble.TRICKLE
    async with asyncio.timeout(10):
        with pytest.raises(GatewayUnavailable) as raised:
            await gateway.standing("cs_test_1")
    assert "within 0.5 s" in raised.value.detail


async def test_an_email_address_that_stripe_does_not_take_is_refused(under_test: StripeUnderTest) -> None:
    placed = msgspec.structs.replace(order(under_test), buyer_email="asha@nowhere")
    with pytest.raises(GatewayRefused, match="Invalid email address"):
        await under_test.gateway.open(placed)


async def test_events_that_are_no_news_are_other(under_test: StripeUnderTest) -> None:
    event = {"id": "evt_1", "type": "customer.created", "created": 1_790_000_000, "data": {"object": {"id": "cus_1"}}}
    webhook = under_test.signed(msgspec.json.encode(event))
    news = under_test.gateway.read_news(webhook.body, webhook.headers)
    assert (news.event_id, news.event_type, news.kind) == ("evt_1", "customer.created", NewsKind.OTHER)
    assert news.occurred_at.timestamp() == 1_790_000_000


async def test_a_checkout_that_cost_nothing_is_no_payment(under_test: StripeUnderTest) -> None:
    session = {"id": "cs_1", "status": "complete", "payment_status": "no_payment_required", "amount_total": 0}
    event = {"id": "evt_1", "type": "checkout.session.completed", "created": 1_790_000_000, "data": {"object": session}}
    webhook = under_test.signed(msgspec.json.encode(event))
    assert under_test.gateway.read_news(webhook.body, webhook.headers).kind is NewsKind.OTHER


async def test_two_secrets_are_believed_while_one_is_replaced(under_test: StripeUnderTest) -> None:
    sale = await sold(under_test)
    body = sale.webhooks[-1].body
    new, old = under_test.signed(body), under_test.signed(body, secret="whsec_old")
    both = f"{old.headers['stripe-signature']},{new.headers['stripe-signature'].partition(',')[2]}"
    assert under_test.gateway.read_news(body, {"stripe-signature": both}).kind is NewsKind.PAID


async def test_a_second_time_does_not_make_an_old_signature_young(under_test: StripeUnderTest) -> None:
    sale = await sold(under_test)
    webhook = sale.webhooks[-1]
    under_test.clock.move(days=1)
    now = int(under_test.clock.now().timestamp())
    signature = webhook.headers["stripe-signature"]
    for forged in (
        f"{signature},t={now}",
        f"t={now},{signature}",
        signature.replace("t=", "t= "),
        f" t={now},{signature}",
    ):
        with pytest.raises(BadSignature):
            under_test.gateway.read_news(webhook.body, {"stripe-signature": forged})
    fresh = under_test.signed(webhook.body).headers["stripe-signature"]
    with pytest.raises(BadSignature):
        under_test.gateway.read_news(webhook.body, {"stripe-signature": f"{fresh},t={now}"})


async def test_events_are_delivered_until_they_are_taken(under_test: StripeUnderTest) -> None:
    opened = await under_test.gateway.open(order(under_test))
    kinds: list[NewsKind] = []

    def take(body: bytes, headers: dict[str, str]) -> Answer:
        kinds.append(under_test.gateway.read_news(body, headers).kind)
        return Answer(503 if len(kinds) % 3 else 200)

    events = under_test.stripe.pay(opened.reference)
    with running(lambda request: take(request.body, request.headers)) as academy:
        statuses = await under_test.stripe.deliver(academy.url, events, attempts=5)
    assert statuses == [[503, 503, 200]] * len(events)
    assert kinds[-1] is NewsKind.PAID
