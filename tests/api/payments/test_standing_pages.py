"""After the checkout page: waiting, coming back without paying, giving up, the rehearsal gateway's page."""

import pytest

from academy.features.payments.coupons import CouponDetails
from academy.features.payments.model import Access, Transaction, TransactionStatus
from academy.infrastructure.security.principal import Principal
from tests.academies.html import elements, links, text
from tests.academies.in_process import Browser, TestAcademy
from tests.academies.payments import ordered, paid_course, rehearsal, stored

pytestmark = pytest.mark.asyncio(loop_scope="module")

HTMX = {"HX-Request": "true"}


async def begun(academy: TestAcademy, coupon: str = "") -> tuple[Principal, Browser, Transaction]:
    """A buyer at the gateway."""
    course = await paid_course(academy)
    buyer = await academy.person()
    transaction = await ordered(academy, buyer, course, coupon)
    return buyer, await academy.signed_in_browser(person=buyer), transaction


def page_of(transaction: Transaction, rest: str = "") -> str:
    return f"/checkout/{transaction.course_slug}/{transaction.id}{rest}"


def heading(page: str) -> str:
    [found] = elements(page, "h1")
    return found.text


async def test_the_waiting_page_turns_and_asks_ever_more_seldom(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    _, browser, transaction = await begun(academy)
    page = (await browser.get(page_of(transaction))).text
    assert heading(page) == "Waiting for your payment"
    [poll] = elements(page, "div", id="poll")
    assert poll.attributes["hx-get"] == page_of(transaction, "?waited=1&seen=waiting")
    assert "load delay:1s" in poll.attributes["hx-trigger"]
    [refresh] = [meta for meta in elements(page, "meta") if meta.attributes.get("http-equiv") == "refresh"]
    assert refresh.attributes["content"] == f"5;url={page_of(transaction)}?waited=5"
    assert elements(page, id="standing")[0].attributes["aria-live"] == "polite"

    for waited, delay in ((9, 1), (10, 2), (29, 2), (30, 5), (120, 15), (9_999, 15)):
        part = (await browser.get(page_of(transaction, f"?waited={waited}&seen=waiting"), headers=HTMX)).text
        [poll] = elements(part, id="poll")
        assert f"load delay:{delay}s" in poll.attributes["hx-trigger"], waited
        assert f"waited={waited + delay}&" in poll.attributes["hx-get"]
        assert bool(elements(part, id="standing")) is (waited >= 30), "what is known already is not told again"
    slow = (await browser.get(page_of(transaction, "?waited=30"))).text
    assert "It takes longer than usual" in text(slow)

    await rehearsal(academy).pay(transaction.reference)
    await academy.work()
    part = (await browser.get(page_of(transaction, "?waited=31&seen=waiting_long"), headers=HTMX)).text
    assert heading(part) == "You are in"
    assert "hx-get" not in elements(part, id="poll")[0].attributes
    turned = (await browser.get(page_of(transaction))).text
    course = await academy.academy.courses.get(transaction.course_slug)
    assert f"/learn/{course.slug}/{course.lessons()[0].id}" in links(turned)
    assert f"/account/receipts/{transaction.id}" in links(turned)
    assert [meta for meta in elements(turned, "meta") if meta.attributes.get("http-equiv")] == []


@pytest.mark.parametrize("waited", ["-1", "x", "²", "1" * 400])
async def test_a_strange_time_of_waiting_counts_as_none(shared_embedded_academy: TestAcademy, waited: str) -> None:
    _, browser, transaction = await begun(shared_embedded_academy)
    answer = await browser.get(page_of(transaction), params={"waited": waited})
    assert (answer.status_code, heading(answer.text)) == (200, "Waiting for your payment")
    assert "waited=1&amp;seen" in answer.text


async def test_only_the_buyer_sees_any_of_it(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    _, _, transaction = await begun(academy)
    other, nobody = await academy.signed_in_browser(), academy.browser()
    receipt = f"/account/receipts/{transaction.id}"
    for rest in ("", "/cancelled", "/pay"):
        assert (await other.get(page_of(transaction, rest))).status_code == 404, rest
        sent = await nobody.get(page_of(transaction, rest))
        assert (sent.url.path, sent.url.params["next"]) == ("/login", page_of(transaction, rest))
    assert (await other.get(receipt)).status_code == 404
    for rest in ("/cancel", "/returned"):
        answer = await other.submit("/account", page_of(transaction, rest))
        assert answer.status_code == 404, rest
    assert (await stored(academy, transaction)).status is TransactionStatus.PENDING


async def test_a_try_that_failed_is_told_after_a_moment_with_both_ways_on(
    shared_embedded_academy: TestAcademy,
) -> None:
    academy = shared_embedded_academy
    _, browser, transaction = await begun(academy)
    await rehearsal(academy).decline(transaction.reference)
    await academy.work()
    assert heading((await browser.get(page_of(transaction))).text) == "Waiting for your payment"
    page = (await browser.get(page_of(transaction, "?waited=8"))).text
    assert heading(page) == "That try to pay did not work"
    assert "The bank declined the card." in text(page)
    assert [link.text for link in elements(page, "a", class_="button")] == ["Back to the checkout"]
    fields = {one.attributes["name"]: one.attributes["value"] for one in elements(page, "input", type="hidden")}
    fields.pop("_csrf_token")
    [again] = [form for form in elements(page, "form") if form.attributes["action"].endswith("total=149900")]
    answer = await browser.submit(page_of(transaction, "?waited=8"), again.attributes["action"], **fields)
    assert answer.url.path.startswith("/rehearsal/")
    assert "hx-get" in elements(page, id="poll")[0].attributes, "the payment may still come"


async def test_coming_back_without_paying_explains_and_offers_again(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    code = "BACK-50"
    await academy.academy.coupons.create(CouponDetails(code=code, percent=50))
    _, browser, transaction = await begun(academy, code)
    page = (await browser.get(page_of(transaction, "/cancelled"))).text
    assert heading(page) == "You did not pay"
    assert "Nothing was charged." in text(page)
    other = f"/checkout/{transaction.course_slug}?coupon={code}&country=IN&state=&tax_id="
    assert other in links(page)
    gone = await browser.submit(page_of(transaction, "/cancelled"), page_of(transaction, "/cancel"))
    assert gone.url.path == f"/courses/{transaction.course_slug}"
    assert "Cancelled. Nothing was charged." in text(gone.text)
    await academy.work()
    assert (await stored(academy, transaction)).status is TransactionStatus.CANCELLED
    over = await browser.get(page_of(transaction, "/cancelled"))
    assert (over.url.path, heading(over.text)) == (page_of(transaction), "This payment was cancelled")
    anew = await browser.get(other)
    assert anew.status_code == 200, "the coupon is free again"
    assert (await browser.submit(other, page_of(transaction, "/cancel"))).url.path == page_of(transaction)


async def test_giving_up_what_was_paid_meanwhile_shows_that_it_was(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    _, browser, transaction = await begun(academy)
    await rehearsal(academy).pay(transaction.reference)
    answer = await browser.submit(page_of(transaction, "/cancelled"), page_of(transaction, "/cancel"))
    assert (answer.url.path, heading(answer.text)) == (page_of(transaction), "You are in")


async def test_a_checkout_whose_time_is_over_offers_to_begin_anew(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    _, browser, transaction = await begun(academy)
    academy.clock.move(minutes=61)
    await academy.academy.reconciliation.check(await stored(academy, transaction))
    await academy.work()
    page = (await browser.get(page_of(transaction))).text
    assert heading(page) == "The time to pay is over"
    assert [link.text for link in elements(page, "a", class_="button")] == ["Begin anew", "Back to the course"]
    assert elements(page, id="poll")[0].attributes.keys() == {"id"}


async def test_money_for_a_course_that_one_has_comes_back(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    buyer, browser, transaction = await begun(academy)
    course = await academy.academy.courses.get(transaction.course_slug)
    await academy.academy.enrolments.grant(buyer, course)
    await rehearsal(academy).pay(transaction.reference)
    await academy.work()
    held = await stored(academy, transaction)
    assert (held.access, held.status) == (Access.HELD, TransactionStatus.REFUNDED)
    page = (await browser.get(page_of(transaction))).text
    assert heading(page) == "This payment was sent back"


async def test_the_rehearsal_page_plays_the_bank(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    _, browser, transaction = await begun(academy)
    bank = f"/rehearsal/{transaction.reference}"
    stranger = academy.browser()
    page = (await stranger.get(bank)).text
    assert [heading(page), "No money moves here." in text(page)] == [transaction.course_title, True]
    assert elements(page, "p", class_="bank-amount")[0].text == "₹1,499"
    assert elements(page, class_="site-header") == []
    assert (await stranger.post(f"{bank}/pay")).status_code == 403, "without a token"

    declined = await browser.submit(bank, f"{bank}/decline")
    assert (declined.url.path, heading(declined.text)) == (page_of(transaction, "/cancelled"), "You did not pay")
    assert "The bank declined the card." in text((await browser.get(bank)).text)
    paid = await browser.submit(bank, f"{bank}/pay")
    assert paid.url.path == page_of(transaction)
    await academy.work()
    over = await browser.get(bank)
    assert "This is paid." in text(over.text)
    assert elements(over.text, "button") == []
    for what in ("pay", "decline"):
        again = await browser.submit("/account", f"{bank}/{what}")
        assert (again.status_code, again.url.path) == (200, bank)
    assert (await stored(academy, transaction)).status is TransactionStatus.PAID
    assert (await browser.get("/rehearsal/nothing")).status_code == 404
