"""What Razorpay signs: its webhooks, and what checkout.js gives to the page."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from academy.infrastructure.gateways.base import (
    BadSignature,
    NewsKind,
)
from academy.kit.money import Money
from tests.contracts.gateways.razorpay_gateway import RazorpayUnderTest, opened_razorpay
from tests.contracts.gateways.under_test import order
from tests.simulators.razorpay_account import webhook_body


@pytest.fixture
async def at() -> AsyncIterator[RazorpayUnderTest]:
    async with opened_razorpay() as under_test:
        yield under_test


def told(at: RazorpayUnderTest, name: str, entities: dict[str, object]) -> tuple[bytes, dict[str, str]]:
    webhook = at.razorpay.signed(webhook_body(name, entities, int(at.clock.now().timestamp())))
    return webhook.body, webhook.headers


class TestNews:
    async def test_both_events_of_one_payment_name_the_same_money(self, at: RazorpayUnderTest) -> None:
        ordered, reference, payment = await at.paid_order()
        news = [at.gateway.read_news(event.webhook.body, event.webhook.headers) for event in at.razorpay.events]
        authorized, captured, order_paid = news
        assert [one.event_type for one in news] == ["payment.authorized", "payment.captured", "order.paid"]
        assert [one.kind for one in news] == [NewsKind.OTHER, NewsKind.PAID, NewsKind.PAID]
        assert {(one.reference, one.payment_reference) for one in news} == {(reference, payment)}
        assert captured.amount == order_paid.amount == ordered.amount
        assert (authorized.amount, order_paid.transaction_id) == (None, ordered.transaction_id)
        assert len({one.event_id for one in news}) == 3

    async def test_the_notes_of_a_payment_name_no_transaction(self, at: RazorpayUnderTest) -> None:
        """The page that opens checkout.js writes them, so the buyer can, too."""
        _, _, payment_id = await at.paid_order()
        payment = at.razorpay.payments[payment_id]
        payment.notes = {"transaction_id": "of somebody else"}
        news = at.gateway.read_news(*told(at, "payment.captured", {"payment": payment}))
        assert news.kind is NewsKind.PAID
        assert news.transaction_id == ""

    async def test_an_event_happened_when_razorpay_says(self, at: RazorpayUnderTest) -> None:
        reference = (await at.gateway.open(order(at))).reference
        happened = datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC)
        (webhook, *_) = await at.decline(reference)
        at.clock.move(days=400)
        news = at.gateway.read_news(webhook.body, webhook.headers)
        assert (news.occurred_at, news.kind, news.is_final) == (happened, NewsKind.FAILED, False)
        assert at.clock.now() - news.occurred_at > timedelta(days=399)

    @pytest.mark.parametrize("status", ["won", "lost", "closed", "under_review", "action_required"])
    async def test_a_dispute_is_followed_to_its_end(self, at: RazorpayUnderTest, status: str) -> None:
        _, reference, payment = await at.paid_order()
        dispute = at.razorpay.dispute(payment)
        at.razorpay.close_dispute(dispute.id, status)
        read = [at.gateway.read_news(w.body, w.headers) for w in at.razorpay.webhooks_about(dispute.id)]
        assert [(news.kind, news.reference, news.payment_reference) for news in read] == [
            (NewsKind.DISPUTE, reference, payment)
        ] * 2
        told = [news.dispute for news in read if news.dispute is not None]
        assert [(one.reference, one.status) for one in told] == [(dispute.id, "open"), (dispute.id, status)]
        assert told[0].reason == "The cardholder did not authorise the payment."
        assert told[0].amount == Money(amount=49_900, currency="INR")

    async def test_what_has_nothing_to_do_with_the_academy_is_other_news(self, at: RazorpayUnderTest) -> None:
        news = at.gateway.read_news(*told(at, "settlement.processed", {"settlement": {"id": "setl_1"}}))
        assert (news.kind, news.event_type, news.reference) == (NewsKind.OTHER, "settlement.processed", "")

    async def test_a_payment_without_an_order_is_of_no_checkout(self, at: RazorpayUnderTest) -> None:
        """Such as one that was made by a payment link of the same account."""
        _, _, payment_id = await at.paid_order()
        elsewhere = msgspec.to_builtins(at.razorpay.payments[payment_id]) | {"order_id": None}
        news = at.gateway.read_news(*told(at, "payment.captured", {"payment": elsewhere}))
        assert (news.reference, news.transaction_id, news.payment_reference) == ("", "", payment_id)

    @pytest.mark.parametrize("notes", [[], {}, {"transaction_id": 7}, {"other": "x"}])
    async def test_an_order_of_another_shop_names_no_transaction(self, at: RazorpayUnderTest, notes: object) -> None:
        _, reference, payment_id = await at.paid_order()
        elsewhere = msgspec.to_builtins(at.razorpay.orders[reference]) | {"notes": notes}
        entities = {"payment": at.razorpay.payments[payment_id], "order": elsewhere}
        assert at.gateway.read_news(*told(at, "order.paid", entities)).transaction_id == ""

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b'{"event":"payment.captured"}',
            b'{"event":"payment.captured","created_at":1,"payload":{}}',
            b'{"event":"payment.captured","created_at":1,"payload":[]}',
            b'{"event":"refund.processed","created_at":1,"payload":{"refund":{"entity":{"id":"rfnd_1"}}}}',
            b'{"event":"x","created_at":99999999999999,"payload":{}}',
            b'{"event":"x","created_at":-1,"payload":{}}',
            b"[" * 100_000,
            b'{"event":"\xff","created_at":1,"payload":{}}',
        ],
    )
    async def test_a_signed_body_that_cannot_be_read_is_no_news(self, at: RazorpayUnderTest, body: bytes) -> None:
        webhook = at.razorpay.signed(body)
        with pytest.raises(BadSignature):
            at.gateway.read_news(webhook.body, webhook.headers)

    @pytest.mark.parametrize("signature", ["", "é" * 64, "0" * 64, "\x00", "ab"])
    async def test_no_signature_but_the_right_one_is_believed(self, at: RazorpayUnderTest, signature: str) -> None:
        webhook = at.razorpay.signed(b'{"event":"x","created_at":1,"payload":{}}')
        assert at.gateway.read_news(webhook.body, webhook.headers).event_type == "x"
        with pytest.raises(BadSignature):
            at.gateway.read_news(webhook.body, {**webhook.headers, "x-razorpay-signature": signature})

    async def test_an_event_without_an_id_cannot_be_told_from_its_repeats(self, at: RazorpayUnderTest) -> None:
        webhook = at.razorpay.signed(b'{"event":"x","created_at":1,"payload":{}}')
        del webhook.headers["x-razorpay-event-id"]
        with pytest.raises(BadSignature) as caught:
            at.gateway.read_news(webhook.body, webhook.headers)
        assert caught.value.detail == "x-razorpay-event-id is missing."


class TestReturning:
    async def test_what_checkout_js_gives_is_checked(self, at: RazorpayUnderTest) -> None:
        reference = (await at.gateway.open(order(at))).reference
        assert at.gateway.check_return(reference, at.razorpay.pay(reference))

    @pytest.mark.parametrize("field", ["razorpay_payment_id", "razorpay_order_id", "razorpay_signature"])
    @pytest.mark.parametrize("value", ["", "pay_1", "é", None])
    async def test_nothing_of_it_may_be_missing_or_changed(
        self, at: RazorpayUnderTest, field: str, value: str | None
    ) -> None:
        reference = (await at.gateway.open(order(at))).reference
        fields = at.razorpay.pay(reference)
        if value is None:
            del fields[field]
        else:
            fields[field] = value
        assert not at.gateway.check_return(reference, fields)

    async def test_what_is_signed_for_another_order_does_not_count(self, at: RazorpayUnderTest) -> None:
        cheap = (await at.gateway.open(order(at, amount=100))).reference
        dear = (await at.gateway.open(order(at))).reference
        fields = at.razorpay.pay(cheap)
        assert not at.gateway.check_return(dear, fields)
        assert not at.gateway.check_return(dear, {**fields, "razorpay_order_id": dear})

    async def test_without_a_secret_nothing_is_signed(self, at: RazorpayUnderTest) -> None:
        reference = (await at.gateway.open(order(at))).reference
        at.razorpay.key_secret = ""
        fields = at.razorpay.pay(reference)
        assert not at.another(key_secret="").check_return(reference, fields)
