"""The studio in Chromium: uploads by the drop zone, ordering, live preview, unsaved changes."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.servers.academy import ServedAcademy
from tests.website.checks import assert_accessible, assert_fits
from tests.website.conftest import Visitor
from tests.website.studio import open_course, served_studio, sign_in


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedAcademy]:
    with served_studio(tmp_path_factory.mktemp("studio") / "home") as academy:
        yield academy


@pytest_asyncio.fixture(loop_scope="session")
async def studio(visitor: Visitor, served: ServedAcademy) -> AsyncIterator[Page]:
    """The studio's first page, signed in, with a mouse and a wide window."""
    page = await visitor(served.url)
    await sign_in(page)
    yield page


async def outline(page: Page) -> list[tuple[str | None, list[str]]]:
    sections = await page.locator(".studio-outline > .part").all()
    return [
        (
            await section.get_attribute("data-title"),
            [text.strip() for text in await section.locator(".lesson-list a").all_text_contents()],
        )
        for section in sections
    ]


async def drag(page: Page, handle: Locator, target: Locator) -> None:
    await handle.hover()
    await page.mouse.down()
    box = await target.bounding_box()
    assert box
    await page.mouse.move(box["x"] + 20, box["y"] + box["height"] / 3, steps=8)
    await page.mouse.up()


async def test_ordering_by_mouse_and_by_keyboard(studio: Page, served: ServedAcademy) -> None:
    await open_course(studio, served, "Orders")
    lesson = studio.locator(".studio-outline [data-part^='lesson:']")
    saved = studio.locator("[data-outline-status]")
    await drag(studio, lesson.filter(has_text="First steps").locator(".handle"), lesson.filter(has_text="Why"))
    await expect(saved).to_have_text("First steps is now number 1 of 3 in Getting started.")
    moved = [("Getting started", ["First steps", "Why", "Install"]), ("With others", ["Branches"])]
    assert await outline(studio) == moved
    await studio.reload()
    assert await outline(studio) == moved

    # Let go of by Escape: it goes back.
    await lesson.filter(has_text="Why").locator(".handle").hover()
    await studio.mouse.down()
    box = await lesson.filter(has_text="Branches").bounding_box()
    assert box
    await studio.mouse.move(box["x"] + 20, box["y"] + 5, steps=5)
    await studio.keyboard.press("Escape")
    await studio.mouse.up()
    assert await outline(studio) == moved

    down = lesson.filter(has_text="Install").get_by_role("button", name="Move Install down")
    await down.focus()
    await studio.keyboard.press("Enter")
    await expect(saved).to_have_text("Install is now number 1 of 2 in With others.")
    await expect(down).to_be_focused()
    await studio.keyboard.press("Enter")
    await expect(saved).to_have_text("Install is now number 2 of 2 in With others.")
    await expect(lesson.filter(has_text="Install").get_by_role("button", name="Move Install up")).to_be_focused()
    await expect(down).to_be_disabled()
    await studio.get_by_role("button", name="Move With others up").click()
    await expect(saved).to_have_text("With others is now number 1 of 2.")
    assert await outline(studio) == [
        ("With others", ["Branches", "Install"]),
        ("Getting started", ["First steps", "Why"]),
    ]
    await studio.reload()
    assert [title for title, _ in await outline(studio)] == ["With others", "Getting started"]


async def test_an_order_that_cannot_be_saved_goes_back(visitor: Visitor, served: ServedAcademy) -> None:
    page = await visitor(served.url, forgive=["status of 409"])
    await sign_in(page)
    await open_course(page, served, "Two windows")
    other = await page.context.new_page()
    await other.goto(page.url)
    await other.get_by_label("Title of a new section").fill("From the other window")
    await other.get_by_role("button", name="Add section").click()
    before = await outline(page)
    await page.get_by_role("button", name="Move With others up").click()
    await expect(page.locator("[data-outline-status]")).to_contain_text("The outline was changed elsewhere")
    assert await outline(page) == before


async def test_writing_with_a_preview_and_unsaved_changes(studio: Page, served: ServedAcademy) -> None:
    await open_course(studio, served, "Texts")
    await studio.get_by_role("link", name="Install", exact=True).click()
    state = studio.locator("[data-save-state]")
    await expect(state).to_have_text("Everything is saved")
    text = "## Hello\n\n**bold** <script>alert(1)</script>"
    await studio.get_by_label("Text", exact=True).fill(text)
    preview = studio.locator("#text-preview")
    await expect(preview.get_by_role("heading", name="Hello")).to_be_visible()
    await expect(preview.locator("strong")).to_have_text("bold")
    assert await preview.locator("script").count() == 0
    await expect(state).to_have_text("Not saved yet")

    asked: list[str] = []

    async def stay(dialog: object) -> None:
        asked.append(dialog.type)  # type: ignore[attr-defined]
        await dialog.dismiss()  # type: ignore[attr-defined]

    studio.once("dialog", stay)
    await studio.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="Texts").click()
    await expect(studio.get_by_label("Text", exact=True)).to_have_value(text)
    assert asked == ["beforeunload"]
    await studio.keyboard.press("Control+s")
    await expect(studio.get_by_text("Saved.", exact=True)).to_be_visible()
    await expect(state).to_have_text("Everything is saved")
    await studio.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="Texts").click()
    await studio.wait_for_url("**/studio/courses/texts")
    assert asked == ["beforeunload"], "nothing is unsaved, so nobody is asked"


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
async def test_every_page_is_accessible_and_fits(visitor: Visitor, served: ServedAcademy, color_scheme: str) -> None:
    page = await visitor(served.url, width=360, color_scheme="dark" if color_scheme == "dark" else "light")
    await sign_in(page)
    await open_course(page, served, f"Small {color_scheme}")
    editor = page.url
    await page.get_by_role("link", name="Why", exact=True).click()
    video = page.url
    await page.goto(editor)
    await page.get_by_role("link", name="Install", exact=True).click()
    for path in ("/studio", editor, video, page.url):
        await page.goto(path)
        for summary in await page.locator("main details > summary").all():
            await summary.click()
        await assert_fits(page)
        await assert_accessible(page)
        await page.set_viewport_size({"width": 1280, "height": 800})
        await assert_fits(page)
        await assert_accessible(page)
        await page.set_viewport_size({"width": 360, "height": 800})
