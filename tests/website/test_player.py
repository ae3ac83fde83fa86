"""The player in a real browser: it plays, resumes, completes, and obeys the keyboard; on a phone, too."""

import re
from collections.abc import AsyncIterator, Callable
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Response, Route, expect

from tests.website.checks import assert_accessible, assert_fits, wait_until
from tests.website.conftest import Visitor
from tests.website.people import sign_in
from tests.website.watching import SECONDS, Site, address_of, loaded, opened_site, state_of, until


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


def is_report(position: Callable[[float], bool]) -> Callable[[Response], bool]:
    """Recognises the answer to a report of a position that fits."""

    def matches(response: Response) -> bool:
        if not response.url.endswith("/position"):
            return False
        told = re.search(r'"position_seconds":([\d.]+)', response.request.post_data or "")
        return response.status == 204 and told is not None and position(float(told.group(1)))

    return matches


async def test_it_goes_on_where_it_stopped_on_every_device(site: Site, visitor: Visitor, me: str) -> None:
    page = await visitor(site.url)
    media: list[int] = []

    def note(response: Response) -> None:
        if "/media/videos/" in response.url and response.url.partition("?")[0].endswith(".mp4"):
            assert response.request.headers["range"].startswith("bytes=")
            media.append(response.status)

    page.on("response", note)
    await sign_in(page, me)
    await page.goto(site.watch)
    await loaded(page)
    assert set(media) == {206}
    assert await state_of(page, "currentTime") == 0
    await page.keyboard.press("k")
    async with page.expect_response(is_report(lambda seconds: seconds < 7)):
        await until(page, "!paused && currentTime > 0.3")  # Told while it plays.
    async with page.expect_response(is_report(lambda seconds: seconds > 10)):
        await page.keyboard.press("l")
        await page.keyboard.press("k")
    await until(page, "paused")
    stopped_at = await state_of(page, "currentTime")
    assert isinstance(stopped_at, float)

    await page.reload()
    await loaded(page)
    assert await state_of(page, "currentTime") == pytest.approx(stopped_at, abs=0.3)
    await expect(page.get_by_text("Goes on where you stopped")).to_be_visible()

    elsewhere = await visitor(site.url)
    await sign_in(elsewhere, me)
    await elsewhere.get_by_role("link", name="Continue", exact=True).click()
    await loaded(elsewhere)
    assert site.watch in elsewhere.url
    assert await state_of(elsewhere, "currentTime") == pytest.approx(stopped_at, abs=0.3)
    await elsewhere.get_by_role("link", name="Start over").click()
    await until(elsewhere, "currentTime < 5 && !paused")


async def test_seen_to_its_end_it_is_completed(site: Site, visitor: Visitor, me: str) -> None:
    page = await visitor(site.url)
    await sign_in(page, me)
    await page.goto(site.watch)
    await loaded(page)
    await page.evaluate("document.getElementById('video').currentTime = 14.6")
    await expect(page.get_by_text("Completed", exact=True)).to_be_hidden()
    async with page.expect_response(lambda response: '"completed":true' in (response.request.post_data or "")):
        await page.keyboard.press("k")
    await expect(page.locator(".stage").get_by_text("Completed", exact=True)).to_be_visible()
    await expect(page.get_by_role("status").filter(has_text="Lesson completed, 1 to go.")).to_be_attached()
    await expect(page.get_by_role("progressbar", name="Lessons completed")).to_have_js_property("value", 1)
    current = page.get_by_role("navigation", name="Lessons").get_by_role("link", name="Watch")
    await expect(current.get_by_label("Completed", exact=True)).to_be_visible()
    await page.get_by_role("link", name="Next Read").click()
    await expect(page.get_by_text("1 of 2 completed")).to_be_visible()
    await page.get_by_role("button", name="Complete").click()
    await expect(page.get_by_text("You have finished the course.")).to_be_visible()
    await page.goto(site.watch)
    assert await state_of(page, "currentTime") == 0
    await page.get_by_role("button", name="Mark as not completed").click()
    await expect(page.get_by_role("button", name="Complete and continue")).to_be_visible()


async def test_the_keyboard_drives_it(site: Site, visitor: Visitor, me: str) -> None:
    page = await visitor(site.url)
    await sign_in(page, me)
    await page.goto(site.watch)
    await loaded(page)
    for play, pause in (("k", "k"), (" ", " "), ("K", "k")):
        await page.keyboard.press(play)
        await until(page, "!paused")
        await page.keyboard.press(pause)
        await until(page, "paused")
    # With the focus on a control, the browser knows some keys, too; nothing may happen twice.
    await page.evaluate("document.getElementById('video').currentTime = 0")
    await page.get_by_role("slider", name="Position").focus()
    await page.keyboard.press(" ")
    await until(page, "!paused")
    await page.keyboard.press(" ")
    await until(page, "paused")
    before = float(str(await state_of(page, "currentTime")))
    for key, expected in (("ArrowRight", 5), ("l", 15), ("ArrowLeft", 10), ("j", 0)):
        await page.keyboard.press(key)
        assert await state_of(page, "currentTime") == pytest.approx(min(before + expected, SECONDS), abs=0.6)
    await page.keyboard.press("m")
    assert await state_of(page, "muted") is True
    await page.keyboard.press("m")
    for key, speed in ((">", "1.25"), (">", "1.5"), ("<", "1.25")):
        await page.keyboard.press(key)
        await expect(page.get_by_role("button", name="Speed")).to_have_text(f"{speed}×")
    await page.keyboard.press("f")
    await wait_until(page, "document.fullscreenElement?.id === 'screen'")
    await page.keyboard.press("f")
    await wait_until(page, "document.fullscreenElement === null")

    await page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(keys).to_be_visible()
    await assert_accessible(page)
    await keys.get_by_label("Shortcuts are on").uncheck()
    await keys.get_by_role("button", name="Close").click()
    await page.reload()
    await loaded(page)
    assert await state_of(page, "playbackRate") == 1.25, "the speed is remembered"
    await page.keyboard.press("k")
    await page.keyboard.press("m")
    await page.keyboard.press("?")
    await expect(keys).to_be_hidden()
    assert (await state_of(page, "muted"), await state_of(page, "paused")) == (False, True)


async def test_keys_that_mean_something_else_are_left_alone(site: Site, visitor: Visitor, me: str) -> None:
    page = await visitor(site.url)
    await sign_in(page, me)
    await page.goto(site.watch)
    await loaded(page)
    await page.locator("body").press("Control+k")
    zen = page.get_by_role("button", name="Zen mode")
    await zen.press(" ")
    await expect(zen).to_have_attribute("aria-pressed", "true")
    assert (await state_of(page, "muted"), await state_of(page, "paused")) == (False, True)


async def test_no_report_is_lost_and_playback_never_waits(site: Site, visitor: Visitor, me: str) -> None:
    page = await visitor(site.url, forgive=["ERR_FAILED", "503"])
    await sign_in(page, me)
    await page.goto(site.watch)
    await loaded(page)
    failures = 0

    async def fail(route: Route) -> None:
        nonlocal failures
        failures += 1
        await (route.abort() if failures == 1 else route.fulfill(status=503))

    await page.route("**/position", fail)
    await page.keyboard.press("k")
    await until(page, "!paused && currentTime > 1")
    await page.keyboard.press("k")
    await until(page, "paused")
    async with page.expect_response(lambda response: response.url.endswith("/position") and response.status == 503):
        await page.evaluate("window.dispatchEvent(new Event('online'))")
    stopped_at = float(str(await state_of(page, "currentTime")))
    await page.unroute("**/position")
    async with page.expect_response(is_report(lambda seconds: abs(seconds - stopped_at) < 0.2)):
        await page.evaluate("window.dispatchEvent(new Event('online'))")
    assert failures >= 2


async def test_the_place_is_kept_when_the_page_is_left(site: Site, visitor: Visitor, me: str) -> None:
    page = await visitor(site.url)
    await sign_in(page, me)
    # The first report of each page is under way for as long as the page lives.
    await page.add_init_script(
        """{
          const send = window.fetch;
          let isFirst = true;
          window.fetch = (...request) => {
            if (!String(request[0]).endsWith("/position") || !isFirst) return send(...request);
            isFirst = false;
            return new Promise(() => {});
          };
        }"""
    )
    await page.goto(site.watch)
    await loaded(page)
    await page.keyboard.press("k")
    await until(page, "!paused && currentTime > 0.3")
    await page.keyboard.press("l")
    await until(page, "currentTime > 10.3")
    left_at = float(str(await state_of(page, "currentTime")))
    await page.goto("/dashboard")
    for _ in range(20):  # the last report goes out while the page is left, and may come in after the next one
        await page.goto(site.watch)
        await loaded(page)
        if await state_of(page, "currentTime"):
            break
    assert await state_of(page, "currentTime") == pytest.approx(left_at, abs=1.5)


async def test_who_has_signed_out_elsewhere_is_told(site: Site, visitor: Visitor, me: str) -> None:
    page = await visitor(site.url, forgive=["401", "403"])
    await sign_in(page, me)
    await page.goto(site.watch)
    await loaded(page)
    warning = page.get_by_text("Your progress is not being kept any more")
    await expect(warning).to_be_hidden()
    await page.context.clear_cookies()
    await page.keyboard.press("k")
    await until(page, "!paused && currentTime > 0.3")
    await expect(warning).to_be_visible()
    await until(page, "!paused && currentTime > 1")


async def test_an_address_that_ran_out_is_renewed(site: Site, visitor: Visitor, me: str) -> None:
    page = await visitor(site.url, forgive=["403"])
    await sign_in(page, me)
    refused = 0

    async def refuse(route: Route) -> None:
        nonlocal refused
        refused += 1
        if refused == 1:
            await route.fulfill(status=403, body="This address is not valid (any more).")
        else:
            await route.continue_()

    await page.route("**/media/videos/**.mp4*", refuse)
    await page.goto(site.watch)
    await loaded(page)
    assert refused >= 2
    await expect(page.get_by_role("alert").filter(has_text="The video stopped loading.")).to_be_hidden()


async def test_zen_mode_is_remembered(site: Site, visitor: Visitor, me: str) -> None:
    page = await visitor(site.url)
    await sign_in(page, me)
    await page.goto(site.read)
    outline, banner = page.get_by_role("navigation", name="Lessons", exact=True), page.get_by_role("banner")
    await expect(outline).to_be_visible()
    await page.get_by_role("button", name="Zen mode").click()
    for _ in range(2):
        await expect(outline).to_be_hidden()
        await expect(banner).to_be_hidden()
        await page.reload()
    await page.get_by_role("button", name="Lesson 2 of 2").click()
    await expect(outline).to_be_visible()
    await outline.get_by_role("link", name="Watch").click()
    await expect(banner).to_be_hidden()
    await page.get_by_role("button", name="Zen mode").click()
    await expect(banner).to_be_visible()
    await expect(outline).to_be_visible()


@pytest.mark.parametrize("width", [360, 1440])
async def test_every_page_is_for_everybody(site: Site, visitor: Visitor, me: str, width: int) -> None:
    page = await visitor(site.url, width=width, reduced_motion=True, forgive=["403"])
    await sign_in(page, me)
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for path in ("/dashboard", site.watch, site.read, site.locked):
        await page.goto(path)
        await assert_fits(page)
        for scheme in schemes:
            await page.emulate_media(color_scheme=scheme)
            await assert_accessible(page)
    if width == 360:
        await page.goto(site.read)
        opener = page.get_by_role("button", name="Lesson 2 of 2")
        await opener.focus()
        await page.keyboard.press("Enter")
        sheet = page.get_by_role("navigation", name="Lessons", exact=True)
        await expect(sheet.get_by_role("link", name="Read")).to_be_in_viewport()
        await assert_fits(page)
        await assert_accessible(page)
        await page.keyboard.press("Escape")
        await expect(sheet).to_be_hidden()
        await expect(opener).to_be_focused()


async def test_it_works_without_javascript(site: Site, visitor: Visitor, me: str) -> None:
    page = await visitor(site.url, width=360, javascript=False)
    await sign_in(page, me)
    await page.goto(site.watch)
    await expect(page.locator("#video")).to_have_attribute("src", re.compile(r"^/media/videos/.+\.mp4\?"))
    await expect(page.get_by_role("button", name="Zen mode")).to_be_hidden()
    await page.get_by_role("button", name="Complete and continue").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Read")
    await page.get_by_role("button", name="Lesson 2 of 2").click()
    await expect(page.get_by_text("1 of 2 completed")).to_be_visible()
