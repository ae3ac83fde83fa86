"""What the Idempotency-Key promises, of checkouts and of refunds."""

from collections.abc import Mapping

import pytest

from academy.features.payments.model import TransactionStatus
from academy.infrastructure.security.principal import Role
from academy.kit.ids import new_id
from academy.kit.money import Money
from tests.academies.in_process import TestAcademy
from tests.academies.payments import bought, paid_course, rehearsal, stored
from tests.faults.payments.shops import Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Neither vendor takes so little: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts.
TOO_LITTLE = Money(amount=49, currency="INR")


@pytest.mark.parametrize("name", ["stripe", "razorpay"])
async def test_a_checkout_that_the_gateway_refused_is_over_for_its_key(
    shared_shops: Mapping[str, Shop], name: str
) -> None:
    shop = shared_shops[name]
    course = await paid_course(shop.academy, price=TOO_LITTLE)
    buyer = await shop.academy.person()
    api = await shop.academy.signed_in_api(person=buyer)
    wish, headers = {"course": course.slug, "gateway": name}, {"Idempotency-Key": "mine"}
    first = await api.post("checkouts", json=wish, headers=headers)
    assert (first.status_code, first.json()["code"]) == (409, "gateway_refused")
    for _ in range(2):
        again = await api.post("checkouts", json=wish, headers=headers)
        assert (again.status_code, again.json()["code"]) == (409, "checkout_over")
        assert "amount" in again.json()["detail"], "why it is over"
    [failed] = (await shop.academy.academy.payments.of_user(buyer.user_id)).items
    assert (failed.status, failed.open_key) == (TransactionStatus.FAILED, None)
    other = await api.post("checkouts", json=wish, headers={"Idempotency-Key": "another"})
    assert other.json()["code"] == "gateway_refused", "a new key begins anew"


async def test_a_checkout_that_was_cancelled_is_over_for_its_key(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    course, buyer = await paid_course(academy), await academy.person()
    api = await academy.signed_in_api(person=buyer)
    wish, headers = {"course": course.slug, "gateway": "rehearsal"}, {"Idempotency-Key": "mine"}
    first = (await api.post("checkouts", json=wish, headers=headers)).json()
    await academy.academy.checkouts.cancel(buyer, first["transaction_id"])
    again = await api.post("checkouts", json=wish, headers=headers)
    assert (again.status_code, again.json()["code"]) == (409, "checkout_over")
    anew = await api.post("checkouts", json=wish, headers={"Idempotency-Key": "another"})
    assert anew.status_code == 201
    assert anew.json()["transaction_id"] != first["transaction_id"]


async def test_a_checkout_that_is_paid_is_answered_the_same(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    course = await paid_course(academy)
    api = await academy.signed_in_api()
    wish, headers = {"course": course.slug, "gateway": "rehearsal"}, {"Idempotency-Key": "mine"}
    first = (await api.post("checkouts", json=wish, headers=headers)).json()
    await rehearsal(academy).pay(first["checkout_url"].rpartition("/")[2])
    await academy.work()
    again = await api.post("checkouts", json=wish, headers=headers)
    assert (again.status_code, again.json()) == (201, first)


@pytest.mark.parametrize(
    "other",
    [
        {"reason": "A lesson was missing"},
        {"reason": "A lesson was missing", "amount": 101},
        {"reason": "Another reason", "amount": 100},
        {"reason": "Another reason"},
    ],
)
async def test_another_refund_with_the_same_key_is_refused(
    shared_academy: TestAcademy, other: dict[str, object]
) -> None:
    academy = shared_academy
    transaction = await bought(academy, await academy.person(), await paid_course(academy))
    admin = await academy.signed_in_api(Role.ADMIN)
    path, headers = f"transactions/{transaction.id}/refund", {"Idempotency-Key": new_id()}
    wish = {"reason": "A lesson was missing", "amount": 100}
    first = await admin.post(path, json=wish, headers=headers)
    refused = await admin.post(path, json=other, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    again = await admin.post(path, json=wish, headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert [one["amount"] for one in again.json()["refunds"]] == [100]
    await academy.work()
    assert (await stored(academy, transaction)).refunded == 100


async def test_all_that_is_left_is_the_same_request_when_it_is_asked_again(shared_academy: TestAcademy) -> None:
    """Though after the first time nothing is left."""
    academy = shared_academy
    transaction = await bought(academy, await academy.person(), await paid_course(academy))
    admin = await academy.signed_in_api(Role.ADMIN)
    path, headers = f"transactions/{transaction.id}/refund", {"Idempotency-Key": new_id()}
    for _ in range(2):
        answer = await admin.post(path, json={"reason": "All of it"}, headers=headers)
        assert answer.status_code == 202, answer.text
        assert [one["amount"] for one in answer.json()["refunds"]] == [transaction.amount.amount]
        await academy.work()
    assert (await stored(academy, transaction)).status is TransactionStatus.REFUNDED
