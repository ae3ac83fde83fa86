"""The player with a stream: qualities, captions, chapters, addresses that run out, and what happens when it fails."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.website.checks import assert_accessible, assert_fits, wait_until
from tests.website.conftest import Visitor
from tests.website.people import sign_in
from tests.website.streaming import FRESH, Streamed, make_stream
from tests.website.watching import Site, address_of, loaded, opened_site, state_of, until


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """The academy, with a learner of the course for each test: `name@example.com`."""
    names = [name for name in globals() if name.startswith("test_")]
    async with opened_site(tmp_path_factory.mktemp("player"), names) as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lesson's film as a stream."""
    folder = tmp_path_factory.mktemp("stream") / "hls"
    make_stream(site.film, folder)
    return folder


@pytest.fixture
def me(request: pytest.FixtureRequest) -> str:
    """The address of the learner that only this test is."""
    return address_of(request.function.__name__)


@pytest.fixture
def streamed(folder: Path) -> Streamed:
    return Streamed(folder)


async def watch(page: Page, site: Site, me: str, streamed: Streamed, query: str = "") -> None:
    """Opens the lesson with its stream."""
    await sign_in(page, me)
    await streamed.put_into(page, site)
    await page.goto(f"{site.watch}{query}")


async def test_a_quality_that_is_chosen_is_shown_and_remembered(
    site: Site, visitor: Visitor, me: str, streamed: Streamed
) -> None:
    page = await visitor(site.url)
    await watch(page, site, me, streamed)
    await loaded(page)
    quality = page.get_by_role("button", name="Quality")
    await expect(quality).to_have_text("Auto")
    await quality.click()
    menu = page.get_by_role("menu", name="Quality")
    await expect(menu.get_by_role("menuitemradio")).to_have_text([re.compile(r"Auto \((180|360)p\)"), "360p", "180p"])
    for name, height in (("180p", 180), ("360p", 360)):
        if not await menu.is_visible():
            await quality.click()
        await menu.get_by_role("menuitemradio", name=name, exact=True).click()
        await expect(quality).to_have_text(name)
        await expect(quality).to_be_focused()
        await page.evaluate("document.getElementById('video').play()")
        await wait_until(page, f"document.getElementById('video').videoHeight === {height}")
    await page.reload()
    await loaded(page)
    await expect(quality).to_have_text("360p")
    assert await state_of(page, "videoHeight") == 360
    await quality.click()
    await expect(menu.get_by_role("menuitemradio", name="360p")).to_have_attribute("aria-checked", "true")


async def test_it_starts_at_its_second_and_loads_nothing_before(
    site: Site, visitor: Visitor, me: str, streamed: Streamed
) -> None:
    page = await visitor(site.url)
    await watch(page, site, me, streamed, "?t=9.5")
    await loaded(page)
    assert await state_of(page, "currentTime") == pytest.approx(9.5, abs=0.1)
    segments = {int(found.group(1)) for name, _ in streamed.asked if (found := re.search(r"-(\d+)\.m4s", name))}
    assert min(segments) == 4, "the segment from 8 to 10 seconds"
    await page.keyboard.press("k")
    async with page.expect_response(lambda response: '"position_seconds":1' in (response.request.post_data or "")):
        await until(page, "currentTime > 10.1")
        await page.keyboard.press("k")
    left_at = float(str(await state_of(page, "currentTime")))
    await page.goto(site.watch)
    await loaded(page)
    assert await state_of(page, "currentTime") == pytest.approx(left_at, abs=0.2)
    await page.get_by_role("link", name="Start over").click()
    await until(page, "!paused && currentTime < 5")
    assert "t=0" not in page.url, "without loading the page again"


async def test_addresses_that_run_out_are_renewed_without_a_word(
    site: Site, visitor: Visitor, me: str, streamed: Streamed
) -> None:
    page = await visitor(site.url, forgive=["403"])
    await watch(page, site, me, streamed)
    await loaded(page)
    await page.evaluate(
        """() => {
          const video = document.getElementById("video");
          window.stopped = 0;
          for (const event of ["pause", "emptied", "error"]) video.addEventListener(event, () => (window.stopped += 1));
        }"""
    )
    streamed.signature = FRESH
    await page.keyboard.press("k")
    await until(page, "currentTime > 8")
    assert streamed.renewed == 1
    assert 403 in [status for _, status in streamed.asked]
    assert await page.evaluate("window.stopped") == 0
    await expect(page.locator("#video-trouble")).to_be_hidden()


async def test_a_stream_that_fails_gives_way_to_the_file(
    site: Site, visitor: Visitor, me: str, streamed: Streamed
) -> None:
    page = await visitor(site.url, forgive=["404"])
    streamed.answer = lambda name: 404 if name.endswith(".m3u8") else None
    await watch(page, site, me, streamed, "?t=7")
    await loaded(page)
    assert ".mp4?" in str(await state_of(page, "currentSrc"))
    assert await state_of(page, "currentTime") == pytest.approx(7, abs=0.3)
    await expect(page.get_by_role("button", name="Quality")).to_be_hidden()
    await page.keyboard.press("k")
    await until(page, "!paused && currentTime > 7.5")


async def test_what_no_browser_plays_is_said(site: Site, visitor: Visitor, me: str, folder: Path) -> None:
    page = await visitor(site.url, forgive=["404"])
    streamed = Streamed(folder, file_url="")
    streamed.answer = lambda name: 404 if name.endswith(".m3u8") else None
    await watch(page, site, me, streamed)
    await expect(page.get_by_role("alert").filter(has_text="This browser cannot play this video.")).to_be_visible()
    await assert_accessible(page)
    streamed.answer = lambda name: None
    await page.get_by_role("button", name="Try again").click()
    await loaded(page)
    await expect(page.locator("#video-trouble")).to_be_hidden()


async def test_a_connection_that_is_lost_is_told_and_taken_up(
    site: Site, visitor: Visitor, me: str, streamed: Streamed
) -> None:
    page = await visitor(site.url, forgive=["ERR_FAILED"])
    await watch(page, site, me, streamed)
    await loaded(page)
    streamed.answer = lambda name: 0 if name.endswith(".m4s") else None
    await page.keyboard.press("k")
    lost = page.get_by_role("alert").filter(has_text="Your place is kept.")
    await expect(lost).to_be_visible(timeout=25_000)
    stopped_at = float(str(await state_of(page, "currentTime")))
    assert stopped_at > 1
    streamed.answer = lambda name: None
    await lost.get_by_role("button", name="Try again").click()
    await until(page, f"!paused && currentTime > {stopped_at} + 0.5 && currentTime < {stopped_at} + 4")
    await expect(lost).to_be_hidden()


async def test_who_may_not_watch_any_more_is_told(site: Site, visitor: Visitor, me: str, streamed: Streamed) -> None:
    page = await visitor(site.url, forgive=["403", "401"])
    await watch(page, site, me, streamed)
    await loaded(page)
    await page.context.clear_cookies()
    streamed.signature = FRESH
    await page.keyboard.press("k")
    told = page.get_by_role("alert").filter(has_text="You may have signed out elsewhere.")
    await expect(told.get_by_role("link", name="Reload the page")).to_be_visible(timeout=25_000)


async def test_captions_are_shown_and_remembered(site: Site, visitor: Visitor, me: str, streamed: Streamed) -> None:
    page = await visitor(site.url)
    await watch(page, site, me, streamed)
    await loaded(page)
    cues = page.locator("#cues")
    await expect(cues).to_be_hidden()
    await page.keyboard.press("c")
    await expect(cues).to_have_text("Programs wait.")
    await page.get_by_role("button", name="Captions English").click()
    menu = page.get_by_role("menu", name="Captions")
    await menu.get_by_role("menuitemradio", name="हिन्दी").click()
    await expect(cues).to_have_text("प्रोग्राम रुकते हैं।")
    await expect(cues).to_have_attribute("lang", "hi")
    before = await cues.evaluate("(one) => parseFloat(getComputedStyle(one).fontSize)")
    await page.get_by_role("button", name="Captions हिन्दी").click()
    await menu.get_by_role("menuitemradio", name="Large").click()
    await page.reload()
    await loaded(page)
    await expect(cues).to_have_text("प्रोग्राम रुकते हैं।")
    assert await cues.evaluate("(one) => parseFloat(getComputedStyle(one).fontSize)") > before * 1.2
    await page.keyboard.press("c")
    await expect(cues).to_be_hidden()
    await expect(page.get_by_role("status").filter(has_text="Captions off")).to_be_visible()
    await page.reload()
    await loaded(page)
    await page.keyboard.press("c")
    await expect(cues).to_have_text("प्रोग्राम रुकते हैं।")
    await page.evaluate("document.getElementById('video').currentTime = 9")
    await page.get_by_role("button", name="Captions हिन्दी").click()
    await menu.get_by_role("menuitemradio", name="English").click()
    await expect(cues.locator("i")).to_have_text("at once")


async def test_the_bar_shows_chapters_and_pictures(site: Site, visitor: Visitor, me: str, streamed: Streamed) -> None:
    page = await visitor(site.url)
    await watch(page, site, me, streamed)
    await loaded(page)
    await expect(page.locator(".seek-chapters i")).to_have_count(1)
    await expect(page.locator("#chapter-now")).to_have_text("Waiting")
    bar = page.get_by_role("slider", name="Position")
    box = await bar.bounding_box()
    assert box is not None
    await bar.hover(position={"x": box["width"] * 0.6, "y": 12})
    preview = page.locator(".seek-preview")
    await expect(preview).to_contain_text("Going on")
    await expect(preview).to_contain_text("0:09")
    picture = preview.locator(".seek-picture")
    assert await picture.evaluate("(one) => getComputedStyle(one).backgroundPosition") == "-320px 0px"
    await wait_until(page, "performance.getEntriesByType('resource').some(({ name }) => name.includes('sprite.png?'))")
    await page.mouse.move(0, 0)
    await expect(preview).to_be_hidden()
    await bar.focus()
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowUp")
    await expect(bar).to_have_attribute("aria-valuetext", "10 seconds of 16 seconds, Going on")
    await expect(preview).to_contain_text("0:10")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
async def test_it_is_for_everybody(
    site: Site, visitor: Visitor, me: str, streamed: Streamed, width: int, scheme: Literal["light", "dark"]
) -> None:
    page = await visitor(site.url, width=width, color_scheme=scheme, reduced_motion=True)
    await watch(page, site, me, streamed)
    await loaded(page)
    await page.keyboard.press("c")
    await expect(page.locator("#cues")).to_be_visible()
    await assert_fits(page)
    await assert_accessible(page)
    for name in ("Captions", "Speed", "Quality"):
        await page.get_by_role("button", name=name).first.click()
        menu = page.get_by_role("menu", name=name)
        await expect(menu.locator("[aria-checked=true]").first).to_be_focused()
        await expect(menu).to_be_in_viewport(ratio=0.99)
        await assert_accessible(page)
        await page.keyboard.press("Escape")
    row = page.locator(".video-row")
    assert await row.evaluate("(one) => one.scrollWidth <= one.clientWidth"), "all buttons have room"
    await page.keyboard.press("k")
    await until(page, "!paused && currentTime > 0.2")
    await assert_accessible(page)
