"""Buying a course in a real browser: by the rehearsal gateway, and by Razorpay's script on our page."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, Request, Route, expect

from academy.demo.accounts import DEMO_COUPON, DEMO_PASSWORD, LEARNER
from tests.servers.academy import ServedAcademy, served_academy
from tests.servers.demo import copy_of
from tests.simulators.razorpay import KEY_ID, KEY_SECRET, Razorpay, running_razorpay
from tests.website.checks import assert_accessible, assert_fits
from tests.website.conftest import Visitor
from tests.website.people import sign_in, wait_for_mail

COURSE = "sql-that-answers-questions"
TITLE = "SQL That Answers Questions"
FIRST_LESSON = "First the question, then the query"
SCRIPT = "https://checkout.razorpay.com/v1/checkout.js"
PAYS_AT = "https://api.razorpay.com/paid-by-the-test"
CHECKOUT_JS = Path(__file__).with_name("razorpay_checkout.js").read_text("utf-8")


@pytest.mark.parametrize("width", [360, 1440])
async def test_from_the_catalogue_to_the_first_lesson_and_the_invoice(
    width: int, demo_academy: ServedAcademy, visitor: Visitor
) -> None:
    page = await visitor(demo_academy.url, width=width)
    await page.goto("/courses?price=paid")
    await page.get_by_role("link", name=TITLE).click()
    await page.get_by_role("link", name="Buy for ₹1,499").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Checkout")
    await page.get_by_label("Coupon").fill(DEMO_COUPON.lower())
    await page.get_by_role("button", name="Apply").click()
    await expect(page.get_by_text("−₹374.75")).to_be_visible()
    await page.get_by_label("E-mail address").fill(LEARNER.email)
    await page.get_by_label("Password", exact=True).fill(DEMO_PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await page.get_by_role("button", name="Pay ₹1,124.25").click()

    await expect(page).to_have_title("Rehearsal Bank")
    await expect(page.get_by_text("₹1,124.25")).to_be_visible()
    await page.get_by_role("button", name="Decline the card").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You did not pay")
    await page.get_by_role("button", name="Try again").click()
    await page.get_by_role("button", name="Pay", exact=True).click()

    await expect(page.get_by_role("heading", level=1)).to_have_text("You are in")
    await assert_accessible(page)
    await assert_fits(page)
    wait_for_mail(demo_academy.url, LEARNER.email, f"You are enrolled: {TITLE}")
    waiting = page.url
    await page.get_by_role("link", name="Begin with").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(FIRST_LESSON)
    await page.goto(waiting)
    await page.get_by_role("link", name="Receipt RA-").click()
    await expect(page.get_by_text("Your payment arrived.")).to_be_visible()
    await assert_accessible(page)
    await assert_fits(page)
    async with page.expect_download() as started:
        await page.get_by_role("link", name="Download RA-").click()
    file = await (await started.value).path()
    assert file.read_bytes().startswith(b"%PDF-")


async def test_the_waiting_page_turns_by_itself_and_nothing_on_it_jumps(
    demo_academy: ServedAcademy, visitor: Visitor
) -> None:
    page = await visitor(demo_academy.url)
    await sign_in(page, LEARNER.email, DEMO_PASSWORD)
    bank = await _at_the_bank(page)
    waiting = await page.get_by_role("link", name="Leave without paying").get_attribute("href")
    assert waiting
    await page.goto(waiting.removesuffix("/cancelled"))
    loads: list[Request] = []
    page.on("request", lambda request: loads.append(request) if request.is_navigation_request() else None)
    await page.evaluate(
        "new PerformanceObserver(l => l.getEntries().forEach(e => { window.moved = (window.moved ?? 0) + e.value }))"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    async with page.expect_response(lambda response: "seen=" in response.url):
        await expect(page.get_by_role("heading", level=1)).to_have_text("Waiting for your payment")
    other = await page.context.new_page()
    await other.goto(bank)
    await other.get_by_role("button", name="Pay", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are in")
    assert loads == [], "without loading the page again"
    assert await page.evaluate("window.moved ?? 0") == 0
    polls: list[Request] = []
    page.on("request", lambda request: polls.append(request))  # noqa: PLW0108 - a built-in has no name to unhook
    await page.get_by_role("link", name="Begin with").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text(FIRST_LESSON)
    assert [request.url for request in polls if "seen=" in request.url] == [], "it has stopped asking"


async def test_the_waiting_page_asks_on_after_the_academy_was_away(
    demo_academy: ServedAcademy, visitor: Visitor
) -> None:
    page = await visitor(demo_academy.url, forgive=["503 (Service Unavailable)", "Response Status Error Code 503"])
    await sign_in(page, LEARNER.email, DEMO_PASSWORD)
    bank = await _at_the_bank(page)
    waiting = await page.get_by_role("link", name="Leave without paying").get_attribute("href")
    assert waiting
    failures = 0

    async def fail_once(route: Route) -> None:
        nonlocal failures
        failures += 1
        if failures == 1:
            await route.fulfill(status=503, body="away")
        else:
            await route.continue_()

    await page.route("**/checkout/**seen=**", fail_once)
    await page.clock.install()
    await page.goto(waiting.removesuffix("/cancelled"))
    async with page.expect_response(lambda response: response.status == 503):
        await page.clock.run_for(1_500)
    other = await visitor(demo_academy.url)
    await other.goto(bank)
    await other.get_by_role("button", name="Pay", exact=True).click()
    await other.wait_for_url("**/login?**")
    async with page.expect_response(lambda response: "seen=" in response.url and response.ok):
        await page.clock.run_for(11_000)
    assert failures == 2


async def test_a_buyer_finds_the_way_by_keyboard_and_enter_in_a_field_does_not_pay(
    demo_academy: ServedAcademy, visitor: Visitor
) -> None:
    page = await visitor(demo_academy.url, forgive=["422 (Unprocessable Entity)"])
    await sign_in(page, LEARNER.email, DEMO_PASSWORD)
    await page.goto(f"/checkout/{COURSE}")
    await page.get_by_label("Coupon").fill("nothing")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("There is no such coupon.")).to_be_visible()
    assert re.search(r"/checkout/[\w-]+\?coupon=nothing&", page.url)
    assert "_csrf_token" not in page.url
    await page.locator("summary", has_text="Invoice details").focus()
    await page.keyboard.press("Enter")
    await page.get_by_label("Country").select_option(label="Germany")
    await page.get_by_label("GSTIN").fill("DE123")
    await page.get_by_label("Coupon").fill("")
    await page.get_by_label("GSTIN").press("Enter")
    await expect(page.get_by_label("VAT or other tax number")).to_have_value("DE123")
    await expect(page.get_by_label("VAT or other tax number")).to_be_focused()
    await page.keyboard.press("End")
    await page.keyboard.insert_text("456789")
    await page.get_by_role("button", name="Pay ₹1,499").focus()
    await page.keyboard.press("Enter")
    await expect(page).to_have_title("Rehearsal Bank")


async def test_without_javascript_the_waiting_page_loads_itself_again(
    demo_academy: ServedAcademy, visitor: Visitor
) -> None:
    page = await visitor(demo_academy.url, javascript=False)
    await sign_in(page, LEARNER.email, DEMO_PASSWORD)
    bank = await _at_the_bank(page)
    waiting = await page.get_by_role("link", name="Leave without paying").get_attribute("href")
    assert waiting
    other = await page.context.new_page()
    await page.goto(waiting.removesuffix("/cancelled"))
    await expect(page.get_by_role("heading", level=1)).to_have_text("Waiting for your payment")
    await other.goto(bank)
    await other.get_by_role("button", name="Pay", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are in")


async def _at_the_bank(page: Page) -> str:
    """Goes on to the bank from the checkout; returns its page."""
    await page.goto(f"/checkout/{COURSE}")
    await page.get_by_role("button", name="Pay ₹1,499").click()
    await page.wait_for_url("**/rehearsal/**")
    return page.url


# --- Razorpay ---


@pytest.fixture
def razorpay() -> Iterator[Razorpay]:
    """The vendor's API."""
    with running_razorpay() as running:
        yield running


@pytest.fixture
def razorpay_academy(demo_home: Path, tmp_path: Path, razorpay: Razorpay) -> Iterator[ServedAcademy]:
    """A demo academy that sells by Razorpay."""
    variables = {
        "CONVERSION_CONCURRENCY": "0",
        "PAYMENT_GATEWAYS": "razorpay",
        "RAZORPAY_KEY_ID": KEY_ID,
        "RAZORPAY_KEY_SECRET": KEY_SECRET,
        "RAZORPAY_WEBHOOK_SECRET": "told by nobody here",
        "RAZORPAY_URL": razorpay.url,
    }
    with served_academy(copy_of(demo_home, tmp_path / "home"), variables=variables) as served:
        yield served


async def _with_script(page: Page, razorpay: Razorpay) -> None:
    """Plays the part of Razorpay's servers that a browser sees."""

    async def pay(route: Route) -> None:
        signed = razorpay.pay(route.request.url.partition("order=")[2])
        headers = {"Access-Control-Allow-Origin": "*"}
        await route.fulfill(body=json.dumps(signed), content_type="application/json", headers=headers)

    await page.route(SCRIPT, lambda route: route.fulfill(body=CHECKOUT_JS, content_type="text/javascript"))
    await page.route(f"{PAYS_AT}?**", pay)


async def test_razorpay_is_paid_on_our_page(
    razorpay_academy: ServedAcademy, razorpay: Razorpay, visitor: Visitor
) -> None:
    page = await visitor(razorpay_academy.url)
    await _with_script(page, razorpay)
    await sign_in(page, LEARNER.email, DEMO_PASSWORD)
    await page.goto(f"/checkout/{COURSE}")
    await page.get_by_role("button", name="Pay ₹1,499").click()
    dialog = page.get_by_role("dialog", name=f"Rtech Academy: {TITLE}")
    await dialog.get_by_role("button", name="Close").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You did not pay")
    await page.get_by_role("button", name="Try again").click()
    await dialog.get_by_role("button", name=f"Pay 149900 as {LEARNER.email}").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are in")
    assert len(razorpay.orders) == 1, "the second try is the same order"


async def test_razorpay_that_cannot_be_loaded_says_so(
    razorpay_academy: ServedAcademy, razorpay: Razorpay, visitor: Visitor
) -> None:
    page = await visitor(razorpay_academy.url, width=360, forgive=["net::ERR_FAILED"])
    await page.route(SCRIPT, lambda route: route.abort())
    await sign_in(page, LEARNER.email, DEMO_PASSWORD)
    await page.goto(f"/checkout/{COURSE}")
    await page.get_by_role("button", name="Pay ₹1,499").click()
    await expect(page.get_by_text("Razorpay could not be loaded.")).to_be_visible()
    await assert_accessible(page)
    await assert_fits(page)
    without = await visitor(razorpay_academy.url, javascript=False)
    await without.context.add_cookies(await page.context.cookies())  # type: ignore[arg-type]
    await without.goto(page.url)
    await expect(without.locator("noscript .alert")).to_be_visible()
    assert len(razorpay.orders) == 1
