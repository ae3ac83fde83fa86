"""Webhooks as gateways send them on bad days: doubled, reordered, early, late, forged, and about somebody else."""

import asyncio
import itertools
from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest

from academy.features.courses.model import Course
from academy.features.payments.model import (
    Access,
    PaymentReceived,
    RefundStatus,
    Transaction,
    TransactionStatus,
    WebhookStatus,
)
from academy.infrastructure.gateways.base import GatewayDispute, GatewayRefund, News, NewsKind, RefundState
from academy.infrastructure.security.principal import Principal
from academy.kit.ids import new_id
from academy.kit.money import Money
from tests.academies.courses import stored as stored_course
from tests.academies.in_process import PASSWORD, TestAcademy
from tests.academies.payments import deliver, news, ordered, paid_course, rehearsal, stored, tell

pytestmark = pytest.mark.asyncio(loop_scope="module")


def refunded(transaction: Transaction, amount: int | None = None) -> News:
    """All of the money, or a part, was sent back on the gateway's own pages."""
    back = Money(amount=amount or transaction.amount.amount, currency=transaction.amount.currency)
    told = GatewayRefund(reference=f"back-{new_id()}", refund_id="", amount=back, state=RefundState.DONE)
    return news(transaction, NewsKind.REFUND, refund=told)


async def buyer_at_the_gateway(academy: TestAcademy) -> tuple[Principal, Course, Transaction]:
    course = await paid_course(academy)
    buyer = await academy.person()
    return buyer, course, await ordered(academy, buyer, course)


async def assert_paid_once(academy: TestAcademy, buyer: Principal, course: Course) -> None:
    """Paid = enrolled = receipted, each once; money in = money recorded."""
    held = (await academy.academy.payments.of_user(buyer.user_id)).items
    paid = [one for one in held if one.paid_at is not None]
    assert [one.status for one in paid] == [TransactionStatus.PAID]
    assert len({one.payment_key for one in paid}) == 1
    assert await academy.academy.enrolments.is_enrolled(buyer.user_id, course.id)
    assert (await stored_course(academy, course)).enrolment_count == 1
    documents = [one for each in paid for one in await academy.academy.payments.documents(each)]
    assert [one.number for one in documents] == [paid[0].invoice_number]
    receipts = [mail for mail in await academy.messages() if documents[0].number in mail.text]
    assert [mail.to for mail in receipts] == [buyer.email]


async def test_a_thousand_copies_at_once_are_one_payment(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    buyer, course, transaction = await buyer_at_the_gateway(academy)
    body = msgspec.json.encode(news(transaction))
    answers = await asyncio.gather(*(deliver(academy, body) for _ in range(1_000)))
    assert {answer.status_code for answer in answers} == {204}
    await academy.work()
    await assert_paid_once(academy, buyer, course)


async def test_many_events_of_one_payment_at_once_are_one_payment(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    buyer, course, transaction = await buyer_at_the_gateway(academy)
    told = [news(transaction, event_type=f"copy.{number}") for number in range(50)]
    await asyncio.gather(*(deliver(academy, msgspec.json.encode(one)) for one in told))
    await asyncio.gather(*(academy.work() for _ in range(4)))
    await assert_paid_once(academy, buyer, course)


def story(transaction: Transaction) -> list[News]:
    """Everything that can happen to one payment, in the order of its happening."""
    dispute = GatewayDispute(reference="dispute-1", amount=transaction.amount, reason="fraud", status="open")
    return [
        news(transaction, NewsKind.FAILED, failure="The card was declined."),
        news(transaction),
        refunded(transaction, 50_000),
        news(transaction, NewsKind.DISPUTE, payment_reference=f"money-{transaction.id}", dispute=dispute),
    ]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=lambda order: "".join(map(str, order)))
async def test_every_order_of_the_events_ends_the_same(shared_academy: TestAcademy, order: Sequence[int]) -> None:
    academy = shared_academy
    _, course, transaction = await buyer_at_the_gateway(academy)
    events = story(transaction)
    for number in order:
        assert await tell(academy, events[number], events[number]) == [204, 204]
    await academy.work()
    academy.clock.move(minutes=30)
    await academy.work()

    ended = await stored(academy, transaction)
    assert (ended.status, ended.refunded) == (TransactionStatus.PARTIALLY_REFUNDED, 50_000)
    assert ended.dispute is not None
    assert ended.access is Access.GRANTED
    assert (await stored_course(academy, course)).enrolment_count == 1
    assert [refund.status for refund in ended.refunds] == [RefundStatus.DONE]
    assert [document.number[:3] for document in await academy.academy.payments.documents(ended)] == ["RA-", "RAC"]
    assert [event.status for event in await academy.academy.payments.events_of(ended)] == [WebhookStatus.HANDLED] * 4


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["expired first", "paid first"])
async def test_money_that_comes_when_the_checkout_is_over_is_not_lost(
    shared_academy: TestAcademy, order: tuple[int, int]
) -> None:
    academy = shared_academy
    buyer, course, transaction = await buyer_at_the_gateway(academy)
    events = [news(transaction, NewsKind.EXPIRED, is_final=True), news(transaction)]
    for number in order:
        await tell(academy, events[number])
        await academy.work()
    await tell(academy, events[1])
    await academy.work()
    await assert_paid_once(academy, buyer, course)


async def test_a_second_payment_of_one_checkout_goes_back(shared_academy: TestAcademy) -> None:
    """Two browsers paid; the buyer has the course once, and the second money is recorded and returned."""
    academy = shared_academy
    buyer, course, transaction = await buyer_at_the_gateway(academy)
    await tell(academy, news(transaction), news(transaction, payment_reference="second-money"))
    await academy.work()
    held = (await academy.academy.payments.of_user(buyer.user_id)).items
    assert sorted(one.payment_reference for one in held) == sorted([f"money-{transaction.id}", "second-money"])
    second = next(one for one in held if one.payment_reference == "second-money")
    assert (second.status, second.access) == (TransactionStatus.PAID, Access.HELD)
    # The rehearsal gateway has never seen this money, so it refuses to return it; the admin sees that.
    assert [(refund.amount, refund.status) for refund in second.refunds] == [(149_900, RefundStatus.FAILED)]
    assert (await stored_course(academy, course)).enrolment_count == 1


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"amount": Money(amount=100, currency="INR")}, "1499.00 INR were to be paid"),
        ({"amount": Money(amount=149_900, currency="USD")}, "1499.00 INR were to be paid"),
        ({"amount": None}, "tells of nothing"),
        ({"reference": "another-checkout"}, "another-checkout"),
        ({"payment_reference": ""}, "without saying which"),
    ],
    ids=["wrong amount", "wrong currency", "no amount", "another checkout", "no payment"],
)
async def test_what_does_not_fit_the_order_pays_nothing(
    shared_academy: TestAcademy, changed: dict[str, object], why: str
) -> None:
    academy = shared_academy
    buyer, course, transaction = await buyer_at_the_gateway(academy)
    await tell(academy, msgspec.structs.replace(news(transaction), **changed))
    await academy.work()
    assert (await stored(academy, transaction)).status is TransactionStatus.PENDING
    assert not await academy.academy.enrolments.is_enrolled(buyer.user_id, course.id)
    [event] = await academy.academy.payments.events_of(transaction)
    assert event.status is WebhookStatus.REFUSED
    assert why in event.outcome


async def test_somebody_elses_payment_pays_nothing_of_mine(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    _, _, mine = await buyer_at_the_gateway(academy)
    _, _, theirs = await buyer_at_the_gateway(academy)
    await tell(academy, news(theirs, transaction_id=mine.id))
    await academy.work()
    assert (await stored(academy, mine)).status is TransactionStatus.PENDING
    assert (await stored(academy, theirs)).status is TransactionStatus.PAID


async def test_what_nobody_signed_is_not_kept(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    _, _, transaction = await buyer_at_the_gateway(academy)
    body = msgspec.json.encode(news(transaction))
    gateway, now = rehearsal(academy), academy.clock.now()
    good = gateway.sign(body, now)
    forged = [
        "",
        "t=1,v1=",
        "nonsense",
        good.replace("v1=", "v2="),
        good[:-1] + ("0" if good[-1] != "0" else "1"),
        gateway.sign(body + b" ", now),
        gateway.sign(body, now - timedelta(minutes=6)),
        gateway.sign(body, now + timedelta(minutes=6)),
        f"t={'9' * 40},v1=00",
        "t=\u0661,v1=\u0661".encode().decode("latin-1"),
    ]
    for signature in forged:
        answer = await academy.api().post(
            "webhooks/rehearsal", content=body, headers={b"rehearsal-signature": signature.encode("latin-1")}
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_signature"), signature
    await academy.work()
    assert (await stored(academy, transaction)).status is TransactionStatus.PENDING
    assert await academy.academy.payments.events_of(transaction) == []


@pytest.mark.parametrize("gateway", ["stripe", "razorpay"])
async def test_the_webhooks_of_a_gateway_that_is_not_set_up_are_closed(
    shared_academy: TestAcademy, gateway: str
) -> None:
    answer = await shared_academy.api().post(f"webhooks/{gateway}", json={"id": "evt_1"})
    assert (answer.status_code, answer.json()["code"]) == (404, "webhooks_closed")


async def test_an_event_that_nothing_fits_waits_shows_in_health_and_is_given_up(
    shared_embedded_academy: TestAcademy,
) -> None:
    academy = shared_embedded_academy
    _, _, transaction = await buyer_at_the_gateway(academy)
    unknown = news(transaction, reference="of-another-shop", transaction_id=new_id())
    await tell(academy, unknown)
    await academy.work()
    academy.clock.move(minutes=6)
    assert "rehearsal" in await academy.academy.payments.health_check()
    for _ in range(12):
        academy.clock.move(hours=1, minutes=1)
        await academy.work()
    assert await academy.academy.payments.health_check() == ""
    page = await academy.academy.payments.webhook_events(WebhookStatus.UNMATCHED)
    assert unknown.event_id in {event.event_id for event in page.items}


async def test_news_of_a_deleted_buyer_is_recorded_and_the_money_goes_back(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    buyer, course, transaction = await buyer_at_the_gateway(academy)
    api = await academy.signed_in_api(person=buyer)
    assert (await api.request("DELETE", "me", json={"password": PASSWORD})).status_code == 204
    await rehearsal(academy).pay(transaction.reference)
    await academy.work()
    kept = await stored(academy, transaction)
    assert (kept.status, kept.access, kept.user_id) == (TransactionStatus.REFUNDED, Access.GONE, "")
    assert (kept.buyer.name, kept.buyer.email) == ("Deleted account", "")
    assert (await stored_course(academy, course)).enrolment_count == 0


async def test_the_event_is_one_with_its_payment(shared_academy: TestAcademy) -> None:
    """The news to the rest of the academy is written in the transaction that pays."""
    academy = shared_academy
    heard: list[str] = []

    async def hear(event: PaymentReceived) -> None:
        heard.append(event.transaction_id)

    academy.academy.jobs.subscribe(PaymentReceived, f"test-{new_id()}", hear)
    _, _, transaction = await buyer_at_the_gateway(academy)
    await tell(academy, news(transaction), news(transaction))
    await academy.work()
    assert heard == [transaction.id]
