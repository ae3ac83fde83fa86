"""The studio in Chromium: uploads by the drop zone, ordering, live preview, unsaved changes."""

import base64
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.academies.in_process import PASSWORD
from tests.academies.media import make_film, make_picture
from tests.servers.academy import ServedAcademy, served_academy
from tests.website.checks import assert_accessible, assert_fits
from tests.website.conftest import Visitor

LIMIT = 5 << 20
EMAIL = "teacher@example.com"
OUTLINE = {"Getting started": ["Why", "Install", "First steps"], "With others": ["Branches"]}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedAcademy]:
    home = tmp_path_factory.mktemp("studio") / "home"
    with served_academy(home, variables={"MAX_VIDEO_BYTES": str(LIMIT)}) as academy:
        made = academy.command(
            *("users", "create", "--email", EMAIL, "--name", "Asha Rao", "--role", "instructor", "--password-stdin"),
            given=PASSWORD,
        )
        assert made.returncode == 0, made.stderr
        yield academy


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4")


async def sign_in(page: Page) -> None:
    await page.goto("/login?next=/studio")
    await page.get_by_label("E-mail").fill(EMAIL)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.locator("main").get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/studio")


@pytest_asyncio.fixture(loop_scope="session")
async def studio(visitor: Visitor, served: ServedAcademy) -> AsyncIterator[Page]:
    """The studio's first page, signed in, with a mouse and a wide window."""
    page = await visitor(served.url)
    await sign_in(page)
    yield page


async def open_course(page: Page, served: ServedAcademy, title: str) -> None:
    """Makes a course with the sections and lessons of OUTLINE over the API, and opens its editor."""
    async with httpx.AsyncClient(base_url=f"{served.url}/api/v1") as api:
        answer = await api.post("auth/login", json={"email": EMAIL, "password": PASSWORD})
        api.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        free = {"amount": 0, "currency": "INR"}
        course = (await api.post("courses", json={"title": title, "price": free})).json()
        sections = [
            {
                "title": section,
                "lessons": [{"title": one, "kind": "video" if one == "Why" else "text"} for one in lessons],
            }
            for section, lessons in OUTLINE.items()
        ]
        answer = await api.put(f"courses/{course['slug']}/curriculum", json={"sections": sections})
        assert answer.status_code == 200, answer.text
    await page.goto(f"/studio/courses/{course['slug']}")


async def outline(page: Page) -> list[tuple[str | None, list[str]]]:
    sections = await page.locator(".studio-outline > .part").all()
    return [
        (
            await section.get_attribute("data-title"),
            [text.strip() for text in await section.locator(".lesson-list a").all_text_contents()],
        )
        for section in sections
    ]


async def drop(zone: Locator, name: str, kind: str, content: bytes, *, filled_up: int = 0) -> None:
    """Drops a file on a zone, as if it was dragged there from the desktop; `filled_up` zeros follow its content."""
    await zone.evaluate(
        """(zone, [name, type, content, zeros]) => {
          const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes, new Uint8Array(zeros)], name, { type }));
          for (const event of ["dragenter", "dragover", "drop"]) {
            zone.dispatchEvent(new DragEvent(event, { bubbles: true, cancelable: true, dataTransfer }));
          }
        }""",
        [name, kind, base64.b64encode(content).decode(), filled_up],
    )


async def drag(page: Page, handle: Locator, target: Locator) -> None:
    await handle.hover()
    await page.mouse.down()
    box = await target.bounding_box()
    assert box
    await page.mouse.move(box["x"] + 20, box["y"] + box["height"] / 3, steps=8)
    await page.mouse.up()


async def test_uploading(visitor: Visitor, served: ServedAcademy, film: bytes) -> None:
    studio = await visitor(served.url, forgive=["status of 422", "ERR_CONNECTION_FAILED"])
    await sign_in(studio)
    await open_course(studio, served, "Uploads")
    await studio.get_by_role("link", name="Why", exact=True).click()
    media, zone = studio.locator("#media"), studio.locator("[data-dropzone]")

    await drop(zone, "notes.txt", "text/plain", b"not a video")
    await expect(media.get_by_text("Files of this kind are not taken here.")).to_be_visible()
    await media.get_by_role("button", name="Choose another file").click()
    await drop(zone, "huge.mp4", "video/mp4", film, filled_up=LIMIT)
    await expect(media.get_by_text("at most 5.00 MB are taken here")).to_be_visible()
    await media.get_by_role("button", name="Choose another file").click()
    await drop(zone, "film.mp4", "video/mp4", b"MZ" + bytes(5000))
    await expect(media.get_by_text("its content is something else")).to_be_visible()
    await media.get_by_role("button", name="Choose another file").click()

    # A slow line, so that the progress can be seen, and an upload that is taken back.
    session = await studio.context.new_cdp_session(studio)
    await session.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000}
    await session.send("Network.emulateNetworkConditions", slow)
    await drop(zone, "film.mp4", "video/mp4", film, filled_up=LIMIT // 2)
    await expect(media.locator("[data-state]")).to_contain_text("s left")
    await expect(media.locator("[data-state]")).to_contain_text("kB/s")
    assert 0 < float(await media.locator("[data-progress]").evaluate("bar => bar.value")) < 100
    await media.get_by_role("button", name="Cancel").click()
    await expect(zone).to_be_visible()

    online = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    await session.send("Network.emulateNetworkConditions", online)

    # The line breaks; then the same file is sent again.
    await studio.route("**/video", lambda route: route.abort("connectionfailed"))
    await drop(zone, "film.mp4", "video/mp4", film, filled_up=LIMIT // 2)
    await expect(media.get_by_text("The connection broke.")).to_be_visible()
    await studio.unroute("**/video")
    await media.get_by_role("button", name="Retry").click()
    await expect(media.get_by_text("It is being checked")).to_be_visible()
    await expect(media.locator("video")).to_be_visible()
    await expect(media.get_by_text("film.mp4")).to_be_visible()
    await expect(studio.locator("[data-upload-status]")).to_have_text("film.mp4 is ready.")
    await assert_accessible(studio)

    await media.locator("input[type=file]").set_input_files(
        {"name": "broken.mp4", "mimeType": "video/mp4", "buffer": film[:2000]}
    )
    await expect(media.get_by_text("broken.mp4 cannot be used.")).to_be_visible()
    await expect(media.locator("video")).to_be_visible()

    await studio.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="Uploads").click()
    cover = studio.locator("#cover")
    await studio.get_by_label("Subtitle").fill("Typed and not saved")
    await drop(cover.locator("[data-dropzone]"), "cover.jpg", "image/jpeg", make_picture())
    await expect(cover.locator("img.cover")).to_be_visible()
    await expect(studio.get_by_label("Subtitle")).to_have_value("Typed and not saved")


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
