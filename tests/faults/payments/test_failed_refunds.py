"""Refunds that a gateway refuses, or whose money a bank sends back days later: nobody is told that all is well."""

from collections.abc import Iterator, Mapping

import pytest

from academy.features.payments.model import Access, Refund, RefundStatus, Transaction, TransactionStatus
from academy.infrastructure.jobs.model import Job
from academy.infrastructure.security.principal import Role
from academy.kit.money import Money
from tests.academies.courses import stored as stored_course
from tests.academies.html import elements, text
from tests.contracts.gateways.under_test import Fault
from tests.faults.payments.shops import Shop, Visitor
from tests.simulators.webhooks import Webhook

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRICE = 149_900
INVOICE, CREDIT_NOTE = ("RA", PRICE), ("RAC", PRICE)


@pytest.fixture(params=["stripe", "razorpay"])
def shop(request: pytest.FixtureRequest, shared_shops: Mapping[str, Shop]) -> Iterator[Shop]:
    """The academy by one of its gateways; what a test does to the vendor ends with the test."""
    shop: Shop = shared_shops[request.param]
    yield shop
    shop.is_well()


async def troubled(shop: Shop) -> set[str]:
    """The transactions that the admin is shown as those to be looked at."""
    admin = await shop.academy.signed_in_api(Role.ADMIN)
    answer = await admin.get("admin/transactions", params={"troubled": "true", "limit": 100})
    assert all(one["trouble"] for one in answer.json()["items"])
    return {one["id"] for one in answer.json()["items"]}


async def assert_troubled(shop: Shop, transaction: Transaction) -> None:
    """Everybody who should know does."""
    assert transaction.trouble.startswith("A refund failed: ")
    assert transaction.id in await troubled(shop)
    assert "Payments that need somebody: " in await shop.academy.academy.payments.health_check()
    browser = await shop.academy.signed_in_browser(Role.ADMIN)
    assert transaction.trouble in text((await browser.get(f"/admin/transactions/{transaction.id}")).text)


async def assert_no_trouble(shop: Shop, transaction: Transaction) -> None:
    assert (transaction.trouble, transaction.troubled_at) == ("", None)
    assert transaction.id not in await troubled(shop)


async def order_again(shop: Shop, transaction: Transaction, refund: Refund) -> str:
    """An admin presses the button beside a refund; returns what the page says then."""
    page = f"/admin/transactions/{transaction.id}"
    browser = await shop.academy.signed_in_browser(Role.ADMIN)
    answer = await browser.submit(page, f"{page}/refunds/{refund.id}/again")
    assert answer.status_code == 200
    return text(answer.text)


async def sent_back_and_returned(shop: Shop, visitor: Visitor) -> tuple[Transaction, list[Webhook]]:
    """A payment whose refund arrived, and was returned by the buyer's bank days later; and what tells that, too."""
    await shop.ask_back(await visitor.paid())
    [sent] = (await visitor.transactions())[0].refunds
    await shop.deliver(await shop.vendor.refund_webhooks(sent.reference))
    [done] = await visitor.transactions()
    assert (done.status, done.refunds[0].status) == (TransactionStatus.REFUNDED, RefundStatus.DONE)
    told = await shop.vendor.fail_refund(sent.reference)
    await shop.deliver(told[:1])
    # Stripe tells it in several events; Razorpay's one may come again under another id.
    return (await visitor.transactions())[0], [*told[1:], shop.vendor.signed(told[0].body)]


async def test_a_refund_that_was_done_and_fails_later_is_ordered_again_and_paid_once(shop: Shop) -> None:
    visitor = await shop.visitor()
    owed, _ = await sent_back_and_returned(shop, visitor)
    [failed] = owed.refunds
    assert (failed.status, bool(failed.failure), owed.status) == (
        RefundStatus.FAILED,
        True,
        TransactionStatus.REFUNDED,
    )
    await assert_troubled(shop, owed)
    assert await shop.sent_back(owed) == 0

    assert "The refund is ordered again" in await order_again(shop, owed, failed)
    [ordered] = await visitor.transactions()
    assert (ordered.refunds[0].status, ordered.refunds[0].earlier_keys) == (RefundStatus.REQUESTED, [failed.id])
    await assert_no_trouble(shop, ordered)
    assert "has not failed" in await order_again(shop, ordered, failed), "it is under way"
    await shop.academy.work()
    [again] = (await visitor.transactions())[0].refunds
    assert again.reference not in ("", failed.reference)
    await shop.deliver(await shop.vendor.refund_webhooks(again.reference), copies=2)

    [back] = await visitor.transactions()
    assert [(one.status, one.failure) for one in back.refunds] == [(RefundStatus.DONE, "")]
    assert (back.status, back.refunded, back.refundable) == (TransactionStatus.REFUNDED, PRICE, 0)
    await assert_no_trouble(shop, back)
    assert await visitor.documents() == [INVOICE, CREDIT_NOTE]
    assert await shop.sent_back(back) == PRICE
    assert len(shop.refund_references(back.payment_reference)) == 2
    assert "has not failed" in await order_again(shop, back, failed), "it is done"


async def test_what_the_gateway_tells_of_an_earlier_try_changes_nothing(shop: Shop) -> None:
    visitor = await shop.visitor()
    owed, late_news = await sent_back_and_returned(shop, visitor)
    [failed] = owed.refunds
    await order_again(shop, owed, failed)
    await shop.deliver(late_news)
    [under_way] = await visitor.transactions()
    assert under_way.refunds[0].status in (RefundStatus.SENT, RefundStatus.DONE, RefundStatus.REQUESTED)
    await assert_no_trouble(shop, under_way)
    await shop.deliver(await shop.vendor.refund_webhooks(under_way.refunds[0].reference))
    await shop.deliver(late_news)
    [back] = await visitor.transactions()
    assert [(one.status, one.failure) for one in back.refunds] == [(RefundStatus.DONE, "")]
    await assert_no_trouble(shop, back)
    assert await visitor.documents() == [INVOICE, CREDIT_NOTE]
    assert await shop.sent_back(back) == PRICE


async def test_a_refund_that_never_reached_the_gateway_is_ordered_again(shop: Shop) -> None:
    visitor = await shop.visitor()
    paid = await visitor.paid()
    shop.vendor.breaks(Fault.LOCKED_OUT)
    await shop.ask_back(paid, 49_900)
    await shop.later(20, hours=4)
    [owed] = await visitor.transactions()
    [failed] = owed.refunds
    assert (failed.status, failed.credit_note_number, owed.refundable) == (RefundStatus.FAILED, "", PRICE)
    await assert_troubled(shop, owed)
    shop.is_well()
    await order_again(shop, owed, failed)
    await shop.academy.work()
    [sent] = (await visitor.transactions())[0].refunds
    await shop.deliver(await shop.vendor.refund_webhooks(sent.reference))
    [part] = await visitor.transactions()
    assert (part.status, part.refunded) == (TransactionStatus.PARTIALLY_REFUNDED, 49_900)
    await assert_no_trouble(shop, part)
    assert await visitor.documents() == [INVOICE, ("RAC", 49_900)]
    assert await shop.sent_back(part) == 49_900


async def test_a_refund_whose_money_went_back_in_another_way_is_no_trouble_any_more(shop: Shop) -> None:
    """The gateway refused a refund, and so an admin sent all of it back anew: there is nothing left to order."""
    visitor = await shop.visitor()
    paid = await visitor.paid()
    shop.vendor.breaks(Fault.LOCKED_OUT)
    await shop.ask_back(paid, 49_900)
    await shop.later(20, hours=4)
    shop.is_well()
    [owed] = await visitor.transactions()
    await assert_troubled(shop, owed)
    await shop.ask_back(owed)
    [failed, whole] = (await visitor.transactions())[0].refunds
    await shop.deliver(await shop.vendor.refund_webhooks(whole.reference))
    [back] = await visitor.transactions()
    assert (back.status, await shop.sent_back(back)) == (TransactionStatus.REFUNDED, PRICE)
    await assert_no_trouble(shop, back)
    assert "is not left any more" in await order_again(shop, back, failed)
    assert await shop.sent_back(back) == PRICE


async def test_money_for_nothing_that_does_not_go_back_is_trouble_and_its_page_says_so(shop: Shop) -> None:
    """The buyer had the course already; the refund that is made by itself never arrives."""
    visitor = await shop.visitor()
    transaction = await visitor.checkout()
    await shop.academy.academy.enrolments.grant(visitor.buyer, await stored_course(shop.academy, visitor.course))
    await shop.deliver(await shop.vendor.pay(transaction.reference))
    [held] = await visitor.transactions()
    assert (held.access, len(held.refunds)) == (Access.HELD, 1)
    await shop.deliver(await shop.vendor.fail_refund(held.refunds[0].reference))
    [owed] = await visitor.transactions()
    await assert_troubled(shop, owed)
    browser = await shop.academy.signed_in_browser(person=visitor.buyer)
    page = (await browser.get(f"/checkout/{visitor.course.slug}/{owed.id}")).text
    assert "did not succeed so far" in text(page)
    assert "went back to you" not in text(page)
    assert "is sent back to you" not in text(page)
    receipt = text((await browser.get(f"/account/receipts/{owed.id}")).text)
    assert "not possible so far; we look into it" in receipt
    assert await visitor.is_enrolled(), "what they had already they keep"

    await order_again(shop, owed, owed.refunds[0])
    await shop.academy.work()
    [sent] = (await visitor.transactions())[0].refunds
    await shop.deliver(await shop.vendor.refund_webhooks(sent.reference))
    assert await shop.sent_back(owed) == PRICE
    assert "went back to you" in text((await browser.get(f"/checkout/{visitor.course.slug}/{owed.id}")).text)


async def test_money_of_a_deleted_buyer_that_is_refused_back_is_trouble(shop: Shop) -> None:
    """Somebody was quicker at the vendor's own pages, whose webhook got lost: ours is refused."""
    visitor = await shop.visitor()
    transaction = await visitor.checkout()
    await visitor.deletes_account()
    paid = await shop.vendor.pay(transaction.reference)
    reference = (await shop.academy.academy.gateways[shop.name].standing(transaction.reference)).payment_reference
    told = await shop.vendor.refund_elsewhere(reference, Money(amount=PRICE, currency="INR"))
    await shop.deliver(paid)
    gone = await shop.academy.academy.payments.get(transaction.id)
    assert (gone.access, [one.status for one in gone.refunds]) == (Access.GONE, [RefundStatus.FAILED])
    await assert_troubled(shop, gone)
    await shop.deliver(told)
    back = await shop.academy.academy.payments.get(transaction.id)
    assert back.status is TransactionStatus.REFUNDED
    await assert_no_trouble(shop, back)
    assert await shop.sent_back(back) == PRICE


async def test_what_is_sent_or_done_is_not_ordered_again(shop: Shop) -> None:
    visitor = await shop.visitor()
    await shop.ask_back(await visitor.paid())
    [sent] = await visitor.transactions()
    page = f"/admin/transactions/{sent.id}"
    browser = await shop.academy.signed_in_browser(Role.ADMIN)
    forms = [one.attributes["action"] for one in elements((await browser.get(page)).text, "form")]
    assert not [action for action in forms if action.endswith("/again")]
    assert "has not failed" in await order_again(shop, sent, sent.refunds[0])
    [job] = await shop.academy.academy.database.collection(Job).find({"key": sent.refunds[0].id})
    assert job.kind == "send_refund"
    assert len(shop.refund_references(sent.payment_reference)) == 1
