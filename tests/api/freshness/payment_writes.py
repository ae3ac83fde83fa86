"""Every write of the API that moves money, as somebody who may do it does it."""

import httpx
import msgspec

from academy.features.payments.coupons import CouponDetails
from academy.features.payments.model import Transaction
from academy.features.payments.taxes import TaxDetails
from academy.infrastructure.gateways.base import News, NewsKind
from academy.kit.ids import new_id
from tests.academies.payments import bought, deliver, ordered
from tests.api.freshness.stage import Stage
from tests.api.freshness.writes import Write, entering

PAYMENT_WRITES: dict[str, Write] = {}
write = entering(PAYMENT_WRITES)


async def _for_sale(stage: Stage) -> None:
    """Gives the course of the stage a price, and has everything answered from memory again."""
    answer = await stage.teacher.patch(stage.own, json={"price": {"amount": 49_900, "currency": "INR"}})
    assert answer.status_code == 200, answer.text
    await stage.warm()


async def _ordered(stage: Stage) -> Transaction:
    await _for_sale(stage)
    return await ordered(stage.writer, await stage.writer.person(), stage.course)


@write("POST /checkouts")
async def start_checkout(stage: Stage) -> httpx.Response:
    """A coupon pays all of it, so the buyer is enrolled at once."""
    await _for_sale(stage)
    code = f"ALL-{new_id()[-12:]}"
    await stage.writer.academy.coupons.create(CouponDetails(code=code, percent=100))
    api = await stage.writer.signed_in_api()
    return await api.post("checkouts", json={"course": stage.course.slug, "coupon": code})


@write("POST /webhooks/rehearsal")
async def payment(stage: Stage) -> httpx.Response:
    transaction = await _ordered(stage)
    paid = News(
        event_id=new_id(),
        event_type="payment.paid",
        kind=NewsKind.PAID,
        occurred_at=transaction.created_at,
        reference=transaction.reference,
        payment_reference=new_id(),
        transaction_id=transaction.id,
        amount=transaction.amount,
    )
    answer = await deliver(stage.writer, msgspec.json.encode(paid))
    await stage.writer.work()
    return answer


@write("POST /transactions/{transaction_id}/refund")
async def refund(stage: Stage) -> httpx.Response:
    await _for_sale(stage)
    transaction = await bought(stage.writer, await stage.writer.person(), stage.course)
    await stage.warm()
    answer = await stage.admin.post(f"transactions/{transaction.id}/refund", json={"reason": "Asked for it"})
    await stage.writer.work()
    return answer


def coupon_code() -> str:
    """A code that no other test uses."""
    return f"C{new_id()[-12:]}".upper()


async def coupon(stage: Stage) -> str:
    """Makes a coupon, and returns its code."""
    made = await stage.writer.academy.coupons.create(CouponDetails(code=coupon_code(), percent=10))
    return made.code


@write("POST /admin/coupons")
async def create_coupon(stage: Stage) -> httpx.Response:
    return await stage.admin.post("admin/coupons", json={"code": coupon_code(), "percent": 10})


@write("POST /admin/coupons/{code}/shut")
async def shut_coupon(stage: Stage) -> httpx.Response:
    return await stage.admin.post(f"admin/coupons/{await coupon(stage)}/shut")


@write("POST /admin/coupons/{code}/open")
async def open_coupon(stage: Stage) -> httpx.Response:
    return await stage.admin.post(f"admin/coupons/{await coupon(stage)}/open")


async def tax(stage: Stage) -> str:
    """Adds a tax on the course, and returns its id."""
    details = TaxDetails(country="IN", course_id=stage.course.id, name="VAT", basis_points=1800)
    return (await stage.writer.academy.taxes.add(details)).id


@write("POST /admin/taxes")
async def add_tax(stage: Stage) -> httpx.Response:
    body = {"country": "IN", "course": stage.course.slug, "name": "VAT", "basis_points": 1800}
    return await stage.admin.post("admin/taxes", json=body)


@write("DELETE /admin/taxes/{rule_id}")
async def remove_tax(stage: Stage) -> httpx.Response:
    return await stage.admin.delete(f"admin/taxes/{await tax(stage)}")
