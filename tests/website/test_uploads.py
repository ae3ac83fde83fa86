"""Uploads in the studio in Chromium, by tus: rows, refusals, broken lines, reloads, two tabs, many files."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import CDPSession, Locator, Page, expect

from tests.academies.media import PDF, make_film, make_picture
from tests.faults.cache.proxy import Proxy, running_proxy
from tests.servers.academy import ServedAcademy
from tests.website.checks import assert_accessible, assert_fits
from tests.website.conftest import Visitor
from tests.website.studio import LIMIT, drop, open_course, served_studio, sign_in, signed_in_api

SLOW = 400_000
# What the browser itself writes when a line breaks or a request is refused.
TOLD = ["status of 4", "ERR_", "net::"]

# A conversion leaves the machine to everybody else.
CONVERTED_MS = 90_000


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedAcademy]:
    with served_studio(tmp_path_factory.mktemp("uploads") / "home") as academy:
        yield academy


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4")


@pytest.fixture
def long_film(film: bytes, tmp_path: Path) -> Path:
    """A video file that takes seconds on a slow line."""
    path = tmp_path / "long film.mp4"
    path.write_bytes(film + bytes(LIMIT // 2))
    return path


@pytest_asyncio.fixture(loop_scope="session")
async def studio(visitor: Visitor, served: ServedAcademy) -> AsyncIterator[Page]:
    page = await visitor(served.url, forgive=TOLD)
    await sign_in(page)
    yield page


async def open_lesson(page: Page, served: ServedAcademy, title: str) -> None:
    await open_course(page, served, title)
    await page.get_by_role("link", name="Why", exact=True).click()
    await page.wait_for_url("**/lessons/*")


async def slow_line(page: Page, bytes_a_second: int = SLOW) -> CDPSession:
    """Lets the page send only so much; `mend` makes it fast again."""
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_a_second}
    await session.send("Network.emulateNetworkConditions", conditions)
    return session


async def mend(session: CDPSession) -> None:
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    await session.send("Network.emulateNetworkConditions", conditions)


def state_of(media: Locator) -> Locator:
    return media.locator("[data-state]")


async def percent(media: Locator) -> float:
    return float(await media.locator("[data-progress]").evaluate("bar => bar.value"))


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    for _ in range(300):
        if await condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"still not: {what}")


async def sent_a_part(media: Locator) -> None:
    async def has_sent() -> bool:
        return await percent(media) > 5

    await until(has_sent, "a part of the file is sent")


def stored_digest(served: ServedAcademy, name: str) -> list[str]:
    with signed_in_api(served) as api:
        return [video["sha256"] for video in api.get("videos").json()["items"] if video["file_name"] == name]


def unfinished(served: ServedAcademy) -> list[str]:
    with signed_in_api(served) as api:
        return [upload["file_name"] for upload in api.get("uploads").json()["items"]]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def test_what_is_refused_says_why(studio: Page, served: ServedAcademy, film: bytes) -> None:
    await open_lesson(studio, served, "Refusals")
    media, zone = studio.locator("#media"), studio.locator("#media [data-dropzone]")
    for name, kind, content, filled_up, reason in (
        ("notes.txt", "text/plain", b"not a video", 0, "Files of this kind are not taken here."),
        ("huge.mp4", "video/mp4", film, LIMIT, "at most 5.00 MB are taken here"),
        ("empty.mp4", "video/mp4", b"", 0, "This file is empty."),
        ("lie.mp4", "video/mp4", b"MZ" + bytes(5000), LIMIT - 6000, "its content is something else"),
    ):
        await drop(zone, name, kind, content, filled_up=filled_up)
        await expect(state_of(media)).to_contain_text(reason)
        await expect(studio.locator("[data-upload-status]")).to_contain_text(reason)
        await expect(zone).to_be_visible()
        await assert_accessible(studio)
        await media.get_by_role("button", name=f"Dismiss: {name}").click()
        await expect(state_of(media)).to_have_count(0)
    assert unfinished(served) == []


async def test_an_upload_with_rate_and_time_left_is_taken_back(
    studio: Page, served: ServedAcademy, long_film: Path
) -> None:
    await open_lesson(studio, served, "Taken back")
    media = studio.locator("#media")
    await slow_line(studio)
    await media.locator("[data-dropzone] input").set_input_files(long_film)
    await expect(state_of(media)).to_contain_text("s left")
    await expect(state_of(media)).to_contain_text("kB/s")
    assert 0 < await percent(media) < 100
    bar = media.get_by_role("progressbar", name="Progress of long film.mp4")
    await expect(bar).to_be_visible()
    await expect(media.get_by_role("button", name="Cancel: long film.mp4")).to_be_focused()
    await expect(media.locator("[data-dropzone]")).to_be_hidden()
    await assert_accessible(studio)
    await studio.keyboard.press("Enter")
    await expect(media.locator("[data-dropzone]")).to_be_visible()

    async def is_gone() -> bool:
        return unfinished(served) == []

    await until(is_gone, "nothing is left on the server")


async def test_a_video_from_the_drop_zone_to_the_lesson(studio: Page, served: ServedAcademy, film: bytes) -> None:
    await open_lesson(studio, served, "From drop to lesson")
    media = studio.locator("#media")
    await drop(studio.locator("#media [data-dropzone]"), "film.mp4", "video/mp4", film)
    await expect(studio.locator("[data-upload-status]")).to_have_text("film.mp4 is ready.")
    await expect(media.locator("video")).to_be_visible()
    await assert_accessible(studio)
    await media.locator("[data-dropzone] input").set_input_files(
        {"name": "broken.mp4", "mimeType": "video/mp4", "buffer": film[:2000]}
    )
    await expect(media.get_by_text("broken.mp4 cannot be used.")).to_be_visible()
    await expect(media.locator("video")).to_be_visible()
    await studio.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="From drop to lesson").click()
    cover = studio.locator("#cover")
    await studio.get_by_label("Subtitle").fill("Typed and not saved")
    await drop(cover.locator("[data-dropzone]"), "cover.jpg", "image/jpeg", make_picture())
    await expect(cover.locator("img.cover")).to_be_visible()
    await expect(studio.get_by_label("Subtitle")).to_have_value("Typed and not saved")


async def test_a_broken_line_is_gone_on_from(visitor: Visitor, served: ServedAcademy, long_film: Path) -> None:
    async with running_proxy(served.port) as line:
        page = await visitor(f"http://127.0.0.1:{line.port}", forgive=TOLD)
        await sign_in(page)
        await open_lesson(page, served, "Broken line")
        media = page.locator("#media")
        session = await slow_line(page)
        await media.locator("[data-dropzone] input").set_input_files(long_film)
        await sent_a_part(media)
        await cut(line, media)
        await expect(media.locator("video")).to_have_count(0)
        await mend(session)
        await expect(media.locator("video")).to_be_visible()
    assert stored_digest(served, "long film.mp4")[0] == digest(long_film)
    assert unfinished(served) == []


async def cut(line: Proxy, media: Locator) -> None:
    """Breaks the line for a moment."""
    line.refuse()
    await expect(state_of(media)).to_contain_text("The connection broke. Trying again")
    line.mend()


async def test_offline_it_waits_and_goes_on_by_itself(studio: Page, served: ServedAcademy, long_film: Path) -> None:
    await open_lesson(studio, served, "Offline")
    media = studio.locator("#media")
    session = await slow_line(studio)
    before = len(stored_digest(served, "long film.mp4"))
    await media.locator("[data-dropzone] input").set_input_files(long_film)
    await sent_a_part(media)
    await studio.context.set_offline(True)
    await expect(state_of(media)).to_have_text("You are offline. It goes on by itself when you are back.")
    await studio.context.set_offline(False)
    await mend(session)
    await expect(media.locator("video")).to_be_visible()
    found = stored_digest(served, "long film.mp4")
    assert (len(found), found[0]) == (before + 1, digest(long_film))


async def test_after_a_reload_the_same_file_goes_on(studio: Page, served: ServedAcademy, long_film: Path) -> None:
    await open_lesson(studio, served, "Reload")
    media = studio.locator("#media")
    session = await slow_line(studio)
    before = len(stored_digest(served, "long film.mp4"))
    await media.locator("[data-dropzone] input").set_input_files(long_film)
    await sent_a_part(media)
    studio.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await studio.reload()
    await expect(state_of(media)).to_contain_text("Choose the same file again to go on.")
    other = long_film.with_name("other.mp4")
    other.write_bytes(b"something else")
    again = media.locator("[data-again] input")
    await again.set_input_files(other)
    await expect(state_of(media)).to_contain_text("This is another file. Choose long film.mp4")
    await again.set_input_files(long_film)
    await expect(state_of(media)).to_contain_text("kB/s")
    assert unfinished(served) == ["long film.mp4"], "it does not begin anew"
    await mend(session)
    await expect(media.locator("video")).to_be_visible()
    found = stored_digest(served, "long film.mp4")
    assert (len(found), found[0]) == (before + 1, digest(long_film))


async def test_two_tabs_send_the_same_file(studio: Page, served: ServedAcademy, long_film: Path) -> None:
    await open_lesson(studio, served, "Two tabs")
    media = studio.locator("#media")
    await slow_line(studio, 2 * SLOW)
    before = len(stored_digest(served, "long film.mp4"))
    await media.locator("[data-dropzone] input").set_input_files(long_film)
    await sent_a_part(media)
    other = await studio.context.new_page()
    await other.goto(studio.url)
    with signed_in_api(served) as api:
        (upload,) = api.get("uploads").json()["items"]

    async def has_stored() -> bool:
        with signed_in_api(served) as api:
            return bool(api.get(f"uploads/{upload['id']}").json()["state"] != "receiving")

    await other.locator("#media [data-dropzone] input").set_input_files(long_film)
    await until(has_stored, "all bytes are there")
    for page in (studio, other):
        await expect(page.locator("#media video")).to_be_visible()
    found = stored_digest(served, "long film.mp4")
    assert (len(found), found[0]) == (before + 1, digest(long_film)), "both tabs sent the same upload"
    assert unfinished(served) == []


async def test_many_files_become_lessons(studio: Page, served: ServedAcademy, film: bytes, tmp_path: Path) -> None:
    await open_course(studio, served, "Many files")
    contents = {
        "01_loops.mp4": film,
        "02_lists.mp4": film,
        "plan.pdf": PDF,
        "lie.pdf": b"MZ" + bytes(100),
        "a.txt": b"a",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    await studio.get_by_label("New lessons go to").select_option("Getting started")
    await studio.locator("#lesson-files").set_input_files([tmp_path / name for name in contents])
    rows = studio.locator("#outline .upload-row")
    await expect(rows).to_have_count(5)
    for name in ("01_loops.mp4", "02_lists.mp4", "plan.pdf"):
        await expect(state_of(rows.filter(has_text=name))).to_have_text("Ready.", timeout=CONVERTED_MS)
    await expect(state_of(rows.filter(has_text="lie.pdf"))).to_contain_text("its content is something else")
    await expect(state_of(rows.filter(has_text="a.txt"))).to_contain_text("not taken here")
    lessons = studio.get_by_role("list", name="Lessons of Getting started").locator("a")
    await expect(lessons).to_have_text(["Why", "Install", "First steps", "01 loops", "02 lists", "plan", "lie"])
    await assert_accessible(studio)
    for width in (360, 1440):
        await studio.set_viewport_size({"width": width, "height": 900})
        await assert_fits(studio)
    # The outline that was put in by the script can be ordered like before.
    await studio.get_by_role("button", name="Move 02 lists up").click()
    await expect(studio.locator("[data-outline-status]")).to_contain_text("02 lists is now number 4")
    await studio.reload()
    await expect(rows).to_have_count(1)
    await expect(state_of(rows)).to_contain_text("its content is something else")
    await studio.get_by_role("button", name="Dismiss: lie.pdf").click()
    await expect(rows).to_have_count(0)


async def test_an_attachment_is_listed_and_deleted(studio: Page, served: ServedAcademy) -> None:
    await open_lesson(studio, served, "Attached")
    attachments = studio.locator("#attachments")
    await drop(attachments.locator("[data-dropzone]"), "plan.pdf", "application/pdf", PDF)
    await expect(attachments.get_by_role("link", name="Download: plan.pdf")).to_be_visible(timeout=30_000)
    await expect(studio.locator("#media [data-dropzone]")).to_be_visible()
    await assert_accessible(studio)
    await assert_fits(studio)
    await studio.get_by_role("link", name="Preview as a learner").click()
    download = studio.get_by_role("link", name="Download: plan.pdf")
    await expect(download).to_be_visible()
    await assert_accessible(studio)
    await studio.go_back()
    await attachments.get_by_role("button", name="Delete: plan.pdf").click()
    await studio.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(studio.get_by_text("The attachment is deleted.")).to_be_visible()
    await expect(attachments.get_by_text("plan.pdf")).to_have_count(0)
