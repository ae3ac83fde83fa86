"""The course page without JavaScript: one button by state, curriculum, reviews, what search engines read."""

import json

import pytest

from academy.features.courses.model import Course
from academy.infrastructure.security.principal import Role
from tests.academies.courses import PAID, draft, enrolled_learner, published
from tests.academies.html import Element, elements, links, text
from tests.academies.in_process import Browser, TestAcademy

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def page_of(browser: Browser, course: Course) -> str:
    answer = await browser.get(f"/courses/{course.slug}")
    assert answer.status_code == 200
    return answer.text


def primary_buttons(page: str) -> list[Element]:
    """The buttons that the box about enrolling puts first; the site's header has its own."""
    return [found for found in elements(page) if {"button-primary", "button-wide"} <= set(classes(found))]


def classes(element: Element) -> list[str]:
    return element.attributes.get("class", "").split()


async def test_a_stranger_enrols_by_way_of_signing_in(shared_embedded_academy: TestAcademy) -> None:
    course = await published(shared_embedded_academy)
    browser = shared_embedded_academy.browser()
    page = await page_of(browser, course)
    [button] = primary_buttons(page)
    assert (button.name, button.text) == ("a", "Enrol for free")
    assert button.attributes["href"] == f"/login?next=/courses/{course.slug}"
    assert not [form for form in elements(page, "form") if form.attributes.get("method") == "post"]


async def test_a_free_course_is_enrolled_in_with_one_button(shared_embedded_academy: TestAcademy) -> None:
    course = await published(shared_embedded_academy)
    browser = await shared_embedded_academy.signed_in_browser()
    page = await page_of(browser, course)
    [button] = primary_buttons(page)
    assert (button.name, button.text) == ("button", "Enrol for free")
    arrived = await browser.submit(f"/courses/{course.slug}", f"/courses/{course.slug}/enrol")
    assert arrived.status_code == 200
    assert arrived.url.path == f"/learn/{course.slug}/{course.lessons()[0].id}"
    # The button is gone from the page; what a second click would have sent leads to the same place.
    again = await browser.submit("/account", f"/courses/{course.slug}/enrol")
    assert again.url.path == arrived.url.path
    [button] = primary_buttons(await page_of(browser, course))
    assert (button.text, button.attributes["href"]) == ("Begin", arrived.url.path)


async def test_who_has_begun_continues_where_they_are(shared_embedded_academy: TestAcademy) -> None:
    course = await published(shared_embedded_academy)
    first, second = course.lessons()
    learner = await enrolled_learner(shared_embedded_academy, course)
    learning = shared_embedded_academy.academy.learning
    await learning.record(learner, course.slug, first.id, position_seconds=0, completed=True)
    browser = await shared_embedded_academy.signed_in_browser(person=learner)
    page = await page_of(browser, course)
    [button] = primary_buttons(page)
    assert (button.text, button.attributes["href"]) == ("Continue", f"/learn/{course.slug}/{second.id}")
    assert "50 % done. Next: Further on" in text(page)
    [following] = elements(page, "li", class_="next")
    assert "Further on" in following.text
    assert [e.attributes["aria-label"] for e in elements(page, "svg", aria_label="Completed")] == ["Completed"]
    assert "1 of 2 lessons done" in text(page)


async def test_who_is_done_is_asked_for_a_review_once(shared_embedded_academy: TestAcademy) -> None:
    course = await published(shared_embedded_academy)
    learner = await enrolled_learner(shared_embedded_academy, course)
    for lesson in course.lessons():
        await shared_embedded_academy.academy.learning.record(
            learner, course.slug, lesson.id, position_seconds=0, completed=True
        )
    browser = await shared_embedded_academy.signed_in_browser(person=learner)
    page = await page_of(browser, course)
    [button] = primary_buttons(page)
    assert (button.text, button.attributes["href"]) == ("Review this course", "#my-review")
    assert elements(page, id="my-review")
    await shared_embedded_academy.academy.reviews.write(learner, course.slug, 5, "")
    assert primary_buttons(await page_of(browser, course)) == []


async def test_a_paid_course_has_one_button_to_its_checkout_and_a_quiet_link_inside(
    shared_embedded_academy: TestAcademy,
) -> None:
    course = await published(shared_embedded_academy, price=PAID)
    checkout = f"/checkout/{course.slug}"
    for browser in (shared_embedded_academy.browser(), await shared_embedded_academy.signed_in_browser()):
        page = await page_of(browser, course)
        [amount] = elements(page, "p", class_="amount")
        assert amount.text == "₹1,499"
        [button] = primary_buttons(page)
        assert (button.text, button.attributes["href"]) == ("Buy for ₹1,499", checkout)
        assert (await browser.get(checkout)).status_code == 200
        [preview] = [link for link in elements(page, "a", class_="link") if link.text == "Look inside first"]
        assert preview.attributes["href"] == f"/learn/{course.slug}/{course.lessons()[0].id}"
        assert (await browser.get(preview.attributes["href"])).status_code == 200
    sent = await browser.submit("/account", f"/courses/{course.slug}/enrol")
    assert (sent.status_code, sent.url.path) == (200, checkout)


async def test_the_curriculum_opens_previews_and_locks_the_rest(shared_embedded_academy: TestAcademy) -> None:
    course = await published(shared_embedded_academy)
    first, second = course.lessons()
    stranger = await page_of(shared_embedded_academy.browser(), course)
    rows = [row for row in elements(stranger, "li") if row.text.startswith(("First steps", "Further on"))]
    assert ["Free preview" in row.text for row in rows] == [True, False]
    assert f"/learn/{course.slug}/{first.id}" in links(stranger)
    assert f"/learn/{course.slug}/{second.id}" not in links(stranger)
    assert len([e for e in elements(stranger) if e.attributes.get("aria-label") == "Opens when you enrol"]) == 1
    assert "1 section · 2 lessons · 2 min" in text(stranger)
    learner = await shared_embedded_academy.signed_in_browser(
        person=await enrolled_learner(shared_embedded_academy, course)
    )
    assert f"/learn/{course.slug}/{second.id}" in links(await page_of(learner, course))


async def test_an_unpublished_course_says_so_and_hides_from_search_engines(
    shared_embedded_academy: TestAcademy,
) -> None:
    teacher = await shared_embedded_academy.person(Role.INSTRUCTOR)
    course = await published(shared_embedded_academy, teacher)
    learner = await enrolled_learner(shared_embedded_academy, course)
    await shared_embedded_academy.academy.courses.unpublish(teacher, course.slug)
    page = await page_of(shared_embedded_academy.browser(), course)
    assert "not open for new learners" in text(page)
    assert primary_buttons(page) == []
    [box] = elements(page, "aside", class_="buy-box")
    assert "Not open for new learners" in box.text
    assert ("Free" in box.text, "free preview" in text(page).lower()) == (False, False)
    assert not [address for address in links(page) if address.startswith(f"/learn/{course.slug}")]
    assert elements(page, "meta", name="robots")[0].attributes["content"] == "noindex"
    assert not elements(page, "script", type="application/ld+json")
    mine = await page_of(await shared_embedded_academy.signed_in_browser(person=learner), course)
    assert "You keep your access" in text(mine)
    assert [button.text for button in primary_buttons(mine)] == ["Begin"]
    refused = await shared_embedded_academy.signed_in_browser()
    sent = await refused.submit("/account", f"/courses/{course.slug}/enrol")
    assert "does not take new learners" in text(sent.text)


async def test_a_draft_is_shown_to_its_makers_as_one(shared_embedded_academy: TestAcademy) -> None:
    teacher = await shared_embedded_academy.person(Role.INSTRUCTOR)
    course = await draft(shared_embedded_academy, teacher)
    page = await page_of(await shared_embedded_academy.signed_in_browser(person=teacher), course)
    assert "This is a draft" in text(page)
    assert f"/studio/courses/{course.slug}" in links(page)
    assert elements(page, "meta", name="robots")[0].attributes["content"] == "noindex"
    for browser in (shared_embedded_academy.browser(), await shared_embedded_academy.signed_in_browser()):
        assert (await browser.get(f"/courses/{course.slug}")).status_code == 404


@pytest.mark.parametrize("slug", ["unknown", "%00", "%3Cscript%3E", "..%2F..", "x" * 400, "🙂"])
async def test_an_unknown_course_is_a_page_that_leads_on(shared_embedded_academy: TestAcademy, slug: str) -> None:
    answer = await shared_embedded_academy.browser().get(f"/courses/{slug}")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "There is nothing here" in text(answer.text)
    assert "/courses" in links(answer.text)


async def test_a_review_is_written_and_changed_by_a_plain_form(shared_embedded_academy: TestAcademy) -> None:
    course = await published(shared_embedded_academy)
    learner = await enrolled_learner(shared_embedded_academy, course)
    browser = await shared_embedded_academy.signed_in_browser(person=learner)
    path = f"/courses/{course.slug}"
    form = await page_of(browser, course)
    assert [radio.attributes["value"] for radio in elements(form, "input", name="stars")] == ["1", "2", "3", "4", "5"]
    sent = await browser.submit(path, f"{path}/reviews", stars="4", text="Clear and kind.\r\nThank you.")
    assert (sent.status_code, sent.url.path, sent.url.fragment) == (200, path, "reviews")
    assert "your review is on the page" in text(sent.text)
    assert "Clear and kind. Thank you." in text(sent.text)
    assert "4.0" in text(sent.text)
    chosen = [r.attributes["value"] for r in elements(sent.text, "input", name="stars") if "checked" in r.attributes]
    assert chosen == ["4"]
    changed = await browser.submit(path, f"{path}/reviews", stars="2", text="On second thoughts.")
    assert "Clear and kind." not in changed.text
    assert len(elements(changed.text, "article", class_="review")) == 1
    assert "2.0" in text(changed.text)


@pytest.mark.parametrize(
    ("fields", "error", "kept"),
    [
        ({"text": "No stars were given."}, "This is needed.", "No stars were given."),
        ({"stars": "6", "text": "Beyond"}, "This must be 5 or less.", "Beyond"),
        ({"stars": "many", "text": "Words"}, "This must be a number.", "Words"),
        ({"stars": "4", "text": "x" * 4001}, "at most 4000 characters", "x" * 4001),
    ],
)
async def test_a_wrong_review_keeps_what_was_typed_and_names_the_field(
    shared_embedded_academy: TestAcademy, fields: dict[str, str], error: str, kept: str
) -> None:
    course = await published(shared_embedded_academy)
    browser = await shared_embedded_academy.signed_in_browser(
        person=await enrolled_learner(shared_embedded_academy, course)
    )
    sent = await browser.submit(f"/courses/{course.slug}", f"/courses/{course.slug}/reviews", **fields)
    assert sent.status_code == 422
    [message] = elements(sent.text, "p", class_="error")
    assert error in message.text
    assert kept in elements(sent.text, "textarea", name="text")[0].text
    described = {e.attributes.get("aria-describedby") for e in elements(sent.text)}
    assert message.attributes["id"] in described


async def test_only_learners_find_a_review_form(shared_embedded_academy: TestAcademy) -> None:
    course = await published(shared_embedded_academy)
    browser = await shared_embedded_academy.signed_in_browser()
    assert not elements(await page_of(browser, course), "input", name="stars")
    sent = await browser.submit("/account", f"/courses/{course.slug}/reviews", stars="5", text="Not my course.")
    assert sent.url.path == f"/courses/{course.slug}"
    assert "only its learners may review" in text(sent.text)
    refused = await shared_embedded_academy.browser().post(f"/courses/{course.slug}/reviews", data={"stars": "5"})
    assert refused.status_code == 401
    forged = await browser.post(f"/courses/{course.slug}/reviews", data={"stars": "5", "_csrf_token": "guessed"})
    assert forged.status_code == 403


async def test_reviews_come_in_pages_with_a_histogram(shared_embedded_academy: TestAcademy) -> None:
    course = await published(shared_embedded_academy)
    for number in range(12):
        shared_embedded_academy.clock.move(seconds=1)
        learner = await enrolled_learner(shared_embedded_academy, course, name=f"Learner {number}")
        await shared_embedded_academy.academy.reviews.write(
            learner, course.slug, 5 if number % 3 else 2, f"No. {number}"
        )
    browser = shared_embedded_academy.browser()
    page = await page_of(browser, course)
    assert len(elements(page, "article", class_="review")) == 10
    assert [row.text for row in elements(page, "tr")] == [
        *("5 stars8", "4 stars0", "3 stars0", "2 stars4", "1 star0"),
    ]
    assert "12 reviews" in text(page)
    assert "4.0" in text(page)
    [following] = elements(page, "a", rel="next")
    older = await browser.get(f"/courses/{course.slug}{following.attributes['href']}")
    oldest = [review.text for review in elements(older.text, "article", class_="review")]
    assert [words.partition("No. ")[2] for words in oldest] == ["1", "0"]
    assert elements(older.text, "meta", name="robots")[0].attributes["content"] == "noindex, follow"
    assert (await browser.get(f"/courses/{course.slug}?cursor=garbage")).status_code == 422


async def test_search_engines_read_the_course(shared_embedded_academy: TestAcademy) -> None:
    course = await published(shared_embedded_academy, title="Weaving for engineers", slug="weaving", price=PAID)
    learner = await enrolled_learner(shared_embedded_academy, course)
    await shared_embedded_academy.academy.reviews.write(learner, course.slug, 4, "")
    page = await page_of(shared_embedded_academy.browser(), course)
    [script] = elements(page, "script", type="application/ld+json")
    data = json.loads(script.text)
    assert (data["@context"], data["@type"], data["name"]) == ("https://schema.org", "Course", "Weaving for engineers")
    assert data["url"].endswith("/courses/weaving")
    assert data["offers"] == {"@type": "Offer", "category": "Paid", "price": "1499.00", "priceCurrency": "INR"}
    assert data["aggregateRating"]["ratingValue"] == 4.0
    assert data["hasCourseInstance"]["courseWorkload"] == "PT2M"
    [canonical] = elements(page, "link", rel="canonical")
    assert canonical.attributes["href"] == data["url"]
    properties = {
        m.attributes.get("property"): m.attributes["content"]
        for m in elements(page, "meta")
        if "content" in m.attributes
    }
    assert properties["og:title"] == "Weaving for engineers"
    assert properties["og:url"] == data["url"]
    assert elements(page, "meta", name="description")[0].attributes["content"] == course.subtitle
    assert elements(page, "title")[0].text.startswith("Weaving for engineers")


async def test_related_courses_are_of_the_same_subject(shared_embedded_academy: TestAcademy) -> None:
    course = await published(shared_embedded_academy, category_slug="weaving")
    page = await page_of(shared_embedded_academy.browser(), course)
    assert not elements(page, "section", class_="related")
    sibling = await published(shared_embedded_academy, category_slug="weaving")
    await published(shared_embedded_academy, category_slug="baking")
    page = await page_of(shared_embedded_academy.browser(), course)
    [related] = elements(page, "section", class_="related")
    assert "More in Weaving" in related.text
    assert [link.attributes["href"] for link in elements(page, "a", class_="title")] == [f"/courses/{sibling.slug}"]
