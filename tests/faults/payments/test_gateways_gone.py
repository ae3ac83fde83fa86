"""A gateway that is down while its buyers want to go on, and one that is not offered any more, or not even known."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from academy.features.payments.model import Access, RefundStatus, Transaction, TransactionStatus
from academy.infrastructure.security.principal import Role
from academy.kit.ids import new_id
from tests.academies.html import elements, text
from tests.contracts.gateways.under_test import Fault
from tests.contracts.jobs.workshop import until
from tests.faults.payments.shops import REASON, Shop, Visitor, opened_academy, opened_vendors, stripe_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

OTHER = {"stripe": "razorpay", "razorpay": "stripe"}


@pytest.fixture(params=["stripe", "razorpay"])
def shop(request: pytest.FixtureRequest, shared_shops: Mapping[str, Shop]) -> Iterator[Shop]:
    """The academy by one of its gateways; what a test does to the vendor ends with the test."""
    shop: Shop = shared_shops[request.param]
    yield shop
    shop.is_well()


# --- down ------------------------------------------------------------------------------------------------------------


async def test_who_cannot_pay_at_a_gateway_that_is_down_begins_at_another(
    shop: Shop, shared_shops: Mapping[str, Shop]
) -> None:
    visitor = await shop.visitor()
    first = await visitor.checkout()
    shop.vendor.breaks(Fault.DOWN)
    answer = await visitor.click(gateway=OTHER[shop.name])
    assert answer.status_code == 201, answer.text
    [second, given_up] = await visitor.transactions()
    assert (second.gateway, second.status) == (OTHER[shop.name], TransactionStatus.PENDING)
    assert (given_up.id, given_up.status) == (first.id, TransactionStatus.CANCELLED)
    assert given_up.check_at is not None, "nobody could say whether it may still be paid"
    shop.is_well()
    await shop.later(minutes=6)
    [_, closed] = await visitor.transactions()
    if shop.name == "stripe":
        assert stripe_of(shop).sessions[first.reference].status == "expired"
        assert closed.check_at is None
    else:
        assert closed.check_at is not None, "an order of Razorpay cannot be closed, so it is watched"
    other = shared_shops[second.gateway]
    await other.deliver(await other.vendor.pay(second.reference))
    assert await visitor.is_enrolled()


async def test_what_was_paid_before_the_gateway_went_down_is_found_and_the_second_payment_goes_back(
    shop: Shop, shared_shops: Mapping[str, Shop]
) -> None:
    """The buyer paid, its webhook is lost, they begin anew elsewhere: one of the payments is theirs, not both."""
    visitor = await shop.visitor()
    first = await visitor.checkout()
    await shop.vendor.pay(first.reference)
    shop.vendor.breaks(Fault.DOWN)
    assert (await visitor.click(gateway=OTHER[shop.name])).status_code == 201
    second = (await visitor.transactions())[0]
    shop.is_well()
    await shop.later(minutes=6)
    assert await visitor.is_enrolled()
    other = shared_shops[second.gateway]
    await other.deliver(await other.vendor.pay(second.reference))
    paid = {one.gateway: one for one in await visitor.transactions() if one.paid_at}
    assert (paid[shop.name].late_for, paid[shop.name].access) == (first.id, Access.GRANTED)
    assert paid[other.name].access is Access.HELD
    assert await other.sent_back(second) == second.amount.amount
    assert await shop.sent_back(first) == 0


async def test_who_gives_up_at_a_gateway_that_is_down_is_not_kept(shop: Shop) -> None:
    visitor = await shop.visitor()
    transaction = await visitor.checkout()
    browser = await shop.academy.signed_in_browser(person=visitor.buyer)
    page = f"/checkout/{visitor.course.slug}/{transaction.id}"
    shop.vendor.breaks(Fault.DOWN)
    answer = await browser.submit(f"{page}/cancelled", f"{page}/cancel")
    assert "Cancelled." in text(answer.text)
    [cancelled] = await visitor.transactions()
    assert (cancelled.status, cancelled.open_key) == (TransactionStatus.CANCELLED, None)
    assert "the money is found" in text((await browser.get(page)).text)
    paid = await shop.vendor.pay(transaction.reference)
    shop.is_well()
    await shop.deliver(paid)
    [late, _] = await visitor.transactions()
    assert (late.late_for, late.access) == (transaction.id, Access.GRANTED)


async def test_a_dead_gateway_with_hundreds_of_checkouts_does_not_hold_up_the_others(
    shared_shops: Mapping[str, Shop],
) -> None:
    dead, healthy = shared_shops["stripe"], shared_shops["razorpay"]
    pattern = await (await dead.visitor()).checkout()
    transactions = dead.academy.academy.database.collection(Transaction)
    due_at = dead.academy.clock.now() - timedelta(hours=1)
    crowd = [
        msgspec.structs.replace(
            pattern, id=new_id(), user_id=new_id(), open_key=new_id(), reference=new_id(), check_at=due_at
        )
        for _ in range(201)
    ]
    for one in crowd:
        await transactions.insert(one)
    dead.vendor.breaks(Fault.DOWN)
    visitor = await healthy.visitor()
    await healthy.vendor.pay((await visitor.checkout()).reference)
    await healthy.later(minutes=6)
    is_enrolled = await visitor.is_enrolled()
    dead.is_well()
    await transactions.delete_many({"id": {"$in": [one.id for one in crowd[:200]]}})
    await transactions.delete_many({"id": crowd[200].id})
    assert is_enrolled


async def has_begun(visitor: Visitor) -> bool:
    return bool(await visitor.transactions())


@pytest.mark.parametrize("minutes", [6, 31])
async def test_what_could_not_be_opened_for_a_while_is_made_anew(
    shared_shops: Mapping[str, Shop], minutes: int
) -> None:
    """Stripe takes no checkout that is over in less than half an hour."""
    shop = shared_shops["stripe"]
    visitor, before = await shop.visitor(), shop.vendor.checkouts
    shop.vendor.breaks(Fault.DOWN)
    assert (await visitor.click()).status_code == 503
    shop.academy.clock.move(minutes=minutes)
    shop.is_well()
    answer = await (await visitor.back()).click()
    assert answer.status_code == 201, answer.text
    [anew, old] = await visitor.transactions()
    assert (old.status, old.check_at) == (TransactionStatus.CANCELLED, None)
    assert (anew.status, shop.vendor.checkouts) == (TransactionStatus.PENDING, before + 1)
    assert anew.expires_at - shop.academy.clock.now() > timedelta(minutes=59)
    await shop.deliver(await shop.vendor.pay(anew.reference))
    assert await visitor.is_enrolled()


async def test_a_checkout_that_is_opened_while_it_is_cancelled_is_closed_at_the_gateway(
    shared_shops: Mapping[str, Shop],
) -> None:
    shop = shared_shops["stripe"]
    visitor, before = await shop.visitor(), shop.vendor.checkouts
    with stripe_of(shop).silent():
        click = asyncio.create_task(visitor.click())
        await until(lambda: has_begun(visitor))
        [begun] = await visitor.transactions()
        await shop.academy.academy.checkouts.cancel(visitor.buyer, begun.id)
    answer = await click
    assert (answer.status_code, answer.json()["code"]) == (409, "not_for_sale")
    [cancelled] = await visitor.transactions()
    assert (cancelled.status, cancelled.checkout_url) == (TransactionStatus.CANCELLED, "")
    assert shop.vendor.checkouts == before + 1
    assert stripe_of(shop).sessions[cancelled.reference].status == "expired"
    await shop.later(minutes=6)
    assert (await visitor.transactions())[0].check_at is None


# --- offered no more -------------------------------------------------------------------------------------------------


async def refuses(visitor: Visitor) -> bool:
    """Whether the gateway is offered to the buyer of another course no more."""
    other = await visitor.shop.visitor()
    answer = await other.click()
    browser = await visitor.shop.academy.signed_in_browser(person=other.buyer)
    page = (await browser.get(f"/checkout/{other.course.slug}")).text
    offered = {one.attributes["value"] for one in elements(page, "input", name="gateway")}
    assert offered <= {OTHER[visitor.shop.name]}
    return (answer.status_code, answer.json()["code"]) == (422, "gateway_not_offered")


@pytest.mark.parametrize("name", ["stripe", "razorpay"])
async def test_a_gateway_that_is_offered_no_more_finishes_what_it_began(tmp_path: Path, name: str) -> None:
    async with opened_vendors() as vendors:
        async with opened_academy(tmp_path, vendors) as shops:
            told, lost, returned = [await shops[name].visitor() for _ in range(3)]
            first, second = await told.checkout(), await lost.checkout()
            paid = await returned.paid()
        async with opened_academy(tmp_path, vendors, offered=OTHER[name]) as shops:
            shop = shops[name]
            told, lost, returned = [
                msgspec.structs.replace(one, shop=shop, api=await shop.academy.signed_in_api(person=one.buyer))
                for one in (told, lost, returned)
            ]
            assert await refuses(told)
            await shop.deliver(await shop.vendor.pay(first.reference))
            assert await told.is_enrolled(), "its webhooks are taken"
            await shop.vendor.pay(second.reference)
            await shop.later(minutes=6)
            assert await lost.is_enrolled(), "it is asked"
            await shop.ask_back(paid)
            [sent] = (await returned.transactions())[0].refunds
            await shop.deliver(await shop.vendor.refund_webhooks(sent.reference))
            [back] = await returned.transactions()
            assert (back.status, await returned.is_enrolled()) == (TransactionStatus.REFUNDED, False)
            assert await shop.sent_back(back) == back.amount.amount


@pytest.mark.parametrize("name", ["stripe", "razorpay"])
async def test_the_admin_asks_a_gateway_that_is_offered_no_more(tmp_path: Path, name: str) -> None:
    async with opened_vendors() as vendors:
        async with opened_academy(tmp_path, vendors) as shops:
            transaction = await (await shops[name].visitor()).checkout()
            await shops[name].vendor.pay(transaction.reference)
        async with opened_academy(tmp_path, vendors, offered=OTHER[name]) as shops:
            browser = await shops[name].academy.signed_in_browser(Role.ADMIN)
            page = f"/admin/transactions/{transaction.id}"
            assert elements((await browser.get(page)).text, "form", action=f"{page}/check")
            answer = await browser.submit(page, f"{page}/check")
            assert "the transaction is paid now" in text(answer.text)


async def test_a_gateway_whose_keys_are_gone_is_trouble_where_money_has_to_go_back(tmp_path: Path) -> None:
    """What it was to be paid by then ends in time, and nobody waits for a gateway that cannot be asked."""
    async with opened_vendors() as vendors:
        async with opened_academy(tmp_path, vendors) as shops:
            waiting, returned = await shops["stripe"].visitor(), await shops["stripe"].visitor()
            transaction, paid = await waiting.checkout(), await returned.paid()
        keys = {"STRIPE_SECRET_KEY": "", "STRIPE_WEBHOOK_SECRET": ""}
        async with opened_academy(tmp_path, vendors, offered="razorpay", **keys) as shops:
            shop = shops["razorpay"]
            webhook = (await vendors.stripe.pay(transaction.reference))[-1]
            answer = await shop.academy.api().post("webhooks/stripe", content=webhook.body, headers=webhook.headers)
            assert answer.status_code == 404
            admin = await shop.academy.signed_in_api(Role.ADMIN)
            assert (await admin.post(f"transactions/{paid.id}/refund", json={"reason": REASON})).status_code == 202
            await shop.later(minutes=61)
            payments = shop.academy.academy.payments
            owed, over = await payments.get(paid.id), await payments.get(transaction.id)
            assert (over.status, over.check_at) == (TransactionStatus.EXPIRED, None)
            assert [(one.status, one.failure) for one in owed.refunds] == [
                (RefundStatus.FAILED, "stripe is not set up here any more.")
            ]
            assert "stripe is not set up here any more." in owed.trouble
            assert "Payments that need somebody: 1." in await payments.health_check()
            assert not elements(
                (await (await shop.academy.signed_in_browser(Role.ADMIN)).get(f"/admin/transactions/{over.id}")).text,
                "form",
                action=f"/admin/transactions/{over.id}/check",
            )
