"""What only Razorpay's gateway does, against a server that answers as Razorpay's API says."""

import asyncio
import re
from collections.abc import AsyncIterator

import msgspec
import pytest

from academy.infrastructure.gateways.base import (
    GatewayRefused,
    GatewayUnavailable,
    NewsKind,
    PaymentState,
    RefundState,
)
from academy.kit.money import Money
from tests.contracts.gateways.razorpay_gateway import RazorpayUnderTest, money_back, opened_razorpay
from tests.contracts.gateways.under_test import Fault as VendorFault
from tests.contracts.gateways.under_test import order
from tests.simulators.local_server import Answer, Request, running
from tests.simulators.razorpay import KEY_ID, Fault


@pytest.fixture
async def at() -> AsyncIterator[RazorpayUnderTest]:
    async with opened_razorpay() as under_test:
        yield under_test


async def test_what_checkout_js_needs_are_origins(at: RazorpayUnderTest) -> None:
    can = at.gateway.capabilities
    assert (can.label, at.gateway.name) == ("Razorpay", "razorpay")
    needed = [can.form_targets, can.script_sources, can.frame_sources, can.connect_sources, can.image_sources]
    for origins in needed:
        assert origins
        assert all(re.fullmatch(r"https://[a-z-]+\.razorpay\.com", origin) for origin in origins)


class TestOpening:
    async def test_the_page_gets_what_checkout_js_needs_and_no_secret(self, at: RazorpayUnderTest) -> None:
        ordered = order(at, description="“Statistics” from scratch")
        opened = await at.gateway.open(ordered)
        assert opened.checkout_url == ""
        assert opened.payload == {
            "key": KEY_ID,
            "order_id": opened.reference,
            "amount": "49900",
            "currency": "INR",
            "description": "Statistics” from scratch",
            "prefill.name": "Asha Rao",
            "prefill.email": "asha@example.com",
            "timeout": "3600",
        }

    @pytest.mark.parametrize(("description", "shown"), [("हिसाब", "हिसाब"), ("– –", ""), ("", "")])
    async def test_a_description_begins_with_a_letter_of_any_script(
        self, at: RazorpayUnderTest, description: str, shown: str
    ) -> None:
        opened = await at.gateway.open(order(at, description=description))
        assert opened.payload["description"] == shown

    async def test_razorpay_keeps_the_transaction_as_receipt_and_note(self, at: RazorpayUnderTest) -> None:
        ordered = order(at)
        kept = at.razorpay.orders[(await at.gateway.open(ordered)).reference]
        assert (kept.receipt, kept.notes) == (ordered.transaction_id, {"transaction_id": ordered.transaction_id})

    async def test_a_lost_answer_is_made_good_by_the_next_call(self, at: RazorpayUnderTest) -> None:
        ordered = order(at)
        at.razorpay.fault = Fault.ANSWER_LOST
        with pytest.raises(GatewayUnavailable):
            await at.gateway.open(ordered)
        assert at.checkouts == 1
        at.breaks(VendorFault.NONE)
        assert [(await at.gateway.open(ordered)).reference] == list(at.razorpay.orders)

    async def test_a_receipt_that_only_contains_ours_is_another_order(self, at: RazorpayUnderTest) -> None:
        longer = order(at, transaction_id="tx-12")
        shorter = order(at, transaction_id="tx-1")
        assert (await at.gateway.open(longer)).reference != (await at.gateway.open(shorter)).reference

    async def test_the_oldest_of_two_orders_with_one_receipt_is_taken(self, at: RazorpayUnderTest) -> None:
        ordered = order(at)
        first = (await at.gateway.open(ordered)).reference
        made = at.razorpay.orders[first]
        at.razorpay.orders["order_later"] = msgspec.structs.replace(
            made, id="order_later", created_at=made.created_at + 1
        )
        assert (await at.gateway.open(ordered)).reference == first
        at.razorpay.orders["order_later"].created_at = made.created_at - 1
        assert (await at.gateway.open(ordered)).reference == "order_later"

    async def test_where_receipts_are_unique_calls_at_the_same_time_find_one_order(self, at: RazorpayUnderTest) -> None:
        at.razorpay.receipts_are_unique = True
        ordered = order(at)
        opened = await asyncio.gather(*(at.another().open(ordered) for _ in range(10)))
        assert {checkout.reference for checkout in opened} == set(at.razorpay.orders)
        assert at.checkouts == 1

    async def test_a_receipt_that_is_taken_by_an_order_that_is_not_there_yet(self, at: RazorpayUnderTest) -> None:
        def answer(request: Request) -> Answer:
            mistake = {"code": "BAD_REQUEST_ERROR", "description": "Order receipt should be unique."}
            return (
                Answer(200, b'{"entity": "collection", "count": 0, "items": []}')
                if request.method == "GET"
                else Answer(400, msgspec.json.encode({"error": mistake}))
            )

        with running(answer) as server, pytest.raises(GatewayUnavailable) as caught:
            await at.another(url=server.url).open(order(at))
        assert caught.value.detail == "Order receipt should be unique."

    async def test_the_order_of_a_transaction_with_another_amount_is_refused(self, at: RazorpayUnderTest) -> None:
        ordered = order(at)
        await at.gateway.open(ordered)
        dearer = msgspec.structs.replace(ordered, amount=Money(amount=50_000, currency="INR"))
        with pytest.raises(GatewayRefused, match="another amount"):
            await at.gateway.open(dearer)

    async def test_the_last_of_three_decimals_has_to_be_zero(self, at: RazorpayUnderTest) -> None:
        opened = await at.gateway.open(order(at, amount=99_990, currency="KWD"))
        assert at.razorpay.orders[opened.reference].amount == 99_990
        with pytest.raises(GatewayRefused, match="has to end with 0"):
            await at.gateway.open(order(at, amount=99_991, currency="KWD"))
        assert at.checkouts == 1

    @pytest.mark.parametrize(
        ("amount", "currency", "why"),
        [
            (99, "INR", "at least INR 1.00"),
            (0, "JPY", "at least JPY 1"),
            (100, "XTS", "not supported"),
            (150_000, "CLF", "does not know the currency CLF"),
        ],
    )
    async def test_what_razorpay_will_never_take_is_refused_in_its_words(
        self, at: RazorpayUnderTest, amount: int, currency: str, why: str
    ) -> None:
        with pytest.raises(GatewayRefused, match=why):
            await at.gateway.open(order(at, amount=amount, currency=currency))

    async def test_a_transaction_id_that_is_no_receipt_is_refused(self, at: RazorpayUnderTest) -> None:
        with pytest.raises(GatewayRefused, match="40 characters"):
            await at.gateway.open(order(at, transaction_id="x" * 41))


class TestStanding:
    async def test_an_order_says_itself_that_its_payments_are_captured(self, at: RazorpayUnderTest) -> None:
        assert not at.razorpay.captures_automatically
        _, reference, payment = await at.paid_order()
        assert at.razorpay.payments[payment].status == "captured"
        assert (await at.gateway.standing(reference)).state is PaymentState.PAID

    async def test_a_payment_that_waits_for_being_captured_is_captured(self, at: RazorpayUnderTest) -> None:
        reference = (await at.gateway.open(order(at))).reference
        payment = at.razorpay.authorize(reference)
        standing = await at.gateway.standing(reference)
        assert (standing.state, standing.payment_reference) == (PaymentState.PAID, payment.id)
        assert standing.amount == Money(amount=49_900, currency="INR")
        names = [event.name for event in at.razorpay.events]
        assert names == ["payment.authorized", "payment.captured", "order.paid"]

    async def test_ten_who_ask_at_the_same_time_capture_once(self, at: RazorpayUnderTest) -> None:
        reference = (await at.gateway.open(order(at))).reference
        at.razorpay.authorize(reference)
        standings = await asyncio.gather(*(at.another().standing(reference) for _ in range(10)))
        assert {standing.state for standing in standings} == {PaymentState.PAID}
        assert [event.name for event in at.razorpay.events].count("payment.captured") == 1

    async def test_a_payment_that_failed_and_is_confirmed_days_later_is_captured(self, at: RazorpayUnderTest) -> None:
        reference = (await at.gateway.open(order(at))).reference
        payment = at.razorpay.decline(reference)
        open_yet = await at.gateway.standing(reference)
        assert (open_yet.state, open_yet.failure) == (
            PaymentState.OPEN,
            "Your payment was declined by your bank.",
        )
        at.clock.move(days=2)
        at.razorpay.confirm_late(payment.id)
        standing = await at.gateway.standing(reference)
        assert (standing.state, standing.payment_reference, standing.failure) == (PaymentState.PAID, payment.id, "")

    async def test_a_paid_order_takes_no_second_payment_that_is_confirmed_late(self, at: RazorpayUnderTest) -> None:
        reference = (await at.gateway.open(order(at))).reference
        late = at.razorpay.decline(reference)
        paid = at.razorpay.pay(reference)["razorpay_payment_id"]
        at.razorpay.confirm_late(late.id)
        asked_before = at.razorpay.server.requests
        standing = await at.gateway.standing(reference)
        assert (standing.state, standing.payment_reference) == (PaymentState.PAID, paid)
        assert (late.status, at.razorpay.server.requests - asked_before) == ("authorized", 1)

    async def test_another_amount_than_the_orders_is_not_captured(self, at: RazorpayUnderTest) -> None:
        reference = (await at.gateway.open(order(at))).reference
        payment = at.razorpay.authorize(reference, 49_800)
        standing = await at.gateway.standing(reference)
        assert (standing.state, standing.amount) == (PaymentState.OPEN, None)
        assert standing.failure == "Capture amount must be equal to the amount authorized"
        assert at.razorpay.payments[payment.id].status == "authorized"

    async def test_money_that_razorpay_gave_back_uncaptured_never_came_in(self, at: RazorpayUnderTest) -> None:
        reference = (await at.gateway.open(order(at))).reference
        payment = at.razorpay.authorize(reference)
        refund = at.razorpay.return_uncaptured(payment.id)
        assert at.razorpay.payments[payment.id].status == "refunded"
        assert (await at.gateway.standing(reference)).state is PaymentState.OPEN
        for webhook in at.razorpay.webhooks_about(refund.id):
            news = at.gateway.read_news(webhook.body, webhook.headers)
            assert (news.kind, news.refund) == (NewsKind.OTHER, None)
            assert (news.reference, news.payment_reference) == (reference, payment.id)

    async def test_the_last_failure_is_told_and_forgotten_when_the_next_try_succeeds(
        self, at: RazorpayUnderTest
    ) -> None:
        reference = (await at.gateway.open(order(at))).reference
        at.razorpay.decline(reference)
        at.clock.move(minutes=1)
        second = at.razorpay.decline(reference)
        second.error_description = "The second bank said no."
        assert (await at.gateway.standing(reference)).failure == "The second bank said no."
        at.razorpay.pay(reference)
        assert (await at.gateway.standing(reference)).failure == ""

    @pytest.mark.parametrize("reference", ["order_unknown", "../payments", "?count=1", "", "order_é"])
    async def test_no_reference_leads_astray(self, at: RazorpayUnderTest, reference: str) -> None:
        with pytest.raises(GatewayRefused):
            await at.gateway.standing(reference)

    async def test_an_order_cannot_be_closed(self, at: RazorpayUnderTest) -> None:
        reference = (await at.gateway.open(order(at))).reference
        assert not await at.gateway.close_checkout(reference)
        assert not at.gateway.capabilities.closes_checkouts
        assert at.razorpay.pay(reference)["razorpay_order_id"] == reference


class TestRefunds:
    async def test_a_refund_is_made_once_even_when_the_key_is_forgotten(self, at: RazorpayUnderTest) -> None:
        _, _, payment = await at.paid_order()
        asked = money_back(payment, 10_000)
        first = await at.gateway.refund(asked)
        at.razorpay.forget_keys()
        assert await at.gateway.refund(asked) == first
        assert list(at.razorpay.refunds) == [first.reference]

    async def test_a_refund_whose_answer_was_lost_is_found(self, at: RazorpayUnderTest) -> None:
        _, _, payment = await at.paid_order()
        asked = money_back(payment, 10_000)
        at.razorpay.fault = Fault.ANSWER_LOST
        with pytest.raises(GatewayUnavailable):
            await at.gateway.refund(asked)
        assert at.razorpay.payments[payment].amount_refunded == 10_000
        at.breaks(VendorFault.NONE)
        assert [(await at.gateway.refund(asked)).reference] == list(at.razorpay.refunds)

    async def test_a_capture_whose_answer_was_lost_has_happened(self, at: RazorpayUnderTest) -> None:
        reference = (await at.gateway.open(order(at))).reference
        at.razorpay.authorize(reference)
        at.razorpay.fault = Fault.ANSWER_LOST
        with pytest.raises(GatewayUnavailable):
            await at.gateway.standing(reference)
        at.breaks(VendorFault.NONE)
        assert (await at.gateway.standing(reference)).state is PaymentState.PAID

    async def test_ten_calls_at_the_same_time_make_one_refund(self, at: RazorpayUnderTest) -> None:
        _, _, payment = await at.paid_order()
        asked = money_back(payment, 10_000)
        refunds = await asyncio.gather(*(at.another().refund(asked) for _ in range(10)))
        assert {refund.reference for refund in refunds} == set(at.razorpay.refunds)
        assert at.razorpay.payments[payment].amount_refunded == 10_000

    async def test_a_refund_is_found_behind_many_others(self, at: RazorpayUnderTest) -> None:
        _, _, payment = await at.paid_order()
        asked = money_back(payment, 100)
        first = await at.gateway.refund(asked)
        for _ in range(30):
            at.razorpay.refund_at_dashboard(payment, 100)
        at.razorpay.forget_keys()
        assert (await at.gateway.refund(asked)).reference == first.reference

    async def test_a_failed_refund_says_so_and_is_not_made_again(self, at: RazorpayUnderTest) -> None:
        _, reference, payment = await at.paid_order()
        asked = money_back(payment, 49_900)
        pending = await at.gateway.refund(asked)
        assert (pending.state, pending.refund_id, pending.failure) == (RefundState.PENDING, asked.refund_id, "")
        at.razorpay.fail_refund(pending.reference)
        failed = await at.gateway.refund(asked)
        assert (failed.state, failed.reference) == (RefundState.FAILED, pending.reference)
        assert failed.failure == "Razorpay could not send the money back."
        assert (await at.gateway.standing(reference)).refunded == 0

    async def test_the_reason_is_kept_as_long_as_a_note_may_be(self, at: RazorpayUnderTest) -> None:
        _, _, payment = await at.paid_order()
        asked = money_back(payment, 10_000, reason="r" * 300)
        refund = at.razorpay.refunds[(await at.gateway.refund(asked)).reference]
        assert refund.notes == {"transaction_id": asked.transaction_id, "reason": "r" * 256}

    async def test_a_refund_id_stays_with_what_it_was_first_used_for(self, at: RazorpayUnderTest) -> None:
        """The key of a refund of one payment, used for another payment."""
        _, _, payment = await at.paid_order()
        _, _, another = await at.paid_order()
        asked = money_back(payment, 10_000)
        await at.gateway.refund(asked)
        with pytest.raises(GatewayRefused, match="same idempotency key"):
            await at.gateway.refund(msgspec.structs.replace(asked, payment_reference=another))

    async def test_a_refund_that_is_being_made_at_this_moment_is_asked_for_again_later(
        self, at: RazorpayUnderTest
    ) -> None:
        def answer(_: object) -> Answer:
            text = "Another request with the same idempotency key is still in progress."
            body = msgspec.json.encode({"error": {"code": "BAD_REQUEST_ERROR", "description": text}})
            return Answer(409, body, {"Content-Type": "application/json"})

        with running(answer) as server, pytest.raises(GatewayUnavailable) as caught:
            await at.another(url=server.url).refund(money_back("pay_1", 100))
        assert (caught.value.retry_after, "still in progress" in caught.value.detail) == (1, True)

    @pytest.mark.parametrize(
        ("amount", "why"), [(49_901, "greater than amount captured"), (99, "at least INR 1.00"), (0, "at least")]
    )
    async def test_no_more_goes_back_than_came(self, at: RazorpayUnderTest, amount: int, why: str) -> None:
        _, _, payment = await at.paid_order()
        with pytest.raises(GatewayRefused, match=why):
            await at.gateway.refund(money_back(payment, amount))
        assert at.razorpay.refunds == {}

    async def test_what_went_back_wholly_cannot_go_back_again(self, at: RazorpayUnderTest) -> None:
        _, _, payment = await at.paid_order()
        await at.gateway.refund(money_back(payment, 49_900))
        with pytest.raises(GatewayRefused, match="fully refunded already"):
            await at.gateway.refund(money_back(payment, 100))
