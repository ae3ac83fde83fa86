"""The admin's page of one transaction: what it tells, and what can be done there."""

import re

import msgspec
import pytest

from academy.features.enrolment.model import Enrolment
from academy.features.payments.model import (
    Access,
    Dispute,
    RefundStatus,
    Transaction,
    TransactionStatus,
    WebhookEvent,
)
from academy.features.payments.taxes import TaxDetails
from academy.infrastructure.security.principal import Principal, Role
from tests.academies.html import elements, text
from tests.academies.in_process import Browser, TestAcademy
from tests.academies.payments import bought, ordered, paid_course, rehearsal, stored

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def admins_browser(academy: TestAcademy) -> tuple[Browser, Principal]:
    person = await academy.person(Role.ADMIN, name="Ada Menon")
    return await academy.signed_in_browser(person=person), person


def refund_key(page: str) -> str:
    """The key that was made with the form."""
    (key,) = [one.attributes["value"] for one in elements(page, "input", name="key")]
    return key


def listed_events(page: str) -> list[str]:
    """The ids of the webhooks in a list."""
    return re.findall(r'lead-cell"><a href="/admin/webhook-events/([^"]+)"', page)


def offers_refund(page: str) -> bool:
    return bool(elements(page, "dialog", id="refund"))


async def test_it_tells_everything_that_is_known(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    buyer = await academy.person(name="Lee Nair")
    course = await paid_course(academy)
    rule = await academy.academy.taxes.add(
        TaxDetails(country="IN", course_id=course.id, name="VAT", basis_points=1225, inclusive=True)
    )
    transaction = await bought(academy, buyer, course)
    await academy.academy.taxes.remove(rule.id)
    browser, _ = await admins_browser(academy)
    page = (await browser.get(f"/admin/transactions/{transaction.id}")).text
    said = text(page)
    for words in (
        buyer.email,
        course.slug,
        "VAT, 12.25 %, included",
        transaction.id,
        transaction.reference,
        transaction.payment_reference,
        transaction.invoice_number,
    ):
        assert words
        assert words in said, words
    sums = {one.text for one in elements(page, "dd")}
    assert {"₹1,499", "₹163.59"} <= sums  # 1499 × 12.25 / 112.25
    timeline = [one.text for one in elements(page, "li") if one.text.startswith(("created", "pending", "paid"))]
    assert [one.partition(" ")[0] for one in timeline] == ["created", "pending", "paid"]
    assert timeline[0].endswith("The buyer began.")
    assert "rehearsal: payment.paid" in timeline[2]
    # The webhook that told it, raw.
    (event,) = await academy.academy.payments.events_of(transaction)
    assert [one.attributes["href"] for one in elements(page, "a", href=f"/admin/webhook-events/{event.id}")]
    (raw,) = elements(page, "pre", class_="raw")
    assert msgspec.json.decode(raw.text) == msgspec.json.decode(event.body)
    assert raw.text != event.body, "it is indented"


async def test_other_addresses_are_not_found(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    browser, _ = await admins_browser(academy)
    for path in ("/admin/transactions/none", "/admin/webhook-events/none"):
        assert (await browser.get(path)).status_code == 404
    for action in ("check", "refund"):
        answer = await browser.submit(
            "/admin/taxes", f"/admin/transactions/none/{action}", amount="1", reason="x", key="k"
        )
        assert answer.status_code == 404
    answer = await browser.submit("/admin/taxes", "/admin/transactions/none/repair")
    assert "There is no such payment" in text(answer.text)


async def test_a_refund_is_done_once_however_often_it_is_sent(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    buyer, course = await academy.person(), await paid_course(academy)
    transaction = await bought(academy, buyer, course)
    browser, admin = await admins_browser(academy)
    address = f"/admin/transactions/{transaction.id}"
    page = (await browser.get(address)).text
    assert elements(page, "input", id="amount")[0].attributes["value"] == "1499"
    part = {"amount": "499.50", "reason": "A lesson was missing", "key": refund_key(page)}
    for _ in range(2):
        page = (await browser.submit(address, f"{address}/refund", **part)).text
        assert "The money goes back" in text(page)
    (refund,) = (await stored(academy, transaction)).refunds
    assert (refund.amount, refund.status, refund.actor_id) == (49_950, RefundStatus.REQUESTED, admin.user_id)
    await academy.work()
    page = (await browser.get(address)).text
    changed = await stored(academy, transaction)
    assert (changed.status, changed.refunded) == (TransactionStatus.PARTIALLY_REFUNDED, 49_950)
    assert elements(page, "input", id="amount")[0].attributes["value"] == "999.50"
    assert refund_key(page) != part["key"], "another page asks for another refund"
    said = text(page)
    for words in ("by Ada Menon", "₹499.50", "A lesson was missing", changed.refunds[0].credit_note_number):
        assert words in said, words

    rest = {"amount": "999.50", "reason": "All of it", "key": refund_key(page)}
    await browser.submit(address, f"{address}/refund", **rest)
    await academy.work()
    changed = await stored(academy, transaction)
    assert (changed.status, changed.access) == (TransactionStatus.REFUNDED, Access.REVOKED)
    assert len(changed.refunds) == 2
    page = (await browser.get(address)).text
    assert not offers_refund(page)
    answer = await browser.submit("/admin/taxes", f"{address}/refund", amount="1", reason="Once more", key="new")
    assert "Nothing was paid with this transaction that could go back." in text(answer.text)
    assert len((await stored(academy, transaction)).refunds) == 2


async def test_its_invoice_and_credit_notes_are_files(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    transaction = await bought(academy, await academy.person(), await paid_course(academy))
    other = await bought(academy, await academy.person(), await paid_course(academy))
    browser, admin = await admins_browser(academy)
    await academy.academy.refunds.request(admin, transaction.id, amount=100, reason="A little")
    await academy.work()
    address = f"/admin/transactions/{transaction.id}"
    page = (await browser.get(address)).text
    links = [one.attributes["href"] for one in elements(page, "a") if one.attributes["href"].endswith(".pdf")]
    (refund,) = (await stored(academy, transaction)).refunds
    assert links == [f"{address}/{transaction.invoice_number}.pdf", f"{address}/{refund.credit_note_number}.pdf"]
    for link in links:
        file = await browser.get(link)
        assert (file.headers["content-type"], file.content[:5]) == ("application/pdf", b"%PDF-")
        assert file.headers["content-disposition"] == f'inline; filename="{link.rpartition("/")[2]}"'
    for wrong in (
        f"{address}/{transaction.invoice_number}",
        f"{address}/{other.invoice_number}.pdf",
        f"{address}/x.pdf",
    ):
        assert (await browser.get(wrong)).status_code == 404
    learner = await academy.signed_in_browser()
    assert (await learner.get(links[0])).status_code == 403


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("amount", "", "This is needed."),
        ("amount", "many", "Write the amount in INR as a plain number, such as 499.50."),
        ("amount", "1.001", "Write the amount in INR as a plain number, such as 499.50."),
        ("amount", "-5", "Write the amount in INR as a plain number, such as 499.50."),
        ("amount", "0", "At most 1499.00 INR can go back."),
        ("amount", "1499.01", "At most 1499.00 INR can go back."),
        ("amount", "999999999999", "At most 1499.00 INR can go back."),
        ("reason", " ", "This is needed."),
        ("reason", "x" * 201, "This may have at most 200 characters."),
    ],
)
async def test_a_refund_with_a_mistake_says_so_and_keeps_what_was_typed(
    shared_embedded_academy: TestAcademy, field: str, value: str, said: str
) -> None:
    academy = shared_embedded_academy
    transaction = await bought(academy, await academy.person(), await paid_course(academy))
    browser, _ = await admins_browser(academy)
    address = f"/admin/transactions/{transaction.id}"
    key = refund_key((await browser.get(address)).text)
    fields = {"amount": "12", "reason": "Why", "key": key} | {field: value}
    answer = await browser.submit(address, f"{address}/refund", **fields)
    assert answer.status_code == 422
    (mistake,) = elements(answer.text, "p", class_="error")
    assert (mistake.attributes["id"], mistake.text) == (f"{field}-error", said)
    assert refund_key(answer.text) == key
    assert elements(answer.text, "input", id="amount")[0].attributes["value"] == fields["amount"]
    assert (await stored(academy, transaction)).refunds == []


async def test_the_gateway_is_asked(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    buyer, course = await academy.person(), await paid_course(academy)
    transaction = await ordered(academy, buyer, course)
    browser, _ = await admins_browser(academy)
    address = f"/admin/transactions/{transaction.id}"
    page = await browser.submit(address, f"{address}/check")
    assert "told nothing new" in text(page.text)
    assert not offers_refund(page.text)
    # Its webhook is not delivered yet.
    await rehearsal(academy).pay(transaction.reference)
    page = await browser.submit(address, f"{address}/check")
    assert "the transaction is paid now" in text(page.text)
    assert await academy.academy.enrolments.is_enrolled(buyer.user_id, course.id)
    assert (f"{address}/check" in page.text, offers_refund(page.text)) == (False, True)


async def unenrol(academy: TestAcademy, transaction: Transaction) -> None:
    """Makes the fault: the enrolment is gone, as by a hand in the database."""
    assert await academy.academy.database.collection(Enrolment).delete_one({"transaction_id": transaction.id})


async def test_who_paid_and_has_nothing_is_found_and_served(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    buyer, course = await academy.person(), await paid_course(academy)
    served, transaction = await bought(academy, await academy.person(), course), await bought(academy, buyer, course)
    await unenrol(academy, transaction)
    browser, admin = await admins_browser(academy)
    page = (await browser.get("/admin/payments-repair")).text
    repairs = [form.attributes["action"] for form in elements(page, "form") if "/repair" in form.attributes["action"]]
    assert repairs == [f"/admin/transactions/{transaction.id}/repair"]
    tiles = [one.text for one in elements((await browser.get("/admin")).text, "div", class_="tile")]
    assert "Paid, not enrolled1 of the latest payments" in tiles
    assert "cannot open the course" in (await browser.get(f"/admin/transactions/{transaction.id}")).text

    page = (await browser.submit("/admin/payments-repair", repairs[0])).text
    assert "The buyer has access now." in text(page)
    assert "cannot open the course" not in page
    assert "Access was repaired. By Ada Menon." in text(page)
    assert (await stored(academy, transaction)).history[-1].actor_id == admin.user_id
    assert await academy.academy.enrolments.is_enrolled(buyer.user_id, course.id)
    assert "Nobody waits for what they paid" in (await browser.get("/admin/payments-repair")).text
    for one in (transaction, served):
        page = (await browser.submit("/admin/taxes", f"/admin/transactions/{one.id}/repair")).text
        assert "there is nothing to repair" in text(page)


async def test_a_repair_that_comes_too_late_says_what_to_do(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    buyer, course = await academy.person(), await paid_course(academy)
    transaction = await bought(academy, buyer, course)
    await unenrol(academy, transaction)
    await academy.academy.enrolments.grant(buyer, course)
    browser, _ = await admins_browser(academy)
    page = (await browser.submit("/admin/payments-repair", f"/admin/transactions/{transaction.id}/repair")).text
    assert "The buyer has the course by another way." in text(page)
    assert offers_refund(page)


async def test_a_dispute_is_shown(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    transactions = academy.academy.database.collection(Transaction)
    browser, _ = await admins_browser(academy)
    now = academy.clock.now()

    async def open_disputes() -> int:
        page = (await browser.get("/admin")).text
        return int(elements(page, "a", href="/admin/transactions?disputed=true")[0].text)

    before = await open_disputes()
    transaction = await bought(academy, await academy.person(), await paid_course(academy))
    for status, count in (("warning_needs_response", before + 1), ("won", before)):
        dispute = Dispute(
            reference="dp_9", amount=transaction.amount, reason="fraudulent", status=status, at=now, told_at=now
        )
        transaction = await transactions.replace(msgspec.structs.replace(transaction, dispute=dispute, disputed_at=now))
        page = text((await browser.get(f"/admin/transactions/{transaction.id}")).text)
        assert "asked their bank for ₹1,499 back" in page
        assert f"It stands at “{status.replace('_', ' ')}”" in page
        assert await open_disputes() == count


async def test_what_belonged_to_a_deleted_account_is_still_shown(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    buyer = await academy.person(name="Zoë Müller")
    transaction = await bought(academy, buyer, await paid_course(academy))
    await academy.academy.accounts.delete(buyer, "a long enough password")
    browser, _ = await admins_browser(academy)
    page = await browser.get(f"/admin/transactions/{transaction.id}")
    assert (page.status_code, "Zoë" in page.text, "Deleted account" in page.text) == (200, False, True)
    assert buyer.user_id not in page.text
    assert "cannot open the course" not in page.text
    assert "user_id=" not in page.text


async def test_the_inbox_of_the_webhooks(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    transaction = await bought(academy, await academy.person(), await paid_course(academy))
    browser, _ = await admins_browser(academy)
    events = academy.academy.database.collection(WebhookEvent)
    now = academy.clock.now()
    waiting = WebhookEvent(
        gateway="stripe",
        event_id=f"evt_{transaction.id}",
        event_type="charge.refunded",
        body='<b>no "json"</b>',
        news="{}",
        created_at=now,
        updated_at=now,
    )
    await events.insert(waiting)
    handled = (await browser.get("/admin/webhook-events?status=handled")).text
    assert f'href="/admin/transactions/{transaction.id}"' in handled
    assert waiting.id not in listed_events(handled)
    page = (await browser.get("/admin/webhook-events?status=received")).text
    assert listed_events(page) == [waiting.id]
    assert "oldest event that waits" in text(page)
    page = (await browser.get(f"/admin/webhook-events/{waiting.id}")).text
    assert elements(page, "pre", class_="raw")[0].text == '<b>no "json"</b>'
    assert "<b>no" not in page
    # It shows in health once it has waited for more than five minutes.
    assert (await academy.academy.payments.health_check()) == ""
    late = msgspec.structs.replace(waiting, id=f"late-{waiting.id}", event_id="late")
    late.created_at = now.replace(year=now.year - 1)
    await events.insert(late)
    academy.clock.move(seconds=6)
    report = (await (await academy.signed_in_api(Role.ADMIN)).get("admin/health")).json()
    assert report["checks"]["payments"]["status"] == "degraded"
    assert "A webhook of stripe has been waiting since" in report["checks"]["payments"]["detail"]
    await events.delete_many({"event_id": {"$in": [waiting.event_id, late.event_id]}})
