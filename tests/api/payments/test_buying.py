"""Buying a course over the API."""

import pytest

from academy.features.payments.checkout import BuyerDetails
from academy.features.payments.coupons import CouponDetails
from academy.features.payments.errors import CouponInvalid
from academy.features.payments.model import Access, TransactionStatus
from academy.infrastructure.security.principal import Role
from tests.academies.courses import stored as stored_course
from tests.academies.in_process import TestAcademy
from tests.academies.payments import bought, ordered, paid_course, rehearsal, stored

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_is_paid_is_enrolled_and_receipted(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    course = await paid_course(academy)
    buyer = await academy.person()
    api = await academy.signed_in_api(person=buyer)

    answer = await api.post("checkouts", json={"course": course.slug, "gateway": "rehearsal"})
    assert answer.status_code == 201, answer.text
    started = answer.json()
    assert started["checkout_url"].startswith("http://127.0.0.1:8000/rehearsal/")
    assert "gateway_payload" not in started
    pending = (await api.get(f"transactions/{started['transaction_id']}")).json()
    assert (pending["status"], pending["amount"]) == ("pending", {"amount": 149_900, "currency": "INR"})
    assert (await api.get(f"courses/{course.slug}/progress")).status_code == 403

    await rehearsal(academy).pay(started["checkout_url"].rpartition("/")[2])
    await academy.work()

    paid = (await api.get(f"transactions/{started['transaction_id']}")).json()
    assert (paid["status"], paid["access"]) == ("paid", "granted")
    assert [change["status"] for change in paid["history"]] == ["created", "pending", "paid"]
    assert paid["invoice_number"].startswith("RA-")
    assert (await api.get(f"courses/{course.slug}/progress")).json()["percent"] == 0
    assert [one["id"] for one in (await api.get("me/transactions")).json()["items"]] == [paid["id"]]
    assert (await stored_course(academy, course)).enrolment_count == 1
    await academy.work()
    mails = [mail for mail in await academy.messages() if mail.to == buyer.email]
    assert len([mail for mail in mails if paid["invoice_number"] in mail.text]) == 1
    assert len(mails) == 2  # the receipt, and the confirmation of the enrolment


async def test_a_double_click_is_one_transaction(shared_academy: TestAcademy) -> None:
    course = await paid_course(shared_academy)
    buyer = await shared_academy.person()
    first, again = await ordered(shared_academy, buyer, course), await ordered(shared_academy, buyer, course)
    assert (first.id, first.checkout_url) == (again.id, again.checkout_url)


async def test_the_same_key_is_the_same_answer_and_another_wish_is_refused(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    course, other = await paid_course(academy), await paid_course(academy)
    api = await academy.signed_in_api()
    headers = {"Idempotency-Key": "mine"}
    wish = {"course": course.slug, "gateway": "rehearsal"}
    first = await api.post("checkouts", json=wish, headers=headers)
    again = await api.post("checkouts", json=wish, headers=headers)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    different = await api.post("checkouts", json={**wish, "course": other.slug}, headers=headers)
    assert (different.status_code, different.json()["code"]) == (422, "idempotency_key_reused")
    somebody = await academy.signed_in_api()
    theirs = await somebody.post("checkouts", json={**wish, "course": other.slug}, headers=headers)
    assert theirs.status_code == 201


async def test_another_wish_closes_the_one_before(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    course = await paid_course(academy)
    await academy.academy.coupons.create(CouponDetails(code=f"HALF-{course.id[-12:]}", percent=50))
    buyer = await academy.person()
    first = await ordered(academy, buyer, course)
    second = await ordered(academy, buyer, course, coupon=f"half-{course.id[-12:]}")
    assert second.amount.amount == 74_950
    assert (await stored(academy, first)).status is TransactionStatus.CANCELLED
    await rehearsal(academy).pay(second.reference)
    await academy.work()
    assert (await stored(academy, second)).status is TransactionStatus.PAID


@pytest.mark.parametrize("limit", [None, 1])
async def test_a_coupon_that_the_open_transaction_holds_goes_on_holding(
    shared_academy: TestAcademy, limit: int | None
) -> None:
    """Also its last use, and though each buyer has one: the buyer left the gateway, and comes back to the checkout."""
    academy = shared_academy
    course, other = await paid_course(academy), await paid_course(academy)
    code = f"ONE-{course.id[-12:]}"
    coupon = await academy.academy.coupons.create(CouponDetails(code=code, percent=50, limit=limit))
    buyer = await academy.person()
    first = await ordered(academy, buyer, course, coupon=code)
    details = BuyerDetails()
    quote = await academy.academy.checkouts.quote(buyer, course, code, details)
    assert quote.total == 74_950
    assert (await ordered(academy, buyer, course, coupon=code)).id == first.id
    with pytest.raises(CouponInvalid):
        await academy.academy.checkouts.quote(buyer, other, code, details)
    if limit:
        somebody = await academy.person()
        with pytest.raises(CouponInvalid):
            await ordered(academy, somebody, course, coupon=coupon.code)


async def test_a_coupon_of_100_percent_enrols_without_a_gateway(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    course = await paid_course(academy)
    code = f"ALL-{course.id[-12:]}"
    await academy.academy.coupons.create(CouponDetails(code=code, percent=100))
    api = await academy.signed_in_api()
    answer = await api.post("checkouts", json={"course": course.slug, "coupon": code})
    assert answer.status_code == 201
    assert answer.json().keys() == {"transaction_id"}
    transaction = (await api.get(f"transactions/{answer.json()['transaction_id']}")).json()
    assert (transaction["status"], transaction["invoice_number"], transaction["gateway"]) == ("paid", None, "")
    assert (await api.get(f"courses/{course.slug}/progress")).status_code == 200


async def test_a_refund_revokes_and_writes_a_credit_note(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    course = await paid_course(academy)
    buyer = await academy.person()
    transaction = await bought(academy, buyer, course)
    admin = await academy.signed_in_api(Role.ADMIN)
    part = await admin.post(
        f"transactions/{transaction.id}/refund",
        json={"reason": "A lesson was missing", "amount": 49_900},
        headers={"Idempotency-Key": "one"},
    )
    assert part.status_code == 202, part.text
    again = await admin.post(
        f"transactions/{transaction.id}/refund",
        json={"reason": "A lesson was missing", "amount": 49_900},
        headers={"Idempotency-Key": "one"},
    )
    assert len(again.json()["refunds"]) == 1
    await academy.work()
    changed = await stored(academy, transaction)
    assert (changed.status, changed.refunded) == (TransactionStatus.PARTIALLY_REFUNDED, 49_900)
    assert await academy.academy.enrolments.is_enrolled(buyer.user_id, course.id)

    too_much = await admin.post(
        f"transactions/{transaction.id}/refund", json={"reason": "All of it", "amount": 100_001}
    )
    assert too_much.status_code == 422
    rest = await admin.post(f"transactions/{transaction.id}/refund", json={"reason": "The rest"})
    assert rest.status_code == 202
    await academy.work()
    changed = await stored(academy, transaction)
    assert (changed.status, changed.access) == (TransactionStatus.REFUNDED, Access.REVOKED)
    assert not await academy.academy.enrolments.is_enrolled(buyer.user_id, course.id)
    assert (await stored_course(academy, course)).enrolment_count == 0
    api = await academy.signed_in_api(person=buyer)
    told = (await api.get(f"transactions/{transaction.id}")).json()["history"]
    states = ["created", "pending", "paid", "partially_refunded", "refunded"]
    assert [change["status"] for change in told] == states, "the admins' notes are theirs"
    documents = await academy.academy.payments.documents(changed)
    assert [document.number[:3] for document in documents] == ["RA-", "RAC", "RAC"]
    assert sum(document.quote.total for document in documents[1:]) == documents[0].quote.total
    refused = await admin.post(f"transactions/{transaction.id}/refund", json={"reason": "Once more"})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_refundable")
