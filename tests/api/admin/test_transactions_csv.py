"""Transactions as a file for spreadsheets."""

import csv
import io
from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from academy.features.admin.payment_exports import COLUMNS, transactions_csv
from academy.features.payments.model import Transaction, TransactionFilter
from academy.features.payments.taxes import TaxDetails
from academy.infrastructure.security.principal import Role
from academy.kit.ids import new_id
from tests.academies.in_process import Browser, TestAcademy
from tests.academies.payments import bought, ordered, paid_course

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def rows(browser: Browser, **query: str) -> list[dict[str, str]]:
    answer = await browser.get("/admin/transactions.csv", params=query)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8"), newline="")))


async def test_it_holds_what_the_filter_leaves(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    course = await paid_course(academy)
    rule = await academy.academy.taxes.add(
        TaxDetails(country="IN", course_id=course.id, name="VAT", basis_points=1000, inclusive=False)
    )
    buyer = await academy.person(name='Müller, Zoë "Z"')
    paid = await bought(academy, buyer, course)
    pending = await ordered(academy, await academy.person(), course)
    await academy.academy.taxes.remove(rule.id)
    admin = await academy.signed_in_browser(Role.ADMIN)

    answer = await admin.get("/admin/transactions.csv", params={"course_id": course.id})
    assert answer.headers["content-type"] == "text/csv; header=present; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="transactions.csv"'
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.text.startswith("id,created_at,status,")
    assert answer.text.count("\r\n") == answer.text.count("\n") == 3
    found = await rows(admin, course_id=course.id)
    assert [row["id"] for row in found] == [pending.id, paid.id]
    assert found[1] == {
        "id": paid.id,
        "created_at": paid.created_at.isoformat(timespec="seconds"),
        "status": "paid",
        "paid_at": paid.paid_at.isoformat(timespec="seconds") if paid.paid_at else "",
        "buyer": 'Müller, Zoë "Z"',
        "email": buyer.email,
        "country": "IN",
        "state": "",
        "tax_id": "",
        "course": course.title,
        "gateway": "rehearsal",
        "payment_reference": paid.payment_reference,
        "coupon": "",
        "currency": "INR",
        "price": "1499.00",
        "discount": "0.00",
        "net": "1499.00",
        "tax": "149.90",
        "taxes": "VAT 149.90",
        "total": "1648.90",
        "refunded": "0.00",
        "invoice_number": paid.invoice_number,
        "credit_notes": "",
        "disputed_at": "",
    }
    assert [row["id"] for row in await rows(admin, course_id=course.id, status="paid")] == [paid.id]
    assert await rows(admin, course_id=course.id, gateway="stripe") == []


async def test_it_holds_the_credit_notes_of_a_month(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    course = await paid_course(academy)
    transaction = await bought(academy, await academy.person(), course)
    admin = await academy.person(Role.ADMIN)
    await academy.academy.refunds.request(admin, transaction.id, amount=50_000, reason="A part of it")
    await academy.work()
    today = academy.clock.now().astimezone(ZoneInfo("Asia/Kolkata")).date()
    day = timedelta(days=1)
    browser = await academy.signed_in_browser(person=admin)
    (row,) = await rows(browser, course_id=course.id, from_day=f"{today}", to_day=f"{today}")
    number, at, amount = row["credit_notes"].split()
    assert (number[:4], at[-6:], amount) == ("RAC-", "+00:00", "500.00")
    assert await rows(browser, course_id=course.id, from_day=f"{today + day}") == []
    assert await rows(browser, course_id=course.id, to_day=f"{today - day}") == []
    assert len(await rows(browser, course_id=course.id, from_day="yesterday", to_day="0001-01-01")) == 1
    page = await browser.get("/admin/transactions", params={"course_id": course.id, "from_day": f"{today + day}"})
    assert "No transaction like that" in page.text


async def test_nothing_in_it_is_a_formula(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    admin = await academy.signed_in_browser(Role.ADMIN)
    for name in ('=HYPERLINK("http://x.example","y")', "+1", "-1+1", "@SUM(A1)"):
        course = await paid_course(academy)
        await ordered(academy, await academy.person(name=name), course)
        (row,) = await rows(admin, course_id=course.id)
        assert row["buyer"] == f"'{name}"


async def test_it_is_read_page_by_page(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    course = await paid_course(academy)
    first = await ordered(academy, await academy.person(), course)
    copies = [msgspec.structs.replace(first, id=new_id(), open_key=None, request_key=None) for _ in range(449)]
    transactions = academy.academy.database.collection(Transaction)
    for start in range(0, len(copies), 100):
        await transactions.insert_many(copies[start : start + 100])
    admin = await academy.signed_in_browser(Role.ADMIN)
    found = [row["id"] for row in await rows(admin, course_id=course.id)]
    assert (len(found), set(found)) == (450, {first.id, *(one.id for one in copies)})

    parts = [part async for part in transactions_csv(academy.academy.payments, TransactionFilter(course_id=course.id))]
    assert [part.count("\r\n") for part in parts] == [1, 200, 200, 50]
    assert parts[0] == f"{','.join(COLUMNS)}\r\n"
