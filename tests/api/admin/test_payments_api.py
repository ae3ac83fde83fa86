"""The admin's API of the payments: transactions and webhooks as they are listed, and the figures of the overview."""

import pytest

from academy.features.payments.coupons import CouponDetails
from academy.infrastructure.security.principal import Role
from academy.kit.ids import new_id
from tests.academies.in_process import TestAcademy
from tests.academies.payments import bought, ordered, paid_course
from tests.api.admin.test_transactions_page import disputed

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_transactions_are_listed_and_narrowed(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    course, code = await paid_course(academy), f"ALL-{new_id()[-12:]}".upper()
    await academy.academy.coupons.create(CouponDetails(code=code, percent=50))
    buyer, other = await academy.person(name="Lee Nair"), await academy.person()
    paid = await disputed(academy, await bought(academy, buyer, course, coupon=code))
    pending = await ordered(academy, other, course)
    api = await academy.signed_in_api(Role.ADMIN)

    async def listed(**query: str | int) -> list[str]:
        answer = await api.get("admin/transactions", params={"course_id": course.id, **query})
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()["items"]]

    assert await listed() == [pending.id, paid.id]
    assert await listed(status="pending") == [pending.id]
    assert await listed(gateway="rehearsal", user_id=buyer.user_id) == [paid.id]
    assert await listed(gateway="stripe") == []
    assert await listed(coupon=code.lower()) == [paid.id]
    assert await listed(disputed=True) == [paid.id]
    assert await listed(user_id="nobody") == []
    page = (await api.get("admin/transactions", params={"course_id": course.id, "limit": 1})).json()
    assert await listed(limit=1, cursor=page["next_cursor"]) == [paid.id]

    (one,) = (await api.get("admin/transactions", params={"user_id": buyer.user_id})).json()["items"]
    assert one["buyer"] == {
        "user_id": buyer.user_id,
        "name": "Lee Nair",
        "email": buyer.email,
        "country": "IN",
        "state": "",
        "tax_id": "",
    }
    assert one["amount"] == {"amount": 74_950, "currency": "INR"}
    assert (one["course_id"], one["reference"]) == (course.id, paid.reference)
    dispute = {name: value for name, value in one["dispute"].items() if name != "at"}
    assert dispute == {
        "reference": "dp_1",
        "amount": one["amount"],
        "reason": "fraudulent",
        "status": "needs_response",
        "is_over": False,
    }


@pytest.mark.parametrize("query", [{"status": "lost"}, {"disputed": "maybe"}, {"limit": 0}, {"gateway": "x" * 65}])
async def test_a_filter_that_makes_no_sense_is_refused(
    shared_embedded_academy: TestAcademy, query: dict[str, str | int]
) -> None:
    api = await shared_embedded_academy.signed_in_api(Role.ADMIN)
    answer = await api.get("admin/transactions", params=query)
    assert (answer.status_code, [one["field"] for one in answer.json()["errors"]]) == (422, list(query))
    for path in ("admin/transactions", "admin/webhook-events", "admin/coupons"):
        assert (await api.get(path, params={"cursor": "nonsense"})).status_code == 422


async def test_webhooks_are_listed(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    transaction = await bought(academy, await academy.person(), await paid_course(academy))
    api = await academy.signed_in_api(Role.ADMIN)
    events = (await api.get("admin/webhook-events", params={"status": "handled", "limit": 1})).json()["items"]
    (event,) = [one for one in events if one["transaction_id"] == transaction.id]
    assert (event["gateway"], event["event_type"], event["status"]) == ("rehearsal", "payment.paid", "handled")
    assert event["outcome"] == "The transaction is paid."
    assert transaction.id in event["body"]
    assert (await api.get("admin/webhook-events", params={"status": "refused"})).json()["items"] == []
    assert (await api.get("admin/webhook-events", params={"status": "lost"})).status_code == 422


@pytest.mark.parametrize("role", [Role.LEARNER, Role.INSTRUCTOR])
async def test_only_admins_get_through(shared_academy: TestAcademy, role: Role) -> None:
    academy = shared_academy
    transaction = await bought(academy, await academy.person(), await paid_course(academy))
    api, browser = await academy.signed_in_api(role), await academy.signed_in_browser(role)
    for path in ("transactions", "webhook-events", "coupons", "taxes"):
        assert (await api.get(f"admin/{path}")).status_code == 403
    assert (await api.post("admin/coupons", json={"code": "FREE-FOR-ME", "percent": 100})).status_code == 403
    one = f"/admin/transactions/{transaction.id}"
    for path in ("/admin/transactions", "/admin/transactions.csv", one, "/admin/payments-repair", "/admin/coupons"):
        answer = await browser.get(path)
        assert (answer.status_code, transaction.id in answer.text.replace(path, "")) == (403, False), path
    answer = await browser.submit("/account", f"{one}/refund", amount="1", reason="Mine", key="k")
    assert answer.status_code == 403
