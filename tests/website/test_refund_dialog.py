"""Sending money back on the page of a payment, with and without JavaScript."""

from playwright.async_api import Page, expect

from academy.demo.accounts import ADMIN
from tests.servers.academy import ServedAcademy
from tests.website.checks import assert_accessible, assert_fits
from tests.website.conftest import Visitor
from tests.website.tour import come_in

UNPROCESSABLE = "422 (Unprocessable Entity)"


async def payment(page: Page) -> None:
    """Goes to a payment of the demo academy."""
    await page.goto((await come_in(page, ADMIN.email))["admin-transaction"])


async def refunds(page: Page) -> int:
    return await page.locator("section[aria-labelledby='refunds'] tbody tr").count()


async def test_the_dialog_asks_once_and_a_double_click_is_one_refund(
    demo_academy: ServedAcademy, visitor: Visitor
) -> None:
    page = await visitor(demo_academy.url, width=360, forgive=[UNPROCESSABLE])
    await payment(page)
    opener, dialog = page.get_by_role("button", name="Send money back"), page.get_by_role("dialog")
    await expect(dialog).to_be_hidden()
    await opener.focus()
    await page.keyboard.press("Enter")
    await expect(dialog).to_be_visible()
    await expect(page.get_by_label("Amount in INR")).to_be_focused()
    await assert_accessible(page)
    await assert_fits(page)
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(opener).to_be_focused()
    await opener.click()
    await page.get_by_role("button", name="Cancel").click()
    await expect(dialog).to_be_hidden()
    assert await refunds(page) == 0

    await opener.click()
    await page.get_by_label("Amount in INR").fill("one")
    await page.get_by_label("Reason").fill("A lesson was missing")
    await page.get_by_role("button", name="Send it back").click()
    # It comes back open, with what was typed.
    await expect(page.get_by_text("Write the amount in INR as a plain number")).to_be_visible()
    await expect(page.get_by_label("Reason")).to_have_value("A lesson was missing")
    await assert_accessible(page)
    await page.get_by_label("Amount in INR").fill("10.50")
    await page.get_by_role("button", name="Send it back").dblclick()
    await expect(page.get_by_text("The money goes back")).to_be_visible()
    assert await refunds(page) == 1


async def test_without_a_script_it_is_a_part_of_the_page(demo_academy: ServedAcademy, visitor: Visitor) -> None:
    page = await visitor(demo_academy.url, width=360, javascript=False)
    await payment(page)
    await expect(page.get_by_role("button", name="Send money back")).to_be_hidden()
    await expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    await page.get_by_label("Amount in INR").fill("10.50")
    await page.get_by_label("Reason").fill("A lesson was missing")
    await page.get_by_role("button", name="Send it back").click()
    await expect(page.get_by_text("The money goes back")).to_be_visible()
    assert await refunds(page) == 1
