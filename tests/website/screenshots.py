"""`make screenshots`: pictures of the main pages of the demo academy, phone and desktop, light and dark.

They go to `.cache/screenshots`, to be looked at; nothing compares them.
"""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from playwright.async_api import Browser, Page, async_playwright

from tests.servers.academy import served_academy
from tests.servers.chromium import chromium_path
from tests.servers.demo import copy_of, load_demo
from tests.website.conftest import ARGUMENTS
from tests.website.tour import OF_PEOPLE, PUBLIC, come_in

TARGET = Path(__file__).parents[2] / ".cache" / "screenshots"
WIDTHS = {"phone": 360, "desktop": 1440}


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
            for email in OF_PEOPLE:
                await _pictures(page, await come_in(page, email), look)
                await context.clear_cookies()
            await context.close()


async def _pictures(page: Page, pages: dict[str, str], look: str) -> None:
    for name, path in pages.items():
        await page.goto(path)
        await page.wait_for_load_state("networkidle")
        await page.screenshot(path=TARGET / f"{name}-{look}.png", full_page=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
