"""What people do on the website, click by click."""

import re

import httpx
from playwright.async_api import Page, expect

from tests.waiting import wait_for

PASSWORD = "a long enough password"


async def register(page: Page, name: str, email: str) -> None:
    """Joins as somebody new would: the form, the code from the local inbox, the first page of a member."""
    await page.goto("/")
    await page.get_by_role("banner").get_by_role("link", name="Join").click()
    await page.get_by_label("Your name").fill(name)
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Create my account").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")
    code = await code_from_inbox(page, email)
    await page.get_by_label("6-digit code").fill(code)
    await page.get_by_role("button", name="Confirm and start").click()
    await page.wait_for_url("**/dashboard")


async def code_from_inbox(page: Page, email: str) -> str:
    """Follows the link to the local inbox, which opens beside the page, and reads the newest code there."""
    async with page.context.expect_page() as opened:
        await page.get_by_role("main").get_by_role("link", name="local inbox").click()
    inbox = await opened.value
    mail = inbox.locator("details", has_text=f"to {email}").first
    # The job that sends the mail may still run.
    for _ in range(50):
        if await mail.count():
            break
        await inbox.reload()
    found = re.search(r"\b\d{6}\b", await mail.inner_text())
    await inbox.close()
    assert found, "the mail holds no code"
    return found.group()


async def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    """Signs in with a password."""
    await page.goto("/login")
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await page.wait_for_url("**/dashboard")


async def sign_out(page: Page, name: str) -> None:
    """Signs out by the menu."""
    await page.locator("summary", has_text=f"Account of {name}").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("status")).to_contain_text("You are signed out.")


async def enrol(page: Page, slug: str) -> None:
    """Enrols in a free course; the player opens."""
    await page.goto(f"/courses/{slug}")
    await page.get_by_role("complementary", name="Enrolment").get_by_role("button", name="Enrol for free").click()
    await page.wait_for_url(f"**/learn/{slug}/**")


def subjects_of_mail(url: str, email: str) -> list[str]:
    """The subjects of the mails to an address, newest first."""
    return [mail["subject"] for mail in httpx.get(f"{url}/dev/mail.json").json() if mail["to"] == email]


def wait_for_mail(url: str, email: str, subject: str) -> None:
    """Waits for a mail whose subject begins so."""
    assert wait_for(lambda: any(s.startswith(subject) for s in subjects_of_mail(url, email))), subject
