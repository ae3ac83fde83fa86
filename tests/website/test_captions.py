"""Captions in Chromium: upload, the tracks of the player, the editor beside the video, the jump to the second."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from academy.features.videos.captions_model import TrackKind
from academy.infrastructure.media.webvtt import read_captions
from tests.academies.in_process import opened_test_academy
from tests.servers.academy import served_academy
from tests.servers.demo import copy_of
from tests.website.checks import assert_accessible, assert_fits, wait_until
from tests.website.conftest import Visitor
from tests.website.people import sign_in
from tests.website.watching import loaded, make_film, state_of, taught_course, until

LEARNER = "learner@example.com"
UPLOADED = """WEBVTT

00:00:01.000 --> 00:00:03.000
Welcome to the kitchen

00:00:05.000 --> 00:00:07.500
Now the dough has to rest

00:00:11.000 --> 00:00:14.000
And the oven is hot
"""
HINDI = "WEBVTT\n\n00:00:02.000 --> 00:00:04.000\nआटा गूंथ लीजिए\n\n00:00:09.000 --> 00:00:12.000\nअब रोटी बेलिए\n"


class Site:
    """A served academy, with a course whose first lesson is a video with Hindi subtitles and chapters."""

    def __init__(self, url: str, teacher: str, slug: str, lesson_id: str) -> None:
        self.url = url
        self.teacher = teacher
        self.watch = f"/learn/{slug}/{lesson_id}"
        self.course_search = f"/learn/{slug}/search"
        self.captions = f"/studio/courses/{slug}/lessons/{lesson_id}/captions"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Callable[[str], Site]]:
    """The home of an academy with the course, not to be opened, and what makes a site of the address of a copy."""
    folder = tmp_path_factory.mktemp("captions")
    film = make_film(folder / "film.mp4")
    async with opened_test_academy(folder / "home") as academy:
        taught = await taught_course(academy, film)
        lesson = taught.lesson("Watch")
        services = academy.academy
        stored = await services.courses.by_id(taught.course.id)
        assert stored is not None
        video = await services.captions.video_in(stored.id, stored.lessons()[0].video_id)
        await services.captions.add(video, TrackKind.SUBTITLES, "hi", read_captions(HINDI))
        await services.captions.save_chapters(video, "en", "0:00 The kitchen")
        learner = await academy.person(name="Asha Rao", email=LEARNER)
        await services.enrolments.grant(learner, taught.course)
    return folder / "home", partial(Site, teacher=taught.teacher.email, slug=taught.slug, lesson_id=lesson.id)


@pytest.fixture
def site(prepared: tuple[Path, Callable[[str], Site]], tmp_path: Path) -> Iterator[Site]:
    """Serves a copy of it that is the test's own."""
    home, site_at = prepared
    with served_academy(copy_of(home, tmp_path / "home"), variables={"CONVERSION_CONCURRENCY": "0"}) as served:
        yield site_at(served.url)


async def upload(page: Page, site: Site) -> None:
    """Uploads English captions and opens their editor."""
    await page.goto(site.captions)
    file = {"name": "kitchen.vtt", "mimeType": "text/vtt", "buffer": UPLOADED.encode()}
    await page.get_by_label("File", exact=True).set_input_files(file)  # type: ignore[arg-type]
    await page.get_by_label("Language", exact=True).select_option("en")
    await page.get_by_label("On from the start").check()
    await page.get_by_role("button", name="Add captions").click()
    await expect(page.get_by_text("The captions are added.")).to_be_visible()
    await page.get_by_role("link", name="Edit English").click()
    await expect(page.get_by_role("textbox", name="Cue 1, text")).to_have_value("Welcome to the kitchen")


async def save(page: Page) -> None:
    await page.get_by_role("button", name="Save captions").click()
    await expect(page.get_by_text("Saved.", exact=True)).to_be_visible()


async def test_from_the_upload_to_the_second(site: Site, visitor: Visitor) -> None:
    teacher = await visitor(site.url)
    await sign_in(teacher, site.teacher)
    await upload(teacher, site)
    words = teacher.get_by_role("textbox", name="Cue 2, text")
    await words.fill("Now the sourdough has to rest")
    await expect(teacher.get_by_text("Not saved yet")).to_be_visible()
    await save(teacher)

    learner = await visitor(site.url)
    await sign_in(learner, LEARNER)
    await learner.goto(site.watch)
    await loaded(learner)
    tracks = "[...document.getElementById('video').textTracks]"
    assert await learner.evaluate(f"{tracks}.map(t => [t.kind, t.language, t.label].join())") == [
        "captions,en,English",
        "chapters,en,Chapters",
        "subtitles,hi,हिन्दी",
    ]
    await wait_until(learner, f"{tracks}[0].mode === 'hidden' && {tracks}[0].cues?.length === 3")
    await learner.evaluate("document.getElementById('video').currentTime = 6")
    await expect(learner.locator("#cues")).to_have_text("Now the sourdough has to rest")

    await learner.get_by_role("searchbox", name="Search in this video").fill("sourd")
    hit = learner.locator("#said").get_by_role("link")
    await expect(hit.locator("mark")).to_have_text("sourdough")
    await learner.evaluate("document.getElementById('video').currentTime = 0")
    await hit.click()
    await until(learner, "currentTime >= 5 && !paused")
    assert learner.url.endswith(site.watch), "on the page itself"

    await learner.goto(site.course_search)
    await learner.get_by_role("searchbox").fill("रोटी")
    await learner.get_by_role("button", name="Search").click()
    await learner.get_by_role("link", name="0:09").click()
    await loaded(learner)
    assert await state_of(learner, "currentTime") == pytest.approx(9, abs=0.3)
    await learner.goto("/dashboard")
    await learner.get_by_role("link", name="Search in my videos").click()
    await learner.get_by_role("searchbox").fill("oven")
    await learner.keyboard.press("Enter")
    await learner.get_by_role("link", name="0:11").click()
    await loaded(learner)
    assert await state_of(learner, "currentTime") == pytest.approx(11, abs=0.3)


async def test_the_editor_fixes_what_is_small(site: Site, visitor: Visitor) -> None:
    page = await visitor(site.url)
    await sign_in(page, site.teacher)
    await upload(page, site)
    await loaded(page)

    def cue(number: int, part: str) -> str:
        return f"Cue {number}, {part}"

    async def value(number: int, part: str) -> str:
        return await page.get_by_label(cue(number, part), exact=True).input_value()

    words = page.get_by_label(cue(2, "text"), exact=True)
    await words.focus()
    await page.keyboard.press("Alt+Enter")
    await until(page, "!paused && currentTime > 5")
    await expect(page.locator("#cue-now")).to_have_text("Now the dough has to rest")
    await expect(page.locator(".cue.is-now")).to_have_count(1)
    await page.evaluate("document.getElementById('video').pause()")
    # Split where the cursor stands: the time in proportion to the text.
    await words.evaluate("field => field.setSelectionRange(13, 13)")
    await page.keyboard.press("Control+Enter")
    assert [await value(2, "text"), await value(3, "text")] == ["Now the dough", "has to rest"]
    assert await value(2, "to") == await value(3, "from") == "00:00:06.354"
    await expect(page.get_by_label(cue(3, "text"), exact=True)).to_be_focused()
    await page.keyboard.press("Alt+ArrowUp")
    await expect(words).to_be_focused()

    await page.get_by_role("button", name="Add a cue after it, cue 4").click()
    await page.get_by_role("button", name="Save captions").click()
    await expect(page.get_by_text("Write what is said, or remove the cue.")).to_be_visible()
    await expect(page.get_by_label(cue(5, "text"), exact=True)).to_be_focused()
    await page.keyboard.type("Bake it")
    end = page.get_by_label(cue(5, "to"), exact=True)
    await end.fill("0:13")
    await expect(page.get_by_text("The end must come after the start.")).to_be_visible()
    await end.fill("soon")
    await expect(page.get_by_text("Write the time as 0:01:02.500.")).to_be_visible()
    await end.fill("0:15,5")
    await end.press("Tab")
    assert await value(5, "to") == "00:00:15.500"
    await page.get_by_role("button", name="Remove, cue 1").click()
    await page.get_by_label("Shift all by").fill("9")
    await page.get_by_role("button", name="Earlier").click()
    await expect(page.get_by_text("No cue can begin before the video does.")).to_be_attached()
    await page.get_by_label("Shift all by").fill("0.25")
    await page.get_by_role("button", name="Later").click()
    await save(page)
    assert [await value(number, "from") for number in range(1, 5)] == [
        "00:00:05.250",
        "00:00:06.604",
        "00:00:11.250",
        "00:00:14.250",
    ]
    assert await value(4, "text") == "Bake it"
    await expect(page.get_by_text("Everything is saved")).to_be_visible()


@pytest.mark.parametrize("width", [360, 1440])
async def test_every_page_is_for_everybody(site: Site, visitor: Visitor, width: int) -> None:
    page = await visitor(site.url, width=width, reduced_motion=True)
    await sign_in(page, site.teacher)
    await upload(page, site)
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    searches = [f"{path}?q=the" for path in (f"{site.watch}/search", site.course_search, "/search/videos")]
    for path in (page.url, site.captions, site.watch, *searches, "/search/videos?q=xylophone"):
        await page.goto(path)
        await assert_fits(page)
        for scheme in schemes:
            await page.emulate_media(color_scheme=scheme)
            await assert_accessible(page)


async def test_it_works_without_javascript(site: Site, visitor: Visitor) -> None:
    page = await visitor(site.url, width=360, javascript=False)
    await sign_in(page, site.teacher)
    await page.goto(site.captions)
    await page.get_by_role("link", name="Edit Hindi").click()
    text = page.get_by_label("The WebVTT file")
    await text.fill((await text.input_value()).replace("रोटी", "पूरी"))
    await save(page)
    await page.goto(site.watch)
    await page.get_by_role("searchbox", name="Search in this video").fill("पूरी")
    await page.get_by_role("search").get_by_role("button", name="Search").click()
    await expect(page.locator("mark")).to_have_text("पूरी")
