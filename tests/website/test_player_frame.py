"""The player around its video: the list of lessons beside it, and the offer that follows its end."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.website.checks import assert_accessible, wait_until
from tests.website.conftest import Visitor
from tests.website.people import sign_in
from tests.website.watching import Site, address_of, loaded, opened_site, until


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """The academy, with a learner of the course for each test: `name@example.com`."""
    names = [name for name in globals() if name.startswith("test_")]
    async with opened_site(tmp_path_factory.mktemp("player"), names) as opened:
        yield opened


@pytest.fixture
def me(request: pytest.FixtureRequest) -> str:
    """The address of the learner that only this test is."""
    return address_of(request.function.__name__)


async def test_the_lessons_stand_from_the_header_to_the_end_of_the_window(
    site: Site, visitor: Visitor, me: str
) -> None:
    page = await visitor(site.url, width=1440, height=900)
    await sign_in(page, me)
    await page.goto(site.read)
    header = await page.get_by_role("banner").bounding_box()
    outline = await page.get_by_role("navigation", name="Lessons", exact=True).bounding_box()
    assert header is not None
    assert outline is not None
    assert (outline["x"], outline["y"]) == (0, header["height"])
    assert outline["y"] + outline["height"] == pytest.approx(900, abs=1)


async def test_at_its_end_it_offers_the_next_lesson(site: Site, visitor: Visitor, me: str) -> None:
    page = await visitor(site.url, width=360, reduced_motion=True)
    await sign_in(page, me)
    await page.goto(site.watch)
    await loaded(page)
    offer = page.get_by_role("group", name="The video has ended")
    await expect(offer).to_be_hidden()
    await play_to_the_end(page)
    go_on = offer.get_by_role("button", name="Complete and continue")
    await expect(go_on).to_be_focused()
    await expect(offer).to_contain_text("Next: Read")
    await assert_accessible(page)
    assert await offer.evaluate("(one) => one.scrollHeight <= one.clientHeight"), "all of it can be seen"
    assert await offer.evaluate("(one) => getComputedStyle(one).animationName") == "none"
    await page.keyboard.press("Escape")
    await expect(offer).to_be_hidden()
    await expect(page.get_by_role("button", name="Play again")).to_be_focused()
    await play_to_the_end(page)
    await offer.get_by_role("button", name="Watch again").click()
    await expect(offer).to_be_hidden()
    await until(page, "!paused && currentTime < 5")
    await play_to_the_end(page)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Read")


async def play_to_the_end(page: Page) -> None:
    await page.evaluate("document.getElementById('video').currentTime = 15.5")
    await page.evaluate("document.getElementById('video').play()")
    await wait_until(page, "document.getElementById('video').ended")
