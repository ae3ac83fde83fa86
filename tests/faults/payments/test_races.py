"""Many hands at once on one course, one coupon, one transaction: in the end the books are right."""

import asyncio

import pytest

from academy.features.accounts.administration import COMMAND_LINE
from academy.features.payments.coupons import CouponDetails
from academy.features.payments.errors import CouponInvalid, NotCancellable, NothingToRepair
from academy.features.payments.model import Access, Transaction, TransactionStatus
from academy.infrastructure.gateways.rehearsal import CheckoutOver
from academy.infrastructure.security.principal import Principal, Role
from academy.kit.errors import AcademyError
from academy.kit.ids import new_id
from academy.kit.money import Money
from tests.academies.books import books
from tests.academies.in_process import PASSWORD, TestAcademy
from tests.academies.payments import ordered, paid_course, rehearsal, stored
from tests.faults.payments.crowds import at_once, check_end, coupon, hours_pass, people, work_at_once

pytestmark = pytest.mark.asyncio(loop_scope="module")

# --- coupons ---------------------------------------------------------------------------------------------------------


async def test_the_last_use_of_a_coupon_is_one_buyers(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    course, code = await paid_course(academy), await coupon(academy, 1)
    buyers = await people(academy, 50)

    async def who_gets_it() -> tuple[Principal, Transaction]:
        got, refused = await at_once(*(ordered(academy, buyer, course, code) for buyer in buyers))
        assert {type(error) for error in refused} == {CouponInvalid}
        [transaction] = got
        assert transaction.amount.amount == 74_950
        (await books(academy.academy)).check_coupon(code, 1)
        return next(buyer for buyer in buyers if buyer.user_id == transaction.user_id), transaction

    first, transaction = await who_gets_it()
    await academy.academy.checkouts.cancel(first, transaction.id)
    buyers.remove(first)
    second, transaction = await who_gets_it()
    await hours_pass(academy)
    assert (await stored(academy, transaction)).status is TransactionStatus.EXPIRED
    buyers.remove(second)
    _, transaction = await who_gets_it()
    await rehearsal(academy).pay(transaction.reference)
    await academy.work()
    _, refused = await at_once(*(ordered(academy, buyer, course, code) for buyer in (first, second)))
    assert len(refused) == 2, "a use that was paid does not come back"
    await check_end(academy)


async def test_a_coupon_is_one_use_for_a_buyer_of_many_courses(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    buyer, code = await academy.person(), await coupon(academy, 10)
    courses = [await paid_course(academy) for _ in range(8)]
    got, refused = await at_once(*(ordered(academy, buyer, course, code) for course in courses))
    assert (len(got), {type(error) for error in refused}) == (1, {CouponInvalid})
    (await books(academy.academy)).check_coupon(code, 10)


async def test_a_free_course_by_coupon_is_one_use_however_often_it_is_clicked(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    course, buyer = await paid_course(academy), await academy.person()
    code = f"ALL-{new_id()[-12:].upper()}"
    await academy.academy.coupons.create(CouponDetails(code=code, percent=100, limit=5))
    await at_once(*(ordered(academy, buyer, course, code) for _ in range(10)))
    [transaction] = (await academy.academy.payments.of_user(buyer.user_id)).items
    assert (transaction.status, transaction.access) == (TransactionStatus.PAID, Access.GRANTED)
    (await books(academy.academy)).check_coupon(code, 5)
    await check_end(academy)


# --- one buyer, many clicks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_keys", [False, True], ids=["no keys", "a key each"])
async def test_thirty_clicks_are_one_transaction(shared_academy: TestAcademy, has_keys: bool) -> None:
    academy = shared_academy
    course, buyer = await paid_course(academy), await academy.person()
    api = await academy.signed_in_api(person=buyer)
    wish = {"course": course.slug, "gateway": "rehearsal"}
    answers = await asyncio.gather(
        *(
            api.post("checkouts", json=wish, headers={"Idempotency-Key": new_id()} if has_keys else {})
            for _ in range(30)
        )
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    [transaction] = (await academy.academy.payments.of_user(buyer.user_id)).items
    assert answers[0].json()["checkout_url"] == transaction.checkout_url


async def test_two_wishes_at_once_leave_one_checkout_that_can_be_paid(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    course, buyer, code = await paid_course(academy), await academy.person(), await coupon(academy, 3)
    wishes = ["", code] * 5
    got, refused = await at_once(*(ordered(academy, buyer, course, wished) for wished in wishes))
    assert len(got) + len(refused) == len(wishes)
    assert all(one.checkout_url for one in got), "whoever is not refused can pay"
    held = (await academy.academy.payments.of_user(buyer.user_id)).items
    [left] = [one for one in held if one.is_open]
    await asyncio.gather(*(_tried(academy, one) for one in held))
    await check_end(academy)
    assert (await stored(academy, left)).status is TransactionStatus.PAID
    assert await academy.academy.enrolments.is_enrolled(buyer.user_id, course.id)


async def _tried(academy: TestAcademy, transaction: Transaction) -> bool:
    """Pays a checkout if it can be paid; returns whether it could."""
    try:
        await rehearsal(academy).pay(transaction.reference)
    except AcademyError:
        return False
    return True


async def test_two_browsers_of_one_buyer_pay_once(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    course, buyer = await paid_course(academy), await academy.person()
    browsers = [await academy.signed_in_api(person=buyer) for _ in range(2)]
    wish = {"course": course.slug, "gateway": "rehearsal"}
    headers = [{"Idempotency-Key": new_id()} for _ in browsers]
    answers = await asyncio.gather(
        *(api.post("checkouts", json=wish, headers=key) for api, key in zip(browsers, headers, strict=True))
    )
    references = [answer.json()["checkout_url"].rpartition("/")[2] for answer in answers]
    paid, refused = await at_once(*(rehearsal(academy).pay(reference) for reference in references))
    assert (len(paid), [type(error) for error in refused]) == (1, [CheckoutOver])
    await academy.work()
    again = await browsers[0].post("checkouts", json=wish)
    assert (again.status_code, again.json()["code"]) == (409, "already_enrolled")
    await check_end(academy)
    [transaction] = (await academy.academy.payments.of_user(buyer.user_id)).items
    assert transaction.status is TransactionStatus.PAID


async def test_forty_payments_at_once_are_numbered_without_gaps(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    course = await paid_course(academy)
    transactions = [await ordered(academy, buyer, course) for buyer in await people(academy, 40)]
    await asyncio.gather(*(rehearsal(academy).pay(one.reference) for one in transactions))
    await asyncio.gather(*(academy.work() for _ in range(10)))
    paid = [await stored(academy, one) for one in transactions]
    assert len({one.invoice_number for one in paid} - {None}) == 40
    await check_end(academy)


# --- giving up against paying ----------------------------------------------------------------------------------------


async def test_giving_up_against_paying(shared_academy: TestAcademy) -> None:
    """Whatever comes first: it is paid and theirs, or given up and not charged."""
    academy = shared_academy
    course, buyers = await paid_course(academy), await people(academy, 8)
    transactions = [await ordered(academy, buyer, course) for buyer in buyers]
    pairs = list(zip(buyers, transactions, strict=True))

    async def give_up(buyer: Principal, transaction: Transaction) -> None:
        try:
            await academy.academy.checkouts.cancel(buyer, transaction.id)
        except NotCancellable:
            assert (await stored(academy, transaction)).status is TransactionStatus.PAID

    paying = [_tried(academy, one) for one in transactions]
    *_, paid = await asyncio.gather(*(give_up(*pair) for pair in pairs), work_at_once(academy), asyncio.gather(*paying))
    assert isinstance(paid, list)
    await check_end(academy)
    for (buyer, transaction), was_paid in zip(pairs, paid, strict=True):
        wanted = TransactionStatus.PAID if was_paid else TransactionStatus.CANCELLED
        assert (await stored(academy, transaction)).status in (wanted, TransactionStatus.EXPIRED)
        assert await academy.academy.enrolments.is_enrolled(buyer.user_id, course.id) == was_paid


async def test_the_end_of_its_time_against_paying(shared_academy: TestAcademy) -> None:
    """The buyer presses the button in the last moment, while the academy closes the checkout."""
    academy = shared_academy
    course, buyers = await paid_course(academy), await people(academy, 8)
    transactions = [await ordered(academy, buyer, course) for buyer in buyers]
    paid = await asyncio.gather(*(_tried(academy, one) for one in transactions[:4]))
    assert all(paid)
    academy.clock.move(hours=1, minutes=1)
    late = await asyncio.gather(
        *(_tried(academy, one) for one in transactions[4:]),
        academy.academy.reconciliation.run(),
        work_at_once(academy),
    )
    assert late[:4] == [False] * 4
    await check_end(academy)
    statuses = [(await stored(academy, one)).status for one in transactions]
    assert statuses == [TransactionStatus.PAID] * 4 + [TransactionStatus.EXPIRED] * 4


# --- what else happens meanwhile -------------------------------------------------------------------------------------


async def test_the_price_changes_between_checkout_and_payment(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    teacher = await academy.person(Role.INSTRUCTOR)
    course, (early, late) = await paid_course(academy, teacher), await people(academy, 2)
    agreed = await ordered(academy, early, course)
    asked = await ordered(academy, late, course)
    price = Money(amount=199_900, currency="INR")
    await asyncio.gather(
        academy.academy.courses.change(teacher, course.slug, {"price": price}),
        rehearsal(academy).pay(agreed.reference),
        work_at_once(academy),
    )
    asked_again = await ordered(academy, late, course)
    assert (asked_again.amount.amount, (await stored(academy, asked)).status) == (199_900, TransactionStatus.CANCELLED)
    await rehearsal(academy).pay(asked_again.reference)
    await check_end(academy)
    for transaction, amount in ((agreed, 149_900), (asked_again, 199_900)):
        kept = await stored(academy, transaction)
        [invoice] = await academy.academy.payments.documents(kept)
        assert (kept.status, kept.amount.amount, invoice.quote.total) == (TransactionStatus.PAID, amount, amount)


@pytest.mark.parametrize("round_", range(3))
async def test_an_account_is_deleted_while_it_pays(shared_academy: TestAcademy, round_: int) -> None:
    academy = shared_academy
    course, buyer = await paid_course(academy), await academy.person()
    transaction = await ordered(academy, buyer, course)
    await rehearsal(academy).pay(transaction.reference)
    if round_:
        await academy.work()
    await asyncio.gather(academy.academy.accounts.delete(buyer, PASSWORD), work_at_once(academy))
    await check_end(academy)
    kept = await stored(academy, transaction)
    assert (kept.user_id, kept.buyer.name, kept.buyer.email) == ("", "Deleted account", "")
    documents = await academy.academy.payments.documents(kept)
    assert {document.buyer.name for document in documents} == {"Deleted account"}
    assert kept.status is (TransactionStatus.REFUNDED if kept.access is Access.GONE else TransactionStatus.PAID)
    assert (await academy.academy.reconciliation.unserved()).items == [], "who is gone misses nothing"
    with pytest.raises(NothingToRepair):
        await academy.academy.reconciliation.repair(kept.id, COMMAND_LINE)


async def test_nothing_of_an_account_is_left_that_is_deleted_while_it_begins_to_buy(
    shared_academy: TestAcademy,
) -> None:
    academy = shared_academy
    courses, buyers = [await paid_course(academy) for _ in range(3)], await people(academy, 4)
    clicks = [ordered(academy, buyer, course) for buyer in buyers for course in courses]
    deletions = [academy.academy.accounts.delete(buyer, PASSWORD) for buyer in buyers]
    await at_once(asyncio.gather(*deletions), *clicks)
    another = await paid_course(academy)
    _, refused = await at_once(*(ordered(academy, buyer, another) for buyer in buyers))
    assert len(refused) == len(buyers), "a request that began before the deletion makes nothing after it"
    gone = {buyer.user_id for buyer in buyers} | {buyer.email for buyer in buyers}
    for transaction in (await books(academy.academy)).transactions:
        assert not {transaction.user_id, transaction.buyer.email} & gone
    await check_end(academy)


async def test_a_course_is_deleted_while_it_is_paid(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    teacher = await academy.person(Role.INSTRUCTOR)
    course, buyers = await paid_course(academy, teacher), await people(academy, 4)
    transactions = [await ordered(academy, buyer, course) for buyer in buyers]
    await at_once(*(rehearsal(academy).pay(one.reference) for one in transactions))
    _, refused = await at_once(academy.academy.courses.delete(teacher, course.slug), work_at_once(academy))
    await check_end(academy)
    for transaction in transactions:
        kept = await stored(academy, transaction)
        wanted = (TransactionStatus.PAID, Access.GRANTED) if refused else (TransactionStatus.REFUNDED, Access.GONE)
        assert (kept.status, kept.access) == wanted
