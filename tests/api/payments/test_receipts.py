"""The receipts in the account: what was paid, its story, and the documents to it."""

import re

import pytest

from academy.infrastructure.security.principal import Role
from tests.academies.html import elements, links, text
from tests.academies.in_process import TestAcademy
from tests.academies.payments import bought, ordered, paid_course

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_receipts_list_what_was_paid_and_tell_its_story(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    buyer = await academy.person()
    browser = await academy.signed_in_browser(person=buyer)
    assert "No payments yet" in text((await browser.get("/account/receipts")).text)
    course = await paid_course(academy, title="Bread at home")
    transaction = await bought(academy, buyer, course)
    listed = (await browser.get("/account/receipts")).text
    row = [cell.text for cell in elements(listed, "td")]
    assert [row[0], *row[2:]] == ["Bread at home", "₹1,499", "paid"]
    page = (await browser.get(f"/account/receipts/{transaction.id}")).text
    assert elements(page, "h1")[0].text == "Bread at home"
    told = [re.sub(r"^\d+ \w+ \d+", "", item.text) for item in elements(page, "li") if "20" in item.text]
    assert told[-3:] == ["You began the checkout.", "The payment page opened.", "Your payment arrived."]
    assert f"Invoice {transaction.invoice_number}" in text(page)

    admin = await academy.person(Role.ADMIN)
    await academy.academy.refunds.request(admin, transaction.id, amount=49_900, reason="A lesson was missing", key="")
    await academy.work()
    part = (await browser.get(f"/account/receipts/{transaction.id}")).text
    [refund] = [item.text for item in elements(part, "li") if "sent back" in item.text]
    assert re.fullmatch(r"₹499 sent back ?\d+ \w+ \d+ · A lesson was missing", refund)
    assert "Credit note RAC-" in text(part)
    assert "partly refunded" in text((await browser.get("/account/receipts")).text)


async def test_long_lists_of_receipts_have_pages(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    buyer = await academy.person()
    course = await paid_course(academy)
    for _ in range(21):
        transaction = await ordered(academy, buyer, course)
        await academy.academy.checkouts.cancel(buyer, transaction.id)
    browser = await academy.signed_in_browser(person=buyer)
    first = (await browser.get("/account/receipts")).text
    assert len(elements(first, "tr")) == 21
    [following] = elements(first, "a", rel="next")
    second = (await browser.get(f"/account/receipts{following.attributes['href']}")).text
    assert len(elements(second, "tr")) == 2
    assert (await browser.get("/account/receipts?cursor=nothing")).status_code == 422


async def test_the_invoice_and_the_credit_note_are_files_of_the_buyer_alone(
    shared_embedded_academy: TestAcademy,
) -> None:
    academy = shared_embedded_academy
    buyer = await academy.person()
    browser, other = await academy.signed_in_browser(person=buyer), await academy.signed_in_browser()
    transaction = await bought(academy, buyer, await paid_course(academy))
    admin = await academy.person(Role.ADMIN)
    await academy.academy.refunds.request(admin, transaction.id, amount=None, reason="It was not for me")
    await academy.work()
    page = f"/account/receipts/{transaction.id}"
    files = [link for link in links((await browser.get(page)).text) if link.endswith(".pdf")]
    assert [file.rpartition("/")[2][:3] for file in files] == ["RA-", "RAC"]
    for file in files:
        answer = await browser.get(file)
        assert (answer.status_code, answer.headers["content-type"], answer.content[:5]) == (
            200,
            "application/pdf",
            b"%PDF-",
        )
        name = file.rpartition("/")[2]
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
        assert answer.headers["cache-control"] == "private, no-store"
        assert (await other.get(file)).status_code == 404
        assert (await browser.get(file.removesuffix(".pdf"))).status_code == 404
    mine = await bought(academy, await academy.person(), await paid_course(academy))
    assert (await browser.get(f"{page}/{mine.invoice_number}.pdf")).status_code == 404, "somebody else's number"
