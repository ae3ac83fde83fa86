"""The admin's list of transactions: what it shows, how it is narrowed, and how something is found in it."""

import re

import msgspec
import pytest

from academy.features.payments.coupons import CouponDetails
from academy.features.payments.model import Dispute, Transaction
from academy.infrastructure.security.principal import Role
from academy.kit.ids import new_id
from academy.kit.money import Money
from tests.academies.courses import PAID, published, unique
from tests.academies.html import elements, text
from tests.academies.in_process import Browser, TestAcademy
from tests.academies.payments import bought, ordered, paid_course

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def disputed(academy: TestAcademy, transaction: Transaction, status: str = "needs_response") -> Transaction:
    """The transaction as it is once the buyer's bank has asked for the money back."""
    now = academy.clock.now()
    dispute = Dispute(
        reference="dp_1", amount=transaction.amount, reason="fraudulent", status=status, at=now, told_at=now
    )
    changed = msgspec.structs.replace(transaction, dispute=dispute, disputed_at=now)
    return await academy.academy.database.collection(Transaction).replace(changed)


async def shown(browser: Browser, **query: str) -> list[str]:
    """The ids of the transactions in the list."""
    page = await browser.get("/admin/transactions", params=query)
    assert page.status_code == 200, page.text
    return re.findall(r'class="lead-cell"><a href="/admin/transactions/([0-9a-f-]{36})"', page.text)


async def test_filters_narrow_the_list_together(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    course, code = await paid_course(academy), f"HALF-{new_id()[-12:]}".upper()
    await academy.academy.coupons.create(CouponDetails(code=code, percent=50))
    buyer, other = await academy.person(), await academy.person()
    paid, pending = await bought(academy, buyer, course, coupon=code), await ordered(academy, other, course)
    charged_back = await disputed(academy, await bought(academy, buyer, await paid_course(academy)))
    admin = await academy.signed_in_browser(Role.ADMIN)

    assert await shown(admin, course_id=course.id) == [pending.id, paid.id]
    assert await shown(admin, course_id=course.id, status="paid") == [paid.id]
    assert await shown(admin, course_id=course.id, status="refunded") == []
    assert await shown(admin, user_id=buyer.user_id) == [charged_back.id, paid.id]
    assert await shown(admin, user_id=buyer.user_id, disputed="true") == [charged_back.id]
    assert await shown(admin, user_id=buyer.user_id, course_id=course.id, gateway="rehearsal") == [paid.id]
    assert await shown(admin, user_id=buyer.user_id, gateway="stripe") == []
    assert await shown(admin, coupon_code=code.lower()) == [paid.id]
    # What makes no sense narrows nothing.
    assert await shown(admin, course_id=course.id, status="unheard-of", gateway="barter") == [pending.id, paid.id]

    page = (await admin.get("/admin/transactions", params={"coupon_code": code, "status": "paid"})).text
    assert f"Payments with the coupon {code}" in text(page)
    assert "₹749.50" in text(page)
    (export,) = [one.attributes["href"] for one in elements(page, "a", class_="button") if "CSV" in one.text]
    assert export == f"/admin/transactions.csv?status=paid&coupon_code={code}"
    assert [one.attributes["value"] for one in elements(page, "input", name="coupon_code")] == [code]
    page = (await admin.get("/admin/transactions", params={"user_id": buyer.user_id})).text
    assert f"Payments of {buyer.email}" in text(page)
    page = (await admin.get("/admin/transactions", params={"course_id": "gone"})).text
    assert "Payments for a deleted course" in text(page)
    assert "No transaction like that" in text(page)


async def test_a_search_leads_to_what_it_finds(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    buyer = await academy.person()
    transaction = await bought(academy, buyer, await paid_course(academy))
    admin = await academy.signed_in_browser(Role.ADMIN)
    page = f"/admin/transactions/{transaction.id}"
    assert transaction.invoice_number
    for words, place in (
        (transaction.id, page),
        (f" {transaction.invoice_number} ", page),
        (buyer.email.upper(), f"/admin/transactions?user_id={buyer.user_id}"),
    ):
        found = await admin.get("/admin/transactions", params={"q": words})
        assert str(found.url) == f"http://academy.test{place}"
    for words in ("RA-9999-000001", "nobody@example.com", "<b>", "x" * 300):
        nothing = await admin.get("/admin/transactions", params={"q": words})
        assert (nothing.status_code, "Nothing fits" in nothing.text) == (200, True)
        assert "<b>" not in nothing.text


async def test_amounts_stand_in_their_own_currency_and_decimals(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    prices = {"JPY": "JP¥1,500", "KWD": "KWD\u00a01.500", "USD": "$15"}
    admin = await academy.signed_in_browser(Role.ADMIN)
    for currency, written in prices.items():
        course = await published(academy, price=Money(amount=1500, currency=currency))
        await bought(academy, await academy.person(), course)
        (cell,) = elements(
            (await admin.get("/admin/transactions", params={"course_id": course.id})).text, "td", data_label="Amount"
        )
        assert cell.text == " ".join(written.split())
    page = (await admin.get("/admin/transactions")).text
    assert {f"Paid in 30 days, {currency}" for currency in prices} <= {one.text for one in elements(page, "dt")}


async def test_long_lists_have_pages_that_keep_the_filter(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    course = await paid_course(academy)
    first = await ordered(academy, await academy.person(), course)
    copies = [msgspec.structs.replace(first, id=new_id(), open_key=None, request_key=None) for _ in range(29)]
    await academy.academy.database.collection(Transaction).insert_many(copies)
    admin = await academy.signed_in_browser(Role.ADMIN)
    page = await admin.get("/admin/transactions", params={"course_id": course.id})
    (following,) = [one.attributes["href"] for one in elements(page.text, "a", rel="next")]
    assert f"course_id={course.id}" in following
    second = await admin.get(page.url.join(following))
    ids = [re.findall(r'"lead-cell"><a href="/admin/transactions/([^"]+)"', one.text) for one in (page, second)]
    assert [len(one) for one in ids] == [25, 5]
    assert sorted(ids[0] + ids[1]) == sorted([first.id, *(one.id for one in copies)])
    assert (await admin.get("/admin/transactions?cursor=nonsense")).status_code == 422


async def test_titles_and_names_stay_text(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    course = await published(academy, price=PAID, title=unique("<script>alert(1)</script>"))
    buyer = await academy.person(name="<img src=x onerror=alert(1)>")
    transaction = await bought(academy, buyer, course)
    admin = await academy.signed_in_browser(Role.ADMIN)
    for path in ("/admin/transactions", f"/admin/transactions/{transaction.id}", "/admin"):
        page = (await admin.get(path)).text
        assert ("<script>alert" in page, "<img src=x" in page) == (False, False)
    assert "&lt;img src=x" in (await admin.get("/admin/transactions")).text
