"""News that comes too early, too late, or about what nobody knows, and money that takes days."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
import pytest

from academy.features.payments.model import (
    Access,
    Transaction,
    TransactionFilter,
    TransactionStatus,
    WebhookEvent,
    WebhookStatus,
)
from academy.infrastructure.gateways.base import GatewayDispute, GatewayRefund, News, NewsKind, RefundState
from academy.infrastructure.jobs.model import Job, JobStatus
from academy.infrastructure.security.principal import Role
from academy.kit.ids import new_id
from academy.kit.money import Money
from tests.academies.html import elements, text
from tests.academies.in_process import TestAcademy
from tests.academies.payments import bought, news, ordered, paid_course, rehearsal, stored, tell
from tests.faults.payments.shops import Shop, stripe_of
from tests.simulators.stripe import Event

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def begun(academy: TestAcademy) -> Transaction:
    """A transaction of a new buyer for a new course."""
    return await ordered(academy, await academy.person(), await paid_course(academy))


async def event_of(academy: TestAcademy, told: News) -> WebhookEvent:
    """What the inbox keeps of a webhook."""
    [event] = await academy.academy.database.collection(WebhookEvent).find({"event_id": told.event_id})
    return event


# --- too early -------------------------------------------------------------------------------------------------------


def early_refund(transaction: Transaction) -> News:
    """All of the money went back: told before anybody told that it came."""
    back = GatewayRefund(
        reference=f"back-{transaction.id}", refund_id="", amount=transaction.amount, state=RefundState.DONE
    )
    paid = f"rehearsed-{transaction.reference}"
    return news(transaction, NewsKind.REFUND, payment_reference=paid, refund=back)


async def given_up(academy: TestAcademy, told: News) -> None:
    """Delivers a webhook that nothing fits, until it is tried no more."""
    assert await tell(academy, told) == [204]
    for _ in range(12):
        await academy.work()
        academy.clock.move(hours=1, minutes=1)
    assert (await event_of(academy, told)).status is WebhookStatus.UNMATCHED


async def set_aside(academy: TestAcademy, transaction: Transaction, **changed: object) -> Transaction:
    """Changes a stored transaction, and lets nobody ask its gateway about it."""
    held = msgspec.structs.replace(await stored(academy, transaction), check_at=None, **changed)
    return await academy.academy.database.collection(Transaction).replace(held)


@pytest.mark.parametrize("is_told", [True, False], ids=["told by webhook", "found by asking"])
async def test_what_was_given_up_is_handled_when_its_payment_comes(
    shared_embedded_academy: TestAcademy, is_told: bool
) -> None:
    academy = shared_embedded_academy
    transaction = await begun(academy)
    await set_aside(academy, transaction)
    await rehearsal(academy).pay(transaction.reference)
    await academy.academy.database.collection(Job).delete_many({"kind": "send_rehearsal_webhook"})
    told = early_refund(transaction)
    await given_up(academy, told)
    if is_told:
        await tell(academy, news(transaction, payment_reference=f"rehearsed-{transaction.reference}"))
    else:
        await academy.academy.reconciliation.ask(await stored(academy, transaction))
    await academy.work()
    assert (await event_of(academy, told)).status is WebhookStatus.HANDLED
    back = await stored(academy, transaction)
    assert (back.status, back.refunded) == (TransactionStatus.REFUNDED, back.amount.amount)
    documents = await academy.academy.payments.documents(back)
    assert [document.number[:3] for document in documents] == ["RA-", "RAC"]


@pytest.mark.parametrize("is_delivered_again", [True, False], ids=["delivered again", "jobs retry"])
async def test_what_was_given_up_is_handled_when_somebody_asks_for_it(
    shared_embedded_academy: TestAcademy, is_delivered_again: bool
) -> None:
    """The checkout that it names became known hours later: the answer that tells its reference had been lost."""
    academy = shared_embedded_academy
    transaction = await begun(academy)
    await set_aside(academy, transaction, reference="")
    told = news(transaction, transaction_id="")
    await given_up(academy, told)
    await set_aside(academy, transaction, reference=transaction.reference)
    await academy.work()
    event = await event_of(academy, told)
    assert event.status is WebhookStatus.UNMATCHED
    if is_delivered_again:
        assert await tell(academy, told, told) == [204, 204]
        assert (await event_of(academy, told)).status is WebhookStatus.RECEIVED
    else:
        [dead] = await academy.academy.database.collection(Job).find({"kind": "handle_webhook", "key": event.id})
        assert dead.status is JobStatus.DEAD
        await academy.academy.jobs.retry(dead.id)
    await academy.work()
    assert (await event_of(academy, told)).status is WebhookStatus.HANDLED
    paid = await stored(academy, transaction)
    assert (paid.status, paid.access) == (TransactionStatus.PAID, Access.GRANTED)
    assert len(await academy.academy.payments.documents(paid)) == 1
    await tell(academy, told)
    assert (await event_of(academy, told)).status is WebhookStatus.HANDLED, "what is handled stays so"


# --- about what nobody knows, or another amount -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [NewsKind.FAILED, NewsKind.EXPIRED])
async def test_no_money_for_what_nobody_knows_is_ignored_at_once(
    shared_embedded_academy: TestAcademy, kind: NewsKind
) -> None:
    """The vendor's account sells more than this academy: every card that is declined there is told here, too."""
    academy = shared_embedded_academy
    told = news(await begun(academy), kind, reference=new_id(), transaction_id="", is_final=True)
    await tell(academy, told)
    await academy.work()
    event = await event_of(academy, told)
    assert (event.status, event.transaction_id) == (WebhookStatus.IGNORED, "")
    academy.clock.move(minutes=6)
    assert "waiting" not in await academy.academy.payments.health_check()


@pytest.mark.parametrize("is_told", [True, False], ids=["told by webhook", "found by asking"])
async def test_another_amount_is_trouble(shared_shops: Mapping[str, Shop], is_told: bool) -> None:
    shop = shared_shops["stripe"]
    visitor = await shop.visitor()
    transaction = await visitor.checkout()
    webhooks = await shop.vendor.pay(transaction.reference, Money(amount=10_000, currency="INR"))
    if is_told:
        await shop.deliver(webhooks)
    else:
        await shop.later(minutes=6)
    payments = shop.academy.academy.payments
    [after] = await visitor.transactions()
    assert (after.status, after.payment_key) == (TransactionStatus.PENDING, None)
    assert "100.00 INR, but 1499.00 INR were to be paid" in after.trouble
    troubled = await payments.page(TransactionFilter(troubled=True))
    assert transaction.id in {one.id for one in troubled.items}
    assert f"Payments that need somebody: {len(troubled.items)}." in await payments.health_check()
    browser = await shop.academy.signed_in_browser(Role.ADMIN)
    page = f"/admin/transactions/{after.id}"
    assert after.trouble in text((await browser.get(page)).text)

    assert "It needs nobody any more." in text((await browser.submit(page, f"{page}/settled")).text)
    [settled] = await visitor.transactions()
    assert (settled.trouble, settled.troubled_at) == ("", None)
    notes = [change.cause for change in settled.history if change.is_note]
    assert notes == [after.trouble, "What had to be looked at is settled."]
    browser = await shop.academy.signed_in_browser(Role.ADMIN)
    await browser.submit(page, f"{page}/settled")
    await shop.deliver(webhooks)
    await shop.later(3, minutes=40)
    [over] = await visitor.transactions()
    assert (over.status, over.trouble) == (TransactionStatus.EXPIRED, ""), "the same is no news"
    assert [change.cause for change in over.history if change.is_note] == notes


async def test_the_trouble_of_a_closed_transaction_is_not_that_of_the_money_that_comes_late(
    shared_embedded_academy: TestAcademy,
) -> None:
    academy = shared_embedded_academy
    transaction = await begun(academy)
    await tell(
        academy,
        news(transaction, payment_reference=new_id(), amount=Money(amount=1, currency="INR")),
        news(transaction, NewsKind.EXPIRED, is_final=True),
        news(transaction),
    )
    await academy.work()
    [late, closed] = (await academy.academy.payments.of_user(transaction.user_id)).items
    assert (late.late_for, late.status, late.trouble) == (closed.id, TransactionStatus.PAID, "")
    assert closed.trouble


# --- money that takes days -------------------------------------------------------------------------------------------


async def deliver(shop: Shop, events: list[Event]) -> None:
    """Brings events of the Stripe account to the academy."""
    await shop.deliver([shop.vendor.signed(event.body) for event in events])


@pytest.mark.parametrize("arrives", [True, False])
async def test_a_bank_transfer_does_not_expire_and_ends_by_its_own_event(
    shared_shops: Mapping[str, Shop], arrives: bool
) -> None:
    shop = shared_shops["stripe"]
    visitor = await shop.visitor()
    transaction = await visitor.checkout()
    await deliver(shop, stripe_of(shop).pay_by_bank(transaction.reference))
    await shop.later(minutes=61)
    await shop.later(6, hours=12)
    [waiting] = await visitor.transactions()
    assert (waiting.status, waiting.check_at is not None) == (TransactionStatus.PENDING, True)
    assert waiting.id == transaction.id
    ended = stripe_of(shop).transfer(transaction.reference, arrives=arrives)
    # The account tells more than once how it ended; the last event is the checkout's own.
    await deliver(shop, ended[-1:])
    [after] = await visitor.transactions()
    assert after.status is (TransactionStatus.PAID if arrives else TransactionStatus.FAILED)
    assert await visitor.is_enrolled() is arrives
    assert bool(after.failure) is not arrives


# --- what the buyer sees ---------------------------------------------------------------------------------------------


async def test_the_page_of_a_closed_checkout_shows_the_money_that_came_late(
    shared_embedded_academy: TestAcademy,
) -> None:
    academy = shared_embedded_academy
    course, buyer = await paid_course(academy), await academy.person()
    transaction = await ordered(academy, buyer, course)
    browser = await academy.signed_in_browser(person=buyer)
    page = f"/checkout/{course.slug}/{transaction.id}"
    await tell(academy, news(transaction, NewsKind.EXPIRED, is_final=True))
    await academy.work()
    [heading] = elements((await browser.get(page)).text, "h1")
    assert heading.text == "The time to pay is over"
    await tell(academy, news(transaction))
    await academy.work()
    late = (await academy.academy.payments.of_user(buyer.user_id)).items[0]
    assert (late.late_for, late.access) == (transaction.id, Access.GRANTED)
    shown = (await browser.get(page)).text
    [heading] = elements(shown, "h1")
    assert heading.text == "You are in"
    assert f"Receipt {late.invoice_number}" in text(shown)
    part = await browser.get(f"{page}?waited=9&seen=expired", headers={"HX-Request": "true"})
    assert [one.text for one in elements(part.text, "h1")] == ["You are in"]


# --- disputes --------------------------------------------------------------------------------------------------------


async def test_older_news_of_a_dispute_changes_nothing(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    transaction = await bought(academy, await academy.person(), await paid_course(academy))
    now = academy.clock.now()

    def told(status: str, at: datetime) -> News:
        dispute = GatewayDispute(reference="dp_1", amount=transaction.amount, reason="fraudulent", status=status)
        paid = transaction.payment_reference
        return news(transaction, NewsKind.DISPUTE, payment_reference=paid, occurred_at=at, dispute=dispute)

    before = (await academy.academy.payments.figures()).open_disputes
    for status, at, shown in (
        ("under_review", now, "under_review"),
        ("needs_response", now - timedelta(days=3), "under_review"),
        ("lost", now + timedelta(days=9), "lost"),
        ("under_review", now + timedelta(days=2), "lost"),
    ):
        await tell(academy, told(status, at))
        await academy.work()
        changed = await stored(academy, transaction)
        assert changed.dispute is not None
        assert (changed.dispute.status, changed.dispute.is_over) == (shown, shown == "lost"), status
    assert (await academy.academy.payments.figures()).open_disputes == before
