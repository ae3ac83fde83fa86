"""The player of an account that watches on as many devices as it may."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.website.checks import assert_accessible
from tests.website.conftest import Visitor
from tests.website.people import sign_in, sign_out
from tests.website.watching import Site, address_of, loaded, opened_site, state_of, until


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """The academy, where an account watches on one device at a time, with a learner for each test."""
    names = [name for name in globals() if name.startswith("test_")]
    async with opened_site(tmp_path_factory.mktemp("devices"), names, MEDIA_MOST_STREAMS="1") as opened:
        yield opened


@pytest.fixture
def me(request: pytest.FixtureRequest) -> str:
    """The address of the learner that only this test is."""
    return address_of(request.function.__name__)


async def test_a_second_device_is_told_without_a_script(site: Site, visitor: Visitor, me: str) -> None:
    first, second = await visitor(site.url), await visitor(site.url, javascript=False)
    await sign_in(first, me)
    await first.goto(site.watch)
    await loaded(first)
    await first.reload()
    await loaded(first)
    await sign_in(second, me)
    await second.goto(site.watch)
    await expect(second.get_by_text("You are watching on one device already")).to_be_visible()
    await expect(second.get_by_role("link", name="Look again")).to_be_visible()


async def test_a_player_whose_place_is_another_ones_stops_and_says_why(site: Site, visitor: Visitor, me: str) -> None:
    page = await visitor(site.url, forgive=["409", "403"])
    await sign_in(page, me)
    await page.goto(site.watch)
    await loaded(page)
    # The same browser with another session is another device, and the first one holds the only place.
    beside = await page.context.new_page()
    await beside.goto("/dashboard")
    await sign_out(beside, "Asha Rao")
    await sign_in(beside, me)
    await page.evaluate("() => { const now = Date.now; Date.now = () => now() + 60_000; }")
    await page.keyboard.press("k")
    told = page.get_by_role("alert").filter(has_text="You are watching on one device already")
    await expect(told).to_be_visible()
    assert await state_of(page, "paused") is True
    await assert_accessible(page)
    async with page.expect_response("**/playback") as answered:
        await page.get_by_role("button", name="Try again").click()
    assert (await answered.value).status == 409
    await expect(told).to_be_visible()


async def test_a_player_that_plays_keeps_its_place(site: Site, visitor: Visitor, me: str) -> None:
    page = await visitor(site.url)
    await sign_in(page, me)
    await page.goto(site.watch)
    await loaded(page)
    await page.keyboard.press("k")
    await until(page, "currentTime > 0.3")
    async with page.expect_response("**/playback") as answered:
        await page.evaluate("() => { const now = Date.now; Date.now = () => now() + 60_000; }")
    assert (await answered.value).status == 200
    stood = float(str(await state_of(page, "currentTime")))
    await until(page, f"!paused && currentTime > {stood} + 0.5")
    await expect(page.locator("#video-trouble")).to_be_hidden()
