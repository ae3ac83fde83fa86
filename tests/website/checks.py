"""What every page must keep: accessible to everybody, and no wider than its window; and waiting for a page's script."""

import asyncio
import time
from pathlib import Path

from playwright.async_api import Page

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SECONDS = 15.0


async def wait_until(page: Page, script: str) -> None:
    """Waits until an expression is true in the page.

    Stands in for `page.wait_for_function`, which needs `eval`, and that our content security policy forbids.
    """
    deadline = time.monotonic() + SECONDS
    while not await page.evaluate(script):
        assert time.monotonic() < deadline, f"{page.url}: never true: {script}"
        await asyncio.sleep(0.02)


async def assert_accessible(page: Page) -> None:
    """Runs axe-core over the page as it stands; it must find nothing. Covers contrast and the size of targets, too."""
    # Evaluated by the browser's tools, which the page's content security policy does not bind.
    await page.evaluate(AXE)
    found = await page.evaluate(
        "async rules => (await axe.run(document, {runOnly: {type: 'tag', values: rules}})).violations.map("
        "v => `${v.id}: ${v.help}: ${v.nodes.map(n => `${n.target} (${n.failureSummary})`).join('; ')}`)",
        RULES,
    )
    assert found == [], f"{page.url}: " + "\n".join(found)


async def assert_fits(page: Page) -> None:
    """The page must not scroll sideways; names the elements that reach out."""
    outside = await page.evaluate(
        """() => {
          const width = document.documentElement.clientWidth;
          if (document.documentElement.scrollWidth <= width) return [];
          return [...document.body.querySelectorAll("*")]
            .filter((element) => element.getBoundingClientRect().right > width + 1)
            .map((element) => `${element.localName}.${element.className}`);
        }"""
    )
    assert outside == [], f"{page.url} is wider than its window: {outside}"
