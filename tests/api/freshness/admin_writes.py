"""Every write of the admin's pages about payments, as an admin does it with a form."""

import httpx

from academy.features.enrolment.model import Enrolment
from academy.features.payments.model import Refund, RefundStatus, Transaction
from academy.kit.ids import new_id
from tests.academies.courses import PAID, published
from tests.academies.payments import bought, ordered
from tests.api.freshness.page_writes import admins_browser
from tests.api.freshness.payment_writes import coupon, coupon_code, tax
from tests.api.freshness.stage import Stage
from tests.api.freshness.writes import Write, entering

ADMIN_WRITES: dict[str, Write] = {}
write = entering(ADMIN_WRITES)


async def sold(stage: Stage) -> Transaction:
    """A payment for a course that shares its subject with the others."""
    course = await published(stage.writer, price=PAID, category_slug=stage.course.category)
    transaction = await bought(stage.writer, await stage.writer.person(), course)
    await stage.warm()
    return transaction


@write("POST /admin/transactions/{transaction_id}/check")
async def check(stage: Stage) -> httpx.Response:
    course = await published(stage.writer, price=PAID, category_slug=stage.course.category)
    transaction = await ordered(stage.writer, await stage.writer.person(), course)
    page = f"/admin/transactions/{transaction.id}"
    return await (await admins_browser(stage)).submit(page, f"{page}/check")


@write("POST /admin/transactions/{transaction_id}/refund")
async def refund(stage: Stage) -> httpx.Response:
    page = f"/admin/transactions/{(await sold(stage)).id}"
    fields = {"amount": "1499", "reason": "All of it", "key": new_id()}
    return await (await admins_browser(stage)).submit(page, f"{page}/refund", **fields)


@write("POST /admin/transactions/{transaction_id}/repair")
async def repair(stage: Stage) -> httpx.Response:
    transaction = await sold(stage)
    enrolments = stage.writer.academy.database.collection(Enrolment)
    assert await enrolments.delete_one({"transaction_id": transaction.id})
    browser = await admins_browser(stage)
    return await browser.submit("/admin/payments-repair", f"/admin/transactions/{transaction.id}/repair")


@write("POST /admin/transactions/{transaction_id}/refunds/{refund_id}/again")
async def refund_again(stage: Stage) -> httpx.Response:
    transaction = await sold(stage)
    transaction.refunds = [
        Refund(amount=1, reason="A test", status=RefundStatus.FAILED, failure="No", requested_at=transaction.created_at)
    ]
    await stage.writer.academy.database.collection(Transaction).replace(transaction)
    page = f"/admin/transactions/{transaction.id}"
    return await (await admins_browser(stage)).submit(page, f"{page}/refunds/{transaction.refunds[0].id}/again")


@write("POST /admin/transactions/{transaction_id}/settled")
async def settled(stage: Stage) -> httpx.Response:
    transaction = await sold(stage)
    transaction.trouble, transaction.troubled_at = "A refund failed.", transaction.created_at
    await stage.writer.academy.database.collection(Transaction).replace(transaction)
    page = f"/admin/transactions/{transaction.id}"
    return await (await admins_browser(stage)).submit(page, f"{page}/settled")


@write("POST /admin/coupons")
async def create_coupon(stage: Stage) -> httpx.Response:
    fields = {"code": coupon_code(), "percent": "10", "currency": "INR"}
    return await (await admins_browser(stage)).submit("/admin/coupons", "/admin/coupons", **fields)


@write("POST /admin/coupons/{code}/shut")
async def shut_coupon(stage: Stage) -> httpx.Response:
    code = await coupon(stage)
    return await (await admins_browser(stage)).submit("/admin/coupons", f"/admin/coupons/{code}/shut")


@write("POST /admin/coupons/{code}/open")
async def open_coupon(stage: Stage) -> httpx.Response:
    code = await coupon(stage)
    return await (await admins_browser(stage)).submit("/admin/coupons", f"/admin/coupons/{code}/open")


@write("POST /admin/taxes")
async def add_tax(stage: Stage) -> httpx.Response:
    fields = {"name": "VAT", "basis_points": "18", "country": "IN", "course": stage.course.slug, "inclusive": "true"}
    return await (await admins_browser(stage)).submit("/admin/taxes", "/admin/taxes", **fields)


@write("POST /admin/taxes/{rule_id}/remove")
async def remove_tax(stage: Stage) -> httpx.Response:
    rule_id = await tax(stage)
    return await (await admins_browser(stage)).submit("/admin/taxes", f"/admin/taxes/{rule_id}/remove")
