"""Stripe and Razorpay on good days and on bad ones, from the click to the credit note, over HTTP on both sides."""

from collections.abc import AsyncIterator, Iterator, Mapping

import pytest
import pytest_asyncio

from academy.features.payments.model import Access, RefundStatus, TransactionStatus, WebhookStatus
from academy.infrastructure.jobs.model import Job, JobStatus
from academy.kit.money import Money
from tests.academies.courses import stored as stored_course
from tests.contracts.gateways.razorpay_gateway import RazorpayUnderTest
from tests.contracts.gateways.under_test import Fault
from tests.faults.payments.shops import Shop, opened_shops

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRICE = 149_900
INVOICE = ("RA", PRICE)
# The contract of the gateways shows that all others look the same from here.
FAULTS = [Fault.DOWN, Fault.SLOW, Fault.ERROR]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shops(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mapping[str, Shop]]:
    async with opened_shops(tmp_path_factory.mktemp("academy")) as opened:
        yield opened
        jobs = opened["stripe"].academy.academy.database.collection(Job)
        dead = await jobs.find({"status": JobStatus.DEAD.value})
        assert {job.kind for job in dead} <= {"send_refund"}, "nothing is given up but refunds that nobody takes"


@pytest.fixture(params=["stripe", "razorpay"])
def shop(request: pytest.FixtureRequest, shops: Mapping[str, Shop]) -> Iterator[Shop]:
    """The academy by one of its gateways; what a test does to the vendor ends with the test."""
    shop: Shop = shops[request.param]
    yield shop
    shop.is_well()


async def test_from_the_click_to_the_credit_note(shop: Shop) -> None:
    visitor = await shop.visitor()
    transaction = await visitor.checkout()
    assert transaction.status is TransactionStatus.PENDING
    assert not await visitor.is_enrolled()
    await shop.deliver(await shop.vendor.pay(transaction.reference), copies=3)
    [paid] = await visitor.transactions()
    assert (paid.status, paid.access, await visitor.is_enrolled()) == (TransactionStatus.PAID, Access.GRANTED, True)
    assert await visitor.documents() == [INVOICE]

    await shop.ask_back(paid, 49_900)
    [sent] = (await visitor.transactions())[0].refunds
    assert sent.reference
    await shop.deliver(await shop.vendor.refund_webhooks(sent.reference), copies=3)
    [part] = await visitor.transactions()
    assert (part.status, part.refunded) == (TransactionStatus.PARTIALLY_REFUNDED, 49_900)
    assert await visitor.is_enrolled()

    await shop.ask_back(part)
    [_, rest] = (await visitor.transactions())[0].refunds
    await shop.deliver(await shop.vendor.refund_webhooks(rest.reference), copies=3)
    [back] = await visitor.transactions()
    assert (back.status, back.access, await visitor.is_enrolled()) == (
        TransactionStatus.REFUNDED,
        Access.REVOKED,
        False,
    )
    assert await visitor.documents() == [INVOICE, ("RAC", 49_900), ("RAC", 100_000)]
    assert await shop.sent_back(back) == PRICE
    assert (await stored_course(shop.academy, visitor.course)).enrolment_count == 0
    receipts = [mail for mail in await shop.academy.messages() if (back.invoice_number or "") in mail.text]
    assert [mail.to for mail in receipts] == [visitor.buyer.email]


async def test_both_of_them_side_by_side(shops: Mapping[str, Shop]) -> None:
    """One buyer pays two courses, one by each; what one gateway tells changes nothing at the other."""
    visitors = [await shop.visitor() for shop in shops.values()]
    checkouts = [await visitor.checkout() for visitor in visitors]
    for visitor, checkout in zip(visitors, checkouts, strict=True):
        await visitor.shop.deliver(await visitor.shop.vendor.pay(checkout.reference))
    for visitor in visitors:
        [paid] = await visitor.transactions()
        assert (paid.gateway, paid.status) == (visitor.shop.name, TransactionStatus.PAID)


# --- away at the click -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS)
async def test_away_at_the_click(shop: Shop, fault: Fault) -> None:
    visitor, before = await shop.visitor(), shop.vendor.checkouts
    shop.vendor.breaks(fault)
    for _ in range(2):
        answer = await visitor.click()
        assert (answer.status_code, answer.json()["code"]) == (503, "gateway_unavailable")
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) > 0
    [waiting] = await visitor.transactions()
    assert waiting.status is TransactionStatus.CREATED
    shop.is_well()
    transaction = await visitor.checkout()
    assert (transaction.id, shop.vendor.checkouts) == (waiting.id, before + 1)
    await shop.deliver(await shop.vendor.pay(transaction.reference))
    assert await visitor.is_enrolled()
    assert await visitor.documents() == [INVOICE]


async def test_the_answer_to_the_click_is_lost(shop: Shop) -> None:
    """The checkout is there, but nobody was told of it; the next click finds it."""
    visitor, before = await shop.visitor(), shop.vendor.checkouts
    shop.loses_answers()
    assert (await visitor.click()).status_code == 503
    assert shop.vendor.checkouts == before + 1
    shop.is_well()
    await visitor.checkout()
    assert shop.vendor.checkouts == before + 1


async def test_away_at_the_click_and_nobody_comes_back(shop: Shop) -> None:
    visitor = await shop.visitor()
    shop.vendor.breaks(Fault.DOWN)
    assert (await visitor.click()).status_code == 503
    await shop.later(minutes=61)
    [transaction] = await visitor.transactions()
    assert (transaction.status, transaction.open_key) == (TransactionStatus.EXPIRED, None)


# --- away when money goes back ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS)
async def test_away_when_money_goes_back(shop: Shop, fault: Fault) -> None:
    visitor = await shop.visitor()
    paid = await visitor.paid()
    shop.vendor.breaks(fault)
    await shop.ask_back(paid, 49_900)
    await shop.later(2, minutes=1)
    [waiting] = (await visitor.transactions())[0].refunds
    assert (waiting.status, waiting.reference) == (RefundStatus.REQUESTED, "")
    shop.is_well()
    assert await shop.sent_back(paid) == 0
    await shop.later(3, minutes=10)
    [sent] = (await visitor.transactions())[0].refunds
    await shop.deliver(await shop.vendor.refund_webhooks(sent.reference))
    assert await shop.sent_back(paid) == 49_900
    assert await visitor.documents() == [INVOICE, ("RAC", 49_900)]


async def test_the_answer_is_lost_when_money_goes_back(shop: Shop) -> None:
    visitor = await shop.visitor()
    paid = await visitor.paid()
    shop.loses_answers()
    await shop.ask_back(paid, 49_900)
    await shop.later(2, minutes=1)
    shop.is_well()
    assert await shop.sent_back(paid) == 49_900
    await shop.later(3, minutes=10)
    [sent] = (await visitor.transactions())[0].refunds
    await shop.deliver(await shop.vendor.refund_webhooks(sent.reference))
    assert await shop.sent_back(paid) == 49_900
    assert await visitor.documents() == [INVOICE, ("RAC", 49_900)]


async def test_away_for_days_when_money_goes_back_and_a_webhook_tells_that_it_went(shop: Shop) -> None:
    """We gave up asking, but the first try had reached the gateway: what went back is on the books."""
    visitor = await shop.visitor()
    paid = await visitor.paid()
    shop.loses_answers()
    await shop.ask_back(paid, 49_900)
    shop.vendor.breaks(Fault.LOCKED_OUT)
    await shop.later(20, hours=4)
    shop.is_well()
    [given_up] = (await visitor.transactions())[0].refunds
    assert given_up.status is RefundStatus.FAILED
    assert "could not be reached" in given_up.failure
    [reference] = shop.refund_references(paid.payment_reference)
    await shop.deliver(await shop.vendor.refund_webhooks(reference))
    [after] = await visitor.transactions()
    assert [(one.status, one.failure) for one in after.refunds] == [(RefundStatus.DONE, "")]
    assert await visitor.documents() == [INVOICE, ("RAC", 49_900)]


async def test_nobody_tells_that_the_money_arrived(shops: Mapping[str, Shop]) -> None:
    """Razorpay sends money back in days, and tells by a webhook that got lost: it is asked again."""
    shop = shops["razorpay"]
    visitor = await shop.visitor()
    await shop.ask_back(await visitor.paid())
    [sent] = (await visitor.transactions())[0].refunds
    assert sent.status is RefundStatus.SENT
    await shop.later(5, hours=7)
    assert (await visitor.transactions())[0].refunds[0].status is RefundStatus.SENT
    assert await visitor.is_enrolled()
    await shop.vendor.refund_webhooks(sent.reference)
    await shop.later(hours=7)
    [back] = await visitor.transactions()
    assert (back.status, await visitor.is_enrolled()) == (TransactionStatus.REFUNDED, False)
    assert await visitor.documents() == [INVOICE, ("RAC", PRICE)]
    assert await shop.sent_back(back) == PRICE
    [job] = await shop.academy.academy.database.collection(Job).find({"key": sent.id})
    assert job.status is JobStatus.DONE, "what arrived is asked about no more"


# --- lost webhooks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.NONE, *FAULTS])
async def test_lost_webhooks_are_made_up_for(shop: Shop, fault: Fault) -> None:
    visitor = await shop.visitor()
    transaction = await visitor.checkout()
    lost = await shop.vendor.pay(transaction.reference)
    shop.vendor.breaks(fault)
    if fault is not Fault.NONE:
        await shop.later(2, minutes=6)
        assert (await visitor.transactions())[0].status is TransactionStatus.PENDING
    shop.is_well()
    await shop.later(minutes=6)
    assert await visitor.is_enrolled()
    await shop.deliver(lost)
    [paid] = await visitor.transactions()
    assert (paid.status, await visitor.documents()) == (TransactionStatus.PAID, [INVOICE])
    assert (await stored_course(shop.academy, visitor.course)).enrolment_count == 1


async def test_away_when_the_time_of_a_checkout_is_over(shop: Shop) -> None:
    """Nobody could say whether it was paid: it is not given up before the gateway says so."""
    visitor = await shop.visitor()
    transaction = await visitor.checkout()
    await shop.vendor.pay(transaction.reference)
    shop.vendor.breaks(Fault.DOWN)
    await shop.later(4, minutes=30)
    assert (await visitor.transactions())[0].is_open
    shop.is_well()
    await shop.later(minutes=30)
    assert await visitor.is_enrolled()
    assert await visitor.documents() == [INVOICE]


async def test_a_webhook_that_is_quicker_than_we_are(shop: Shop) -> None:
    """We were told of the money before we knew the checkout: the answer to the click had been lost."""
    visitor = await shop.visitor()
    shop.loses_answers()
    assert (await visitor.click()).status_code == 503
    shop.is_well()
    await shop.deliver(await shop.vendor.pay(shop.checkout_reference()))
    [paid] = await visitor.transactions()
    assert (paid.status, await visitor.is_enrolled()) == (TransactionStatus.PAID, True)
    again = await visitor.click()
    assert (again.status_code, again.json()["code"]) == (409, "already_enrolled")
    await shop.ask_back(paid)
    assert len(shop.refund_references(paid.payment_reference)) == 1


@pytest.mark.parametrize("is_quick", [True, False], ids=["webhook before the redirect", "webhook days after it"])
async def test_the_webhook_and_the_redirect_are_one_payment(shops: Mapping[str, Shop], is_quick: bool) -> None:
    shop = shops["razorpay"]
    assert isinstance(shop.vendor, RazorpayUnderTest)
    visitor, razorpay = await shop.visitor(), shop.vendor.razorpay
    transaction = await visitor.checkout()
    begun = len(razorpay.events)
    fields = razorpay.pay(transaction.reference)
    webhooks = [event.webhook for event in razorpay.events[begun:]]
    returned = shop.academy.academy.checkouts.returned
    forged = {**fields, "razorpay_signature": "0" * 64}
    assert (await returned(visitor.buyer, transaction.id, forged)).status is TransactionStatus.PENDING
    if is_quick:
        await shop.deliver(webhooks)
    paid = await returned(visitor.buyer, transaction.id, fields)
    assert (paid.status, await visitor.is_enrolled()) == (TransactionStatus.PAID, True)
    await shop.later(2, hours=36)
    await shop.deliver(webhooks)
    [after] = await visitor.transactions()
    assert (after.invoice_number, after.history) == (paid.invoice_number, paid.history)
    assert await visitor.documents() == [INVOICE]
    assert (await stored_course(shop.academy, visitor.course)).enrolment_count == 1


@pytest.mark.parametrize("is_told", [True, False], ids=["told by webhook", "found by asking"])
async def test_money_that_comes_after_the_end_gives_access_and_is_asked_about_no_more(
    shops: Mapping[str, Shop], is_told: bool
) -> None:
    """An order of Razorpay cannot be closed: a bank confirms the payment hours after we gave it up."""
    shop = shops["razorpay"]
    visitor = await shop.visitor()
    transaction = await visitor.checkout()
    await shop.later(minutes=61)
    [expired] = await visitor.transactions()
    assert expired.status is TransactionStatus.EXPIRED
    webhooks = await shop.vendor.pay(transaction.reference)
    if is_told:
        await shop.deliver(webhooks)
    else:
        await shop.later(hours=7)
    [late, expired] = await visitor.transactions()
    assert (late.status, late.late_for, late.access) == (TransactionStatus.PAID, expired.id, Access.GRANTED)
    assert expired.status is TransactionStatus.EXPIRED
    assert await visitor.is_enrolled()
    assert await visitor.documents() == [INVOICE]
    await shop.later(2, hours=7)
    assert [one.check_at for one in await visitor.transactions()] == [None, None]


async def test_what_cannot_be_closed_is_watched_for_a_week(shops: Mapping[str, Shop]) -> None:
    shop = shops["razorpay"]
    visitor = await shop.visitor()
    await visitor.checkout()
    await shop.later(12, hours=12)
    [expired] = await visitor.transactions()
    assert (expired.status, expired.check_at is not None) == (TransactionStatus.EXPIRED, True)
    await shop.later(3, hours=12)
    assert (await visitor.transactions())[0].check_at is None


async def test_money_that_comes_late_for_what_was_bought_anew_goes_back(shops: Mapping[str, Shop]) -> None:
    shop = shops["razorpay"]
    visitor = await shop.visitor()
    first = await visitor.checkout()
    await shop.later(minutes=61)
    anew = await shop.academy.signed_in_api(person=visitor.buyer)
    wish = {"course": visitor.course.slug, "gateway": shop.name}
    assert (await anew.post("checkouts", json=wish)).status_code == 201
    second = (await visitor.transactions())[0]
    assert second.id != first.id
    await shop.deliver(await shop.vendor.pay(second.reference))
    await shop.deliver(await shop.vendor.pay(first.reference))
    late = (await visitor.transactions())[0]
    assert (late.late_for, late.access) == (first.id, Access.HELD)
    await shop.deliver(await shop.vendor.refund_webhooks(late.refunds[0].reference))
    statuses = [one.status for one in await visitor.transactions()]
    assert statuses == [TransactionStatus.REFUNDED, TransactionStatus.PAID, TransactionStatus.EXPIRED]
    assert await visitor.is_enrolled()
    assert await visitor.documents() == [INVOICE, INVOICE, ("RAC", PRICE)]
    assert await shop.sent_back(first) == PRICE
    assert await shop.sent_back(second) == 0


async def test_another_sum_or_currency_pays_nothing_whoever_tells(shop: Shop) -> None:
    visitor = await shop.visitor()
    transaction = await visitor.checkout()
    wrong = Money(amount=PRICE, currency="USD") if shop.name == "stripe" else Money(amount=100, currency="INR")
    webhooks = await shop.vendor.pay(transaction.reference, wrong)
    await shop.later(minutes=6)
    assert (await visitor.transactions())[0].status is TransactionStatus.PENDING
    await shop.deliver(webhooks)
    await shop.later(2, hours=1)
    [after] = await visitor.transactions()
    assert (after.status, after.paid_at) == (TransactionStatus.EXPIRED, None)
    assert not await visitor.is_enrolled()
    told = await shop.academy.academy.payments.events_of(after)
    assert {event.status for event in told} == {WebhookStatus.REFUSED}
    assert await visitor.documents() == []
