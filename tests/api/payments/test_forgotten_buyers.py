"""Deleting an account: the payments stay, and nothing in them tells any more whose they were."""

from collections.abc import Mapping

import msgspec
import pytest

from academy.features.payments.invoice import Invoice
from academy.features.payments.model import Transaction, TransactionStatus, WebhookEvent, WebhookStatus
from academy.infrastructure.gateways.base import NewsKind
from academy.infrastructure.security.principal import Role
from academy.kit.ids import new_id
from tests.academies.in_process import TestAcademy
from tests.academies.payments import bought, news, ordered, paid_course, tell
from tests.faults.payments.shops import Shop, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(params=["stripe", "razorpay"])
def shop(request: pytest.FixtureRequest, shared_shops: Mapping[str, Shop]) -> Shop:
    """The academy by one of its gateways."""
    return shared_shops[request.param]


async def traces(visitor: Visitor, transaction: Transaction) -> list[str]:
    """What the database keeps of a transaction that names its buyer."""
    database = visitor.shop.academy.academy.database
    kept: list[object] = [
        *await database.collection(Transaction).find({"id": transaction.id}),
        *await database.collection(Transaction).find({"late_for": transaction.id}),
        *await database.collection(Invoice).find({"transaction_id": transaction.id}),
        *await database.collection(WebhookEvent).find({"transaction_id": transaction.id}),
    ]
    words = (visitor.buyer.user_id, visitor.buyer.email, visitor.buyer.name)
    return [word for one in kept for word in words if word in msgspec.json.encode(one).decode()]


async def test_nothing_in_an_open_transaction_names_its_buyer_any_more(shop: Shop) -> None:
    visitor = await shop.visitor()
    transaction = await visitor.checkout()
    await shop.deliver(await shop.vendor.decline(transaction.reference))
    assert set(await traces(visitor, transaction)) == {visitor.buyer.user_id, visitor.buyer.email, visitor.buyer.name}
    if shop.name == "razorpay":
        assert transaction.payload["prefill.email"] == visitor.buyer.email
    await visitor.deletes_account()
    kept = await shop.academy.academy.payments.get(transaction.id)
    assert (kept.user_id, kept.payload, kept.open_key, kept.history[0].actor_id) == ("", {}, None, "")
    assert await traces(visitor, transaction) == []


async def test_nothing_in_a_paid_transaction_names_its_buyer_any_more(shop: Shop) -> None:
    visitor = await shop.visitor()
    paid = await visitor.paid()
    told = await shop.academy.academy.payments.events_of(paid)
    assert any(event.body for event in told)
    await visitor.deletes_account()
    kept = await shop.academy.academy.payments.get(paid.id)
    assert (kept.status, kept.amount, kept.invoice_number) == (paid.status, paid.amount, paid.invoice_number)
    assert await traces(visitor, paid) == []
    after = await shop.academy.academy.payments.events_of(kept)
    assert {event.id: event.body for event in after} == {event.id: "" for event in told}


async def test_what_the_gateway_tells_afterwards_is_not_kept_either(shop: Shop) -> None:
    """Its events name the buyer, whom the gateway goes on to know."""
    visitor = await shop.visitor()
    transaction = await visitor.checkout()
    await visitor.deletes_account()
    webhooks = await shop.vendor.pay(transaction.reference)
    await shop.deliver(webhooks)
    kept = await shop.academy.academy.payments.get(transaction.id)
    assert kept.payment_reference
    told = await shop.academy.academy.payments.events_of(kept)
    assert told
    assert [event.body for event in told] == [""] * len(told)
    assert await traces(visitor, transaction) == []


async def test_an_admin_who_sent_money_back_stays_named_in_the_buyers_history(shop: Shop) -> None:
    visitor = await shop.visitor()
    paid = await visitor.paid()
    admin = await shop.academy.person(Role.ADMIN)
    await shop.academy.academy.refunds.request(admin, paid.id, amount=100, reason="Kindness")
    await shop.academy.work()
    await visitor.deletes_account()
    kept = await shop.academy.academy.payments.get(paid.id)
    assert {change.actor_id for change in kept.history} == {"", admin.user_id}


async def test_old_events_that_need_nobody_are_swept(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    await academy.work()
    transaction = await bought(academy, await academy.person(), await paid_course(academy))
    refused = news(transaction, payment_reference="", reference=new_id())
    ignored = news(transaction, NewsKind.OTHER)
    await tell(academy, refused, ignored)
    await academy.work()
    events = academy.academy.database.collection(WebhookEvent)
    told = await academy.academy.payments.events_of(transaction)
    [handled] = [event for event in told if event.status is WebhookStatus.HANDLED]
    [other] = await events.find({"event_id": ignored.event_id})
    assert other.status is WebhookStatus.IGNORED
    academy.clock.move(days=399)
    await academy.work()
    assert await events.get(handled.id) is not None
    assert await events.get(other.id) is not None
    academy.clock.move(days=2)
    young = await ordered(academy, await academy.person(), await paid_course(academy))
    later = news(young, NewsKind.OTHER)
    await tell(academy, later)
    await academy.work()
    assert await events.get(handled.id) is None
    assert await events.get(other.id) is None
    assert [one.status for one in await events.find({"event_id": refused.event_id})] == [WebhookStatus.REFUSED]
    assert len(await events.find({"event_id": later.event_id})) == 1
    assert (await academy.academy.payments.get(transaction.id)).status is TransactionStatus.PAID
