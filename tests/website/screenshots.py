"""`make screenshots`: pictures of the main pages of the demo academy, phone and desktop, light and dark.

They go to `.cache/screenshots`, to be looked at; nothing compares them.
"""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from playwright.async_api import Browser, Page, async_playwright

from academy.demo.accounts import ADMIN, DEMO_PASSWORD, INSTRUCTOR, LEARNER
from tests.servers.academy import served_academy
from tests.servers.chromium import chromium_path
from tests.servers.demo import copy_of, load_demo
from tests.website.conftest import ARGUMENTS

TARGET = Path(__file__).parents[2] / ".cache" / "screenshots"
WIDTHS = {"phone": 360, "desktop": 1440}
COURSE = "/courses/statistics-without-fear"

PUBLIC = {
    "landing": "/",
    "catalogue": "/courses",
    "search": "/courses?q=colour&level=beginner",
    "nothing-found": "/courses?q=xylophone",
    "course": COURSE,
    "paid-course": "/courses/sql-that-answers-questions",
    "login": "/login",
    "register": "/register",
    "verify": "/verify?email=you%40example.com",
    "not-found": "/courses/there-is-none",
    "inbox": "/dev/mail",
    "api": "/api/docs",
}
OF_PEOPLE = {
    LEARNER.email: {
        "dashboard": "/dashboard",
        "player": "/learn/statistics-without-fear",
        "enrolled-course": COURSE,
        "locked": "",
        "profile": "/account",
        "preferences": "/account/preferences",
        "security": "/account/security",
        "sessions": "/account/sessions",
        "my-data": "/account/data",
    },
    INSTRUCTOR.email: {
        "studio": "/studio",
        "studio-course": "/studio/courses/the-web-without-magic",
        "studio-lesson": "",
    },
    ADMIN.email: {
        "admin": "/admin",
        "admin-users": "/admin/users",
        "admin-courses": "/admin/courses",
        "admin-enrolments": "/admin/enrolments",
        "admin-mail": "/admin/mail",
        "admin-jobs": "/admin/jobs",
    },
}


async def main() -> int:
    """Takes all pictures; returns the exit code."""
    TARGET.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        home = copy_of(load_demo(Path(folder) / "demo"), Path(folder) / "home")
        with served_academy(home) as academy:
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)
                await _everything(browser, academy.url)
                await browser.close()
    sys.stdout.write(f"{len(list(TARGET.glob('*.png')))} pictures in {TARGET}\n")
    return 0


async def _everything(browser: Browser, url: str) -> None:
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        for size, width in WIDTHS.items():
            look = f"{size}-{scheme}"
            context = await browser.new_context(
                base_url=url, viewport={"width": width, "height": 900}, color_scheme=scheme
            )
            page = await context.new_page()
            await _pictures(page, PUBLIC, look)
            for email, pages in OF_PEOPLE.items():
                await _sign_in(page, email)
                if email == LEARNER.email:
                    await _enrol(page)
                await _pictures(page, pages | await _places(page, pages), look)
                await context.clear_cookies()
            await context.close()


async def _sign_in(page: Page, email: str) -> None:
    await page.goto("/login")
    await page.get_by_label("E-mail").first.fill(email)
    await page.get_by_label("Password").first.fill(DEMO_PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await page.wait_for_url("**/dashboard")


async def _enrol(page: Page) -> None:
    await page.goto(COURSE)
    button = page.get_by_role("button", name="Enrol").first
    if await button.count():
        await button.click()
        await page.wait_for_url("**/learn/**")


async def _places(page: Page, pages: dict[str, str]) -> dict[str, str]:
    """Finds the addresses that hold an id: a locked lesson, a lesson's editor."""
    found: dict[str, str] = {}
    if "studio-lesson" in pages:
        await page.goto("/studio/courses/the-web-without-magic")
        found["studio-lesson"] = await page.locator("a[href*='/lessons/']").first.get_attribute("href") or ""
    if "locked" in pages:
        answer = await page.request.get("/api/v1/courses/sql-that-answers-questions")
        lessons = [lesson for section in (await answer.json())["curriculum"] for lesson in section["lessons"]]
        locked = next(lesson["id"] for lesson in lessons if not lesson["free_preview"])
        found["locked"] = f"/learn/sql-that-answers-questions/{locked}"
    return found


async def _pictures(page: Page, pages: dict[str, str], look: str) -> None:
    for name, path in pages.items():
        await page.goto(path)
        await page.wait_for_load_state("networkidle")
        await page.screenshot(path=TARGET / f"{name}-{look}.png", full_page=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
