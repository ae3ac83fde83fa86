"""Uses of a coupon: each is taken once, kept as long as it may be paid for, and given back when it cannot."""

from collections.abc import Mapping

import pytest

from academy.features.payments.coupons import CouponDetails
from academy.features.payments.model import (
    Access,
    TransactionStatus,
)
from academy.features.payments.pricing_model import Coupon
from academy.infrastructure.gateways.base import NewsKind
from academy.infrastructure.security.principal import Role
from academy.kit.ids import new_id
from tests.academies.courses import stored as stored_course
from tests.academies.in_process import TestAcademy
from tests.academies.payments import bought, news, ordered, paid_course, stored, tell
from tests.faults.payments.shops import Shop, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def razorpay(shared_shops: Mapping[str, Shop]) -> Shop:
    """Its orders cannot be closed: what was given up may still be paid."""
    return shared_shops["razorpay"]


async def coupon(academy: TestAcademy, limit: int | None = 1) -> str:
    """A new coupon for half the price; returns its code."""
    made = await academy.academy.coupons.create(CouponDetails(code=f"HALF-{new_id()[-12:]}", percent=50, limit=limit))
    return made.code


async def uses(academy: TestAcademy, code: str) -> tuple[int, int]:
    """How many transactions use a coupon, and how many uses are left."""
    [found] = await academy.academy.database.collection(Coupon).find({"code": code})
    return found.used, found.left


async def given_up(razorpay: Shop, code: str) -> Visitor:
    """A buyer who went to the gateway with a coupon, came back, and cancelled."""
    visitor = await razorpay.visitor()
    transaction = await visitor.checkout(coupon=code)
    assert transaction.amount.amount == 74_950
    await razorpay.academy.academy.checkouts.cancel(visitor.buyer, transaction.id)
    return visitor


async def test_the_use_of_what_was_given_up_but_may_be_paid_stays_taken(razorpay: Shop) -> None:
    academy = razorpay.academy
    code = await coupon(academy)
    visitor = await given_up(razorpay, code)
    [cancelled] = await visitor.transactions()
    assert (cancelled.status, cancelled.coupon_held) == (TransactionStatus.CANCELLED, True)
    assert await uses(academy, code) == (1, 0)
    somebody = await (await razorpay.visitor()).click(coupon=code)
    assert (somebody.status_code, somebody.json()["code"]) == (422, "coupon_invalid")
    await razorpay.deliver(await razorpay.vendor.pay(cancelled.reference))
    [late, _] = await visitor.transactions()
    assert (late.access, late.coupon_code, late.coupon_held) == (Access.GRANTED, code, False)
    assert not (await visitor.transactions())[1].coupon_held
    await razorpay.later(16, hours=12)
    assert await uses(academy, code) == (1, 0)


async def test_the_same_buyers_next_try_for_the_course_takes_the_use_over(razorpay: Shop) -> None:
    academy = razorpay.academy
    code = await coupon(academy)
    visitor = await given_up(razorpay, code)
    other = {"course": (await paid_course(academy)).slug, "gateway": "razorpay", "coupon": code}
    answer = await visitor.api.post("checkouts", json=other)
    assert (answer.status_code, answer.json()["code"]) == (422, "coupon_invalid"), "for another course it is used"
    assert (await visitor.click(coupon=code)).status_code == 201
    [second, first] = await visitor.transactions()
    assert (second.amount.amount, second.coupon_held, first.coupon_held) == (74_950, True, False)
    assert await uses(academy, code) == (1, 0)
    await razorpay.deliver(await razorpay.vendor.pay(second.reference))
    await razorpay.later(16, hours=12)
    assert await uses(academy, code) == (1, 0), "the first one had nothing to give back"
    assert await visitor.is_enrolled()


async def test_the_use_is_given_back_once_when_nobody_waits_for_the_money_any_more(razorpay: Shop) -> None:
    academy = razorpay.academy
    code = await coupon(academy)
    visitor = await given_up(razorpay, code)
    await razorpay.later(13, hours=12)
    assert await uses(academy, code) == (1, 0)
    await razorpay.later(3, hours=12)
    assert (await visitor.transactions())[0].check_at is None
    assert await uses(academy, code) == (0, 1)
    await razorpay.later(3, hours=12)
    assert await uses(academy, code) == (0, 1)
    assert (await (await razorpay.visitor()).click(coupon=code)).status_code == 201


async def test_money_that_comes_after_the_use_was_given_back_takes_one(shared_academy: TestAcademy) -> None:
    """Also one more than there are: the buyer paid the price that they were told."""
    academy = shared_academy
    code = await coupon(academy)
    course = await paid_course(academy)
    transaction = await ordered(academy, await academy.person(), course, code)
    await tell(academy, news(transaction, NewsKind.EXPIRED, is_final=True))
    await academy.work()
    assert (await uses(academy, code), (await stored(academy, transaction)).coupon_held) == ((0, 1), False)
    await bought(academy, await academy.person(), course, code)
    assert await uses(academy, code) == (1, 0)
    await tell(academy, news(transaction))
    await academy.work()
    late = (await academy.academy.payments.of_user(transaction.user_id)).items[0]
    assert (late.late_for, late.access) == (transaction.id, Access.GRANTED)
    assert await uses(academy, code) == (2, -1)
    listed = (await (await academy.signed_in_api(Role.ADMIN)).get("admin/coupons", params={"limit": 100})).json()
    assert [(one["used"], one["left"]) for one in listed["items"] if one["code"] == code] == [(2, 0)]


@pytest.mark.parametrize("is_deleted", [True, False], ids=["gone", "held"])
async def test_money_that_goes_back_takes_no_use(shared_academy: TestAcademy, is_deleted: bool) -> None:
    academy = shared_academy
    code = await coupon(academy)
    teacher, buyer = await academy.person(Role.INSTRUCTOR), await academy.person()
    course = await paid_course(academy, teacher)
    transaction = await ordered(academy, buyer, course, code)
    assert await uses(academy, code) == (1, 0)
    if is_deleted:
        await academy.academy.courses.delete(teacher, course.slug)
    else:
        await academy.academy.enrolments.grant(buyer, await stored_course(academy, course))
    await tell(academy, news(transaction))
    await academy.work()
    paid = await stored(academy, transaction)
    assert paid.access is (Access.GONE if is_deleted else Access.HELD)
    assert await uses(academy, code) == (0, 1)


async def test_late_money_that_goes_back_leaves_the_limit_as_it_is(razorpay: Shop) -> None:
    """The first try is paid as well, after the second one: its money goes back, and no use comes of that."""
    academy = razorpay.academy
    code = await coupon(academy)
    visitor = await given_up(razorpay, code)
    assert (await visitor.click(coupon=code)).status_code == 201
    [second, first] = await visitor.transactions()
    await razorpay.deliver(await razorpay.vendor.pay(second.reference))
    await razorpay.deliver(await razorpay.vendor.pay(first.reference))
    late = (await visitor.transactions())[0]
    assert (late.late_for, late.access) == (first.id, Access.HELD)
    assert await uses(academy, code) == (1, 0)
    somebody = await (await razorpay.visitor()).click(coupon=code)
    assert (somebody.status_code, somebody.json()["code"]) == (422, "coupon_invalid")
