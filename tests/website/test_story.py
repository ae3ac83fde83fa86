"""The story of the academy in a real browser, as its people live it, over the demo academy."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, Response, expect

from academy.demo.accounts import ADMIN, DEMO_PASSWORD, INSTRUCTOR
from tests.scenarios.people import film
from tests.servers.academy import ServedAcademy
from tests.website.checks import assert_accessible, assert_fits, wait_until
from tests.website.conftest import Visitor
from tests.website.people import enrol, register, sign_in, sign_out, wait_for_mail

COURSE = "statistics-without-fear"
WIDTHS = {"desktop": 1280, "phone": 360}


async def test_a_stranger_finds_courses_without_javascript(demo_academy: ServedAcademy, visitor: Visitor) -> None:
    page = await visitor(demo_academy.url, javascript=False, forgive=["404 (Not Found)"])
    await page.goto("/")
    await page.get_by_role("link", name="See all courses").click()
    count = page.get_by_text(re.compile(r"^\s*12 courses"))
    await expect(count.first).to_be_visible()
    await page.get_by_label("Search courses").fill("colour")
    await page.get_by_role("button", name="Search").click()
    await expect(page.get_by_role("link", name="Colour with a System")).to_be_visible()
    assert "q=colour" in page.url
    await page.goto("/courses?category=data&price=free&sort=rating")
    titles = await page.locator(".course-card .title").all_inner_texts()
    assert "Statistics Without Fear" in titles
    assert "Colour with a System" not in titles
    await page.goto("/courses/no-such-course")
    await expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")


@pytest.mark.parametrize("size", list(WIDTHS))
async def test_a_learner_joins_learns_and_comes_back(size: str, demo_academy: ServedAcademy, visitor: Visitor) -> None:
    page = await visitor(demo_academy.url, width=WIDTHS[size])
    await register(page, "Asha Rao", "asha@example.com")
    wait_for_mail(demo_academy.url, "asha@example.com", "Welcome to")
    await enrol(page, COURSE)
    wait_for_mail(demo_academy.url, "asha@example.com", "You are enrolled: Statistics Without Fear")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Look before you calculate")
    await assert_accessible(page)
    await assert_fits(page)
    await page.get_by_role("button", name="Complete and continue").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Mean and median: two kinds of middle")
    stopped_at = await _watch(page)
    await sign_out(page, "Asha Rao")

    other = await visitor(demo_academy.url, width=WIDTHS[size])
    await sign_in(other, "asha@example.com")
    await expect(other.get_by_text("1 of 8 lessons")).to_be_visible()
    await other.get_by_role("link", name="Continue", exact=True).click()
    await expect(other.get_by_role("heading", level=1)).to_have_text("Mean and median: two kinds of middle")
    await wait_until(other, "document.querySelector('video').readyState >= 1")
    resumed = float(await other.evaluate("document.querySelector('video').currentTime"))
    assert abs(resumed - stopped_at) < 3
    await _review(other)


async def _watch(page: Page) -> float:
    """Plays, seeks to the middle, plays on, and waits until the academy knows; returns the position."""
    ranges: list[int] = []

    def note(response: Response) -> None:
        if "/media/" in response.url and "range" in response.request.headers:
            ranges.append(response.status)

    page.on("response", note)
    await page.evaluate("document.querySelector('video').muted = true")
    await page.evaluate("document.querySelector('video').play()")
    await wait_until(page, "document.querySelector('video').currentTime > 0.5")
    async with page.expect_response(lambda r: r.url.endswith("/position") and r.ok):
        await page.evaluate("document.querySelector('video').currentTime = 15")
        await wait_until(page, "document.querySelector('video').currentTime > 15.2")
        await page.evaluate("document.querySelector('video').pause()")
    assert 206 in ranges, "the video was not asked for in ranges"
    return float(await page.evaluate("document.querySelector('video').currentTime"))


async def _review(page: Page) -> None:
    await page.goto(f"/courses/{COURSE}")
    before = await page.locator(".rating-summary").inner_text()
    assert "5 reviews" in before
    await page.get_by_role("radio", name="1 star").check(force=True)
    await page.get_by_label("What would you tell somebody").fill("Too short <script>alert(1)</script> for me.")
    await page.get_by_role("button", name="Publish my review").click()
    summary = page.locator(".rating-summary")
    # Before: 5, 4, 5, 3 and 5 stars. (22 + 1) / 6 = 3.83
    await expect(summary).to_contain_text("3.8")
    await expect(summary).to_contain_text("6 reviews")
    await expect(page.locator(".review .words", has_text="<script>alert(1)</script>")).to_be_visible()


async def test_an_instructor_makes_a_course_and_a_learner_takes_it(
    demo_academy: ServedAcademy, visitor: Visitor, tmp_path: Path
) -> None:
    page = await visitor(demo_academy.url)
    await sign_in(page, INSTRUCTOR.email, DEMO_PASSWORD)
    await page.goto("/studio")
    await page.get_by_label("New course").fill("Bread at home")
    await page.get_by_role("button", name="Create").click()
    await page.wait_for_url("**/studio/courses/bread-at-home")
    await _details(page)
    await _outline(page)
    await _text_lesson(page)
    await _video_lesson(page, film(tmp_path))
    await page.goto("/studio/courses/bread-at-home")
    await page.get_by_role("button", name="Publish", exact=True).click()
    await expect(page.get_by_text("The course is in the catalogue now.")).to_be_visible()

    learner = await visitor(demo_academy.url)
    await register(learner, "Bina Das", "bina@example.com")
    await learner.goto("/courses?q=bread")
    await learner.get_by_role("link", name="Bread at home").click()
    await enrol(learner, "bread-at-home")
    await expect(learner.locator(".prose strong")).to_have_text("salt")

    await page.goto("/studio/courses/bread-at-home")
    await page.get_by_text("Unpublish…").click()
    await page.get_by_role("button", name="Unpublish", exact=True).click()
    await expect(page.get_by_text("The course left the catalogue.")).to_be_visible()
    await learner.goto("/courses?q=bread")
    await expect(learner.get_by_role("link", name="Bread at home")).to_have_count(0)
    await learner.goto("/dashboard")
    await learner.get_by_role("link", name="Start").or_(learner.get_by_role("link", name="Continue")).first.click()
    await expect(learner.locator(".prose strong")).to_have_text("salt")


async def _details(page: Page) -> None:
    await page.get_by_label("Subtitle").fill("Four ingredients and patience")
    await page.get_by_label("Description", exact=True).fill("You will bake a loaf that you want to eat.")
    await page.get_by_label("Category").select_option(label="Business")
    await page.get_by_role("button", name="Save details").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()


async def _outline(page: Page) -> None:
    for section in ("Baking", "Preparing"):
        await page.get_by_label("Title of a new section").fill(section)
        await page.get_by_role("button", name="Add section").click()
        await expect(page.get_by_label("Title of the section").last).to_have_value(section)
    await page.get_by_role("button", name="Move Preparing up").click()
    await expect(page.get_by_text("Preparing is now number 1 of 2.")).to_be_attached()
    await page.reload()
    await expect(page.get_by_label("Title of the section").first).to_have_value("Preparing")
    for title, kind, section in (("Watch the oven", "Video", "Baking"), ("What you need", "Text", "Preparing")):
        await page.goto("/studio/courses/bread-at-home")
        part = page.locator(".part", has=page.get_by_role("heading", name=section, exact=True, include_hidden=True))
        await part.get_by_label("Title of a new lesson").fill(title)
        await part.get_by_label("Kind of the new lesson").select_option(label=kind)
        await part.get_by_role("button", name="Add", exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(title)


async def _text_lesson(page: Page) -> None:
    await page.get_by_label("Text", exact=True).fill("Flour, water, **salt** and yeast.")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()


async def _video_lesson(page: Page, file: Path) -> None:
    await page.goto("/studio/courses/bread-at-home")
    await page.get_by_role("link", name="Watch the oven").first.click()
    await page.locator("#video-file").set_input_files(file)
    await expect(page.locator(".studio-video")).to_be_visible()


async def test_an_admin_sees_everything_and_suspends(demo_academy: ServedAcademy, visitor: Visitor) -> None:
    learner = await visitor(demo_academy.url)
    await register(learner, "Chand Roy", "chand@example.com")
    page = await visitor(demo_academy.url)
    await sign_in(page, ADMIN.email, DEMO_PASSWORD)
    for path, text in {
        "/admin": "Chand Roy",
        "/admin/users": "chand@example.com",
        "/admin/courses": "Statistics Without Fear",
        "/admin/enrolments": "Tomáš Novák",
        "/admin/mail": "chand@example.com",
        "/admin/jobs": "send mail",
    }.items():
        await page.goto(path)
        await expect(page.get_by_text(text).first).to_be_visible()
        await assert_accessible(page)
    await page.goto("/admin/users?q=chand")
    await page.get_by_role("button", name="Suspend Chand Roy").click()
    await _confirm(page)
    await expect(page.get_by_text("suspended", exact=False).first).to_be_visible()
    await learner.goto("/dashboard")
    await learner.wait_for_url("**/login?**")
    await page.goto("/admin/users?q=maya")
    await page.get_by_label("Role of Maya Okafor", exact=True).select_option("learner")
    await page.get_by_role("button", name="Change the role").click()
    await _confirm(page)
    await expect(page.get_by_label("Role of Maya Okafor", exact=True)).to_have_value("learner")


async def _confirm(page: Page) -> None:
    """Says yes to the page's question."""
    await page.get_by_role("dialog").get_by_role("button").last.click()
