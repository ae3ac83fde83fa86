"""Buying for tests: courses that cost something, and buyers who go to the rehearsal gateway."""

import httpx
import msgspec

from academy.features.courses.model import Course
from academy.features.payments.checkout import Wish
from academy.features.payments.model import Transaction
from academy.infrastructure.gateways.base import News, NewsKind
from academy.infrastructure.gateways.rehearsal import RehearsalGateway
from academy.infrastructure.security.principal import Principal
from academy.kit.ids import new_id
from academy.kit.money import Money
from tests.academies.courses import PAID, published
from tests.academies.in_process import TestAcademy


def rehearsal(academy: TestAcademy) -> RehearsalGateway:
    """The gateway that moves no money."""
    gateway = academy.academy.rehearsal
    assert gateway is not None
    return gateway


async def paid_course(
    academy: TestAcademy, teacher: Principal | None = None, title: str = "", price: Money = PAID
) -> Course:
    """A course in the catalogue, for 1,499 rupees unless another price is given."""
    return await published(academy, teacher, title, price=price)


async def ordered(academy: TestAcademy, buyer: Principal, course: Course, coupon: str = "") -> Transaction:
    """What a buyer gets who presses the button of the checkout page."""
    wish = Wish(slug=course.slug, gateway="rehearsal", coupon=coupon)
    return await academy.academy.checkouts.start(buyer, wish)


async def bought(academy: TestAcademy, buyer: Principal, course: Course, coupon: str = "") -> Transaction:
    """A transaction that is paid, and told of by the gateway's webhook."""
    transaction = await ordered(academy, buyer, course, coupon)
    await rehearsal(academy).pay(transaction.reference)
    await academy.work()
    return await stored(academy, transaction)


async def stored(academy: TestAcademy, transaction: Transaction) -> Transaction:
    """The transaction as it is in the database now."""
    return await academy.academy.payments.get(transaction.id)


async def deliver(academy: TestAcademy, body: bytes) -> httpx.Response:
    """Sends a webhook of the rehearsal gateway, signed now."""
    signature = rehearsal(academy).sign(body, academy.clock.now())
    return await academy.api().post("webhooks/rehearsal", content=body, headers={"rehearsal-signature": signature})


def news(transaction: Transaction, kind: NewsKind = NewsKind.PAID, **changed: object) -> News:
    """What the gateway tells of a transaction."""
    is_paid = kind is NewsKind.PAID
    told = News(
        event_id=new_id(),
        event_type=f"test.{kind.value}",
        kind=kind,
        occurred_at=transaction.created_at,
        reference=transaction.reference,
        payment_reference=f"money-{transaction.id}" if is_paid or kind is NewsKind.REFUND else "",
        transaction_id=transaction.id,
        amount=transaction.amount if is_paid else None,
    )
    return msgspec.structs.replace(told, **changed)


async def tell(academy: TestAcademy, *told: News) -> list[int]:
    """Delivers webhooks one after the other, and returns how they are answered."""
    return [(await deliver(academy, msgspec.json.encode(one))).status_code for one in told]
