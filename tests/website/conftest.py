"""A real Chromium for the website tests, whose pages must not complain.

Playwright's asynchronous API is used, because its synchronous one leaves an event loop behind that asynchronous tests
in the same process stumble over. All tests in this folder share one event loop, and with it one browser.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Literal, Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Error, Page, async_playwright

from tests.servers.chromium import chromium_path

ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
# The machines that test are slow and shared; what takes longer is broken.
SECONDS = 15


class Visitor(Protocol):
    """Opens a page in a browser profile of its own: its own cookies, storage and cache."""

    async def __call__(
        self,
        url: str,
        *,
        width: int = 1280,
        height: int = 800,
        color_scheme: Literal["light", "dark"] = "light",
        reduced_motion: bool = False,
        javascript: bool = True,
        forgive: Sequence[str] = (),
    ) -> Page:
        """Returns an empty page for whom the site at `url` is the base of paths, e.g. `page.goto("/courses")`.

        Whatever the page writes to the console as a warning or an error (a breach of the content security policy, a
        resource that was not found, an exception) fails the test, unless it contains one of the texts in `forgive`.
        """
        ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs the tests of this folder in the event loop that the browser lives in."""
    here = __file__.rpartition("/")[0]
    for item in items:
        if str(item.path).startswith(here) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, started once in each test process."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(browser: Browser) -> AsyncIterator[Visitor]:
    """Opens pages; at the end of the test none of them may have complained."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    async def open_page(
        url: str,
        *,
        width: int = 1280,
        height: int = 800,
        color_scheme: Literal["light", "dark"] = "light",
        reduced_motion: bool = False,
        javascript: bool = True,
        forgive: Sequence[str] = (),
    ) -> Page:
        context = await browser.new_context(
            base_url=url,
            viewport={"width": width, "height": height},
            color_scheme=color_scheme,
            reduced_motion="reduce" if reduced_motion else "no-preference",
            java_script_enabled=javascript,
        )
        contexts.append(context)
        context.set_default_timeout(SECONDS * 1000)

        def complain(page: str, text: str) -> None:
            if not any(allowed in text for allowed in forgive):
                complaints.append(f"{page}: {text}")

        def heard(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                complain(message.page.url if message.page else url, f"{message.text} ({message.location['url']})")

        def thrown(error: Error) -> None:
            complain(page.url, str(error))

        context.on("console", heard)
        page = await context.new_page()
        page.on("pageerror", thrown)
        return page

    yield open_page
    for context in contexts:
        await context.close()
    assert complaints == []
