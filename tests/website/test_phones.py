"""What only a narrow window can get wrong."""

import re

from playwright.async_api import expect

from academy.demo.accounts import DEMO_PASSWORD, LEARNER
from tests.servers.academy import ServedAcademy
from tests.website.checks import assert_accessible
from tests.website.conftest import Visitor
from tests.website.people import enrol, sign_in

COURSE = "statistics-without-fear"


async def test_the_filters_say_what_they_leave_and_lead_to_it(demo_academy: ServedAcademy, visitor: Visitor) -> None:
    page = await visitor(demo_academy.url, width=360, height=740)
    await page.goto("/courses")
    await page.locator("#filters summary").click()
    show = page.get_by_role("button", name="Show")
    await expect(show).to_have_text("Show 12 courses")
    await expect(show).to_be_in_viewport()
    await page.get_by_label("Beginner").check()
    await expect(show).to_have_text("Show 8 courses")
    await page.get_by_label("4.5 stars and up").check()
    await expect(page.locator("#filters-in-use")).to_have_text("2 in use")
    await assert_accessible(page)
    found = (await show.inner_text()).removeprefix("Show ")
    await show.click()
    await expect(page.get_by_label("Beginner")).to_be_hidden()
    await expect(page.locator(".result-count")).to_have_text(found)
    await expect(page.locator(".result-count")).to_be_in_viewport(ratio=1)


async def test_the_search_can_be_pressed_without_javascript(demo_academy: ServedAcademy, visitor: Visitor) -> None:
    page = await visitor(demo_academy.url, width=360, javascript=False)
    await page.goto("/courses")
    await page.get_by_label("Search courses").fill("colour")
    await page.get_by_role("button", name="Search").click()
    await expect(page.locator(".result-count")).to_contain_text("for “colour”")
    await page.locator("#filters summary").click()
    await page.get_by_label("Advanced").check()
    await page.get_by_role("button", name="Show courses").click()
    assert "level=advanced" in page.url


async def test_who_has_finished_reads_it_at_the_reviews(demo_academy: ServedAcademy, visitor: Visitor) -> None:
    page = await visitor(demo_academy.url, width=360, height=740)
    await sign_in(page, LEARNER.email, DEMO_PASSWORD)
    await enrol(page, COURSE)
    while f"/courses/{COURSE}" not in page.url:
        number = page.get_by_text(re.compile(r"^Lesson \d of \d$")).first
        before = await number.inner_text()
        await page.locator("#finish .unless-done").click()
        await expect(number.and_(page.get_by_text(before))).to_have_count(0)
    told = page.get_by_role("status").filter(has_text="You have finished the course.")
    heading = page.get_by_role("heading", name="Reviews")
    header = await page.get_by_role("banner").bounding_box()
    for seen in (heading, told):
        await expect(seen).to_be_in_viewport(ratio=1)
        box = await seen.bounding_box()
        assert box is not None
        assert header is not None
        assert box["y"] >= header["y"] + header["height"]
        # Nothing lies over it.
        assert await seen.evaluate(
            """(one) => {
              const { left, top } = one.getBoundingClientRect();
              return one.contains(document.elementFromPoint(left + 20, top + 5));
            }"""
        )
    await expect(told).to_have_count(1)
