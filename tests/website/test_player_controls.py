"""The player's own controls: each by mouse, by keyboard and by touch; and what they count."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, Response, expect

from tests.website.checks import wait_until
from tests.website.conftest import Visitor
from tests.website.people import sign_in
from tests.website.watching import Site, address_of, loaded, opened_site, state_of, until

TOUCH = """([share, times]) => {
  const video = document.getElementById("video");
  const { left, top, width, height } = video.getBoundingClientRect();
  const at = { clientX: left + width * share, clientY: top + height / 3, bubbles: true, pointerType: "touch" };
  for (let time = 0; time < times; time += 1) {
    for (const name of ["pointerdown", "pointerup", "click"]) video.dispatchEvent(new PointerEvent(name, at));
  }
}"""


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


async def watch(page: Page, site: Site, me: str, query: str = "") -> None:
    await sign_in(page, me)
    await page.goto(f"{site.watch}{query}")
    await loaded(page)


async def test_the_mouse_drives_it(site: Site, visitor: Visitor, me: str) -> None:
    page = await visitor(site.url)
    await watch(page, site, me)
    picture = page.locator("#video")
    assert await state_of(page, "controls") is False
    await page.get_by_role("button", name="Play the video").click()
    await until(page, "!paused")
    await expect(page.get_by_role("button", name="Play the video")).to_be_hidden()
    await expect(page.get_by_role("button", name="Pause")).to_be_focused()
    await picture.click(position={"x": 40, "y": 40})
    await until(page, "paused")
    await page.get_by_role("button", name="Play", exact=True).click()
    await until(page, "!paused")
    await page.get_by_role("button", name="Pause").click()
    bar = page.get_by_role("slider", name="Position")
    box = await bar.bounding_box()
    assert box is not None
    await bar.click(position={"x": box["width"] / 2, "y": 12})
    await until(page, "Math.abs(currentTime - 8) < 0.3")
    await expect(page.locator("#time-now")).to_have_text("0:08")
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 12)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 12, steps=4)
    await expect(page.locator(".seek-preview")).to_contain_text("0:0")
    await page.mouse.up()
    await until(page, "Math.abs(currentTime - 4) < 0.4")

    await page.get_by_role("button", name="Mute").click()
    assert await state_of(page, "muted") is True
    await page.get_by_role("button", name="Unmute").click()
    volume = page.get_by_role("slider", name="Volume")
    await volume.fill("40")
    assert (await state_of(page, "volume"), await state_of(page, "muted")) == (0.4, False)
    await volume.fill("0")
    assert await state_of(page, "muted") is True
    await volume.fill("35")

    speed = page.get_by_role("button", name="Speed")
    await speed.click()
    await page.get_by_role("menuitemradio", name="1.5×").click()
    assert await state_of(page, "playbackRate") == 1.5
    await speed.click()
    await speed.click()
    await expect(page.get_by_role("menu", name="Speed")).to_be_hidden()
    await page.get_by_role("button", name="Full screen").click()
    await wait_until(page, "document.fullscreenElement?.id === 'screen'")
    await expect(page.get_by_role("button", name="Leave full screen")).to_be_visible()
    await picture.dblclick(position={"x": 40, "y": 40})
    await wait_until(page, "document.fullscreenElement === null")
    await page.reload()
    await loaded(page)
    kept = (await state_of(page, "volume"), await state_of(page, "playbackRate"))
    assert kept == (0.35, 1.5), "volume and speed are remembered"


async def test_every_control_is_reached_by_tab_and_has_its_keys(site: Site, visitor: Visitor, me: str) -> None:
    page = await visitor(site.url)
    await watch(page, site, me)
    await page.locator("#screen").focus()
    reached = []
    for _ in range(7):
        await page.keyboard.press("Tab")
        reached.append(await page.evaluate("document.activeElement.getAttribute('aria-label')"))
    assert reached[:6] == ["Play the video", "Position", "Play", "Mute", "Volume", "Speed 1×"]
    assert reached[6] in {"Picture in picture", "Full screen"}

    bar = page.get_by_role("slider", name="Position")
    await bar.focus()
    for key, second in (
        ("End", 16),
        ("Home", 0),
        ("ArrowRight", 5),
        ("ArrowUp", 10),
        ("ArrowDown", 5),
        ("ArrowLeft", 0),
    ):
        await page.keyboard.press(key)
        await until(page, f"Math.abs(currentTime - {second}) < 0.3")
    await page.keyboard.press("5")
    await expect(bar).to_have_attribute("aria-valuetext", "8 seconds of 16 seconds")
    await expect(page.locator(".seek-preview")).to_have_text("0:08")
    await page.get_by_role("slider", name="Volume").focus()
    await page.keyboard.press("ArrowDown")
    assert await state_of(page, "volume") == 0.95
    await page.get_by_role("button", name="Play", exact=True).focus()
    await page.keyboard.press("ArrowDown")
    assert await state_of(page, "volume") == pytest.approx(0.9)
    await expect(page.get_by_role("status").filter(has_text="Volume 90 percent")).to_be_attached()

    speed = page.get_by_role("button", name="Speed")
    await speed.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menuitemradio", name="1× (normal)")).to_be_focused()
    await expect(speed).to_have_attribute("aria-expanded", "true")
    for key, name in (
        ("ArrowDown", "1.25×"),
        ("End", "2×"),
        ("ArrowDown", "0.5×"),
        ("ArrowUp", "2×"),
        ("Home", "0.5×"),
    ):
        await page.keyboard.press(key)
        await expect(page.get_by_role("menuitemradio", name=name)).to_be_focused()
    await page.keyboard.press("m")
    assert await state_of(page, "muted") is False, "in a menu the shortcuts rest"
    await page.keyboard.press("Enter")
    assert await state_of(page, "playbackRate") == 0.5
    await expect(speed).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("menuitemradio", name="0.5×")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("menu", name="Speed")).to_be_hidden()
    await expect(speed).to_be_focused()
    assert await state_of(page, "playbackRate") == 0.5


async def test_keys_that_scroll_the_page_still_do_outside(site: Site, visitor: Visitor, me: str) -> None:
    page = await visitor(site.url, width=360, height=500)
    await watch(page, site, me)
    for key in ("ArrowDown", "End"):
        await page.keyboard.press(key)
        await wait_until(page, "scrollY > 0")
    assert (await state_of(page, "volume"), await state_of(page, "currentTime")) == (1, 0)


async def test_the_controls_stand_back_while_it_plays(site: Site, visitor: Visitor, me: str) -> None:
    page = await visitor(site.url)
    await watch(page, site, me)
    idle = page.locator("#screen.is-idle")
    await page.mouse.move(2, 2)
    await page.keyboard.press("k")
    await expect(idle).to_be_attached()
    await page.locator("#video").hover(position={"x": 50, "y": 50})
    await expect(idle).not_to_be_attached()
    await page.locator("#video").hover(position={"x": 60, "y": 60})
    await expect(idle).to_be_attached()
    await page.keyboard.press("k")
    await expect(idle).not_to_be_attached()
    await page.evaluate("document.getElementById('video').currentTime = 0")
    await page.locator("#screen").focus()
    await page.keyboard.press("Tab")
    await page.keyboard.press("k")
    await until(page, "currentTime > 4")
    await expect(idle).not_to_be_attached()


async def test_fingers_drive_it(site: Site, visitor: Visitor, me: str) -> None:
    page = await visitor(site.url, width=360)
    await watch(page, site, me, "?t=2")
    await page.keyboard.press("k")
    await until(page, "!paused && currentTime > 2.2")
    await page.evaluate(TOUCH, [0.5, 1])
    idle = page.locator("#screen.is-idle")
    await expect(idle).to_be_attached()
    await page.evaluate(TOUCH, [0.9, 2])
    await until(page, "currentTime > 12")
    await expect(page.get_by_role("status").filter(has_text="10 seconds ahead")).to_be_visible()
    await page.evaluate(TOUCH, [0.1, 2])
    await until(page, "currentTime < 10")
    assert await state_of(page, "paused") is False


async def test_a_link_to_a_second_goes_there(site: Site, visitor: Visitor, me: str) -> None:
    page = await visitor(site.url)
    await watch(page, site, me, "?t=5")
    assert await state_of(page, "currentTime") == pytest.approx(5, abs=0.1)
    await expect(page.get_by_text("Goes on where you stopped")).to_be_hidden()
    await page.evaluate(
        """(path) => {
          const link = document.createElement("a");
          link.href = `${path}?t=11`;
          link.textContent = "At 0:11";
          document.querySelector(".stage .prose").append(link);
        }""",
        site.watch,
    )
    await page.get_by_role("link", name="At 0:11").click()
    await until(page, "!paused && currentTime > 11")
    assert page.url.endswith("?t=5"), "without loading the page again"


async def test_what_is_watched_counts_once(site: Site, visitor: Visitor, me: str) -> None:
    page = await visitor(site.url)
    reports: list[int] = []

    def note(response: Response) -> None:
        if response.url.endswith("/view"):
            reports.append(response.status)

    page.on("response", note)
    await watch(page, site, me)
    teacher = await visitor(site.url)
    await sign_in(teacher, site.course.teacher.email)
    studio = f"/studio/courses/{site.course.slug}/lessons/{site.course.lesson('Watch').id}"

    async def views() -> int:
        await teacher.goto(studio)
        return int((await teacher.get_by_text(re.compile(r"^\s*\d+ views?\s*$")).inner_text()).split()[0])

    before = await views()
    await page.evaluate("document.getElementById('video').currentTime = 15")
    await page.keyboard.press("k")
    await wait_until(page, "document.getElementById('video').ended")
    assert reports == [], "what is skipped over was not watched"
    for _ in range(2):
        await page.goto(f"{site.watch}?t=0")
        await loaded(page)
        async with page.expect_response(lambda response: response.url.endswith("/view")):
            await page.evaluate("document.getElementById('video').playbackRate = 2")
            await page.keyboard.press("k")
    assert reports == [204, 204]
    assert await views() == before + 1
