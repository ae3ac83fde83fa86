"""The catalogue without JavaScript: its form, its links, its pages."""

from collections.abc import AsyncIterator
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import pytest_asyncio

from academy.features.courses import pages
from academy.features.courses.model import Level
from academy.infrastructure.security.principal import Role
from tests.academies.courses import PAID, enrolled_learner, published
from tests.academies.html import elements, links, text
from tests.academies.in_process import Browser, TestAcademy

pytestmark = pytest.mark.asyncio(loop_scope="module")

COURSES = 14


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def visitor(shared_embedded_academy: TestAcademy) -> AsyncIterator[Browser]:
    """A stranger's browser on an academy with 14 courses, number 14 the newest; every second is about design."""
    teacher = await shared_embedded_academy.person(Role.INSTRUCTOR, name="Maya Rao")
    for number in range(1, COURSES + 1):
        shared_embedded_academy.clock.move(seconds=1)
        course = await published(
            shared_embedded_academy,
            teacher,
            f"Number {number} of {COURSES}",
            slug=f"number-{number}",
            category_slug="programming" if number % 2 else "design",
            level=Level.ADVANCED if number > 10 else Level.BEGINNER,
            language="hi" if number == 3 else "en",
            **({"price": PAID} if number == 4 else {}),
        )
        if number == 5:
            learner = await enrolled_learner(shared_embedded_academy, course)
            await shared_embedded_academy.academy.reviews.write(learner, course.slug, 5, "")
    yield shared_embedded_academy.browser()


async def shown(browser: Browser, address: str) -> list[int]:
    """The numbers of the courses that a page of the catalogue shows."""
    answer = await browser.get(address)
    assert answer.status_code == 200
    titles = [link.text for link in elements(answer.text, "a", class_="title")]
    return [int(title.split()[1]) for title in titles]


async def test_it_shows_the_newest_and_how_many_there_are(visitor: Browser) -> None:
    assert await shown(visitor, "/courses") == list(range(14, 2, -1))
    page = (await visitor.get("/courses")).text
    [count] = elements(page, "p", class_="result-count")
    assert (count.text, count.attributes["role"]) == ("14 courses", "status")
    [heading] = elements(page, "h1")
    assert heading.text == "Courses"
    cards = elements(page, "article")
    assert "Maya Rao" in cards[0].text
    assert "2 lessons · 2 min" in cards[0].text
    assert cards[0].text.endswith("Free")


async def test_next_page_shows_the_rest_and_leads_back(visitor: Browser) -> None:
    page = (await visitor.get("/courses?sort=newest")).text
    [following] = elements(page, "a", rel="next")
    address = f"/courses{following.attributes['href']}"
    assert await shown(visitor, address) == [2, 1]
    assert parse_qs(urlsplit(address).query)["sort"] == ["newest"]
    last = (await visitor.get(address)).text
    assert not elements(last, "a", rel="next")
    assert "?sort=newest" in links(last)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=number+13", [13]),
        ("category=design&level=advanced", [14, 12]),
        ("language=hi", [3]),
        ("price=paid", [4]),
        ("min_rating=4.5", [5]),
        ("q=number&price=paid", [4]),
        ("q=nowhere", []),
        ("category=unknown", []),
    ],
)
async def test_the_address_narrows(visitor: Browser, query: str, expected: list[int]) -> None:
    assert await shown(visitor, f"/courses?{query}") == expected


@pytest.mark.parametrize(
    "query", ["level=expert", "price=cheap", "min_rating=six", "sort=random", "q=&category=&level=", "foo=bar"]
)
async def test_a_value_that_means_nothing_narrows_nothing(visitor: Browser, query: str) -> None:
    page = (await visitor.get(f"/courses?{query}")).text
    assert elements(page, "p", class_="result-count")[0].text == "14 courses"
    assert not elements(page, "a", class_="chip")


async def test_the_form_is_a_plain_one_and_shows_what_was_chosen(visitor: Browser) -> None:
    page = (await visitor.get("/courses?q=number&category=design&level=advanced&sort=price&language=en")).text
    [form] = elements(page, "form", id="catalogue")
    assert (form.attributes["action"], form.attributes.get("method", "get")) == ("/courses", "get")
    [box] = elements(page, "input", name="q")
    assert box.attributes["value"] == "number"
    checked = {
        (radio.attributes["name"], radio.attributes["value"])
        for radio in elements(page, "input", type="radio")
        if "checked" in radio.attributes
    }
    assert checked == {
        *(("category", "design"), ("level", "advanced"), ("language", "en"), ("price", ""), ("min_rating", "")),
    }
    assert [o.attributes["value"] for o in elements(page, "option") if "selected" in o.attributes] == ["price"]
    assert any(button.text == "Show courses" for button in elements(page, "button"))


async def test_every_choice_is_offered(visitor: Browser) -> None:
    page = (await visitor.get("/courses")).text
    offered: dict[str, list[str]] = {}
    for radio in elements(page, "input", type="radio"):
        offered.setdefault(radio.attributes["name"], []).append(radio.attributes["value"])
    assert offered == {
        "category": ["", "programming", "design"],
        "level": ["", "beginner", "intermediate", "advanced"],
        "language": ["", "en", "hi"],
        "price": ["", "free", "paid"],
        "min_rating": ["", "4.5", "4", "3"],
    }
    assert [option.attributes["value"] for option in elements(page, "option")] == [
        *("", "newest", "popular", "rating", "price"),
    ]
    assert {"English", "Hindi"} <= {label.text for label in elements(page, "label")}


async def test_a_chip_takes_its_filter_away_and_keeps_the_others(visitor: Browser) -> None:
    page = (await visitor.get("/courses?q=number&category=design&level=advanced&sort=price")).text
    chips = {chip.text: chip.attributes["href"] for chip in elements(page, "a", class_="chip")}
    assert chips == {
        "Remove filter: “number”": "/courses?category=design&level=advanced&sort=price",
        "Remove filter: Design": "/courses?q=number&level=advanced&sort=price",
        "Remove filter: Advanced": "/courses?q=number&category=design&sort=price",
        "Clear all": "/courses",
    }
    assert await shown(visitor, chips["Remove filter: Advanced"]) != await shown(visitor, chips["Clear all"])


async def test_where_nothing_fits_the_page_helps(visitor: Browser) -> None:
    page = (await visitor.get("/courses?q=nowhere")).text
    assert "No courses for “nowhere”" in text(page)
    assert "Nothing fits" in text(page)
    assert {"/courses?category=programming", "/courses?category=design", "/courses"} <= set(links(page))


async def test_only_the_plain_catalogue_is_for_search_engines(visitor: Browser) -> None:
    plain = (await visitor.get("/courses")).text
    assert elements(plain, "link", rel="canonical")
    assert not elements(plain, "meta", name="robots")
    for query in ("q=number", "category=design", "sort=price"):
        narrowed = (await visitor.get(f"/courses?{query}")).text
        assert elements(narrowed, "meta", name="robots")[0].attributes["content"].startswith("noindex")
        assert not elements(narrowed, "link", rel="canonical")


async def test_htmx_gets_the_results_alone(visitor: Browser) -> None:
    part = (await visitor.get("/courses?q=13", headers={"HX-Request": "true"})).text
    assert [link.text for link in elements(part, "a", class_="title")] == ["Number 13 of 14"]
    assert not elements(part, "form")
    assert not elements(part, "html")


async def follow(browser: Browser, address: str, rel: str) -> list[tuple[str, list[int]]]:
    """Follows the links of the pager one way; returns the number and the courses of each page."""
    seen = []
    while address:
        page = (await browser.get(f"/courses{address}")).text
        [number] = [span.text for span in elements(page, "span") if span.text.startswith("Page ")]
        seen.append((number, await shown(browser, f"/courses{address}")))
        address = next((link.attributes["href"] for link in elements(page, "a", rel=rel)), "")
    return seen


async def test_pages_are_walked_forth_and_back(visitor: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "COURSES_ON_PAGE", 5)
    forth = await follow(visitor, "?sort=price&level=beginner", "next")
    assert [number for number, _ in forth] == ["Page 1", "Page 2"]
    everything = await follow(visitor, "?sort=newest", "next")
    assert everything == [
        ("Page 1", [14, 13, 12, 11, 10]),
        ("Page 2", [9, 8, 7, 6, 5]),
        ("Page 3", [4, 3, 2, 1]),
    ]
    last = "?sort=newest"
    for _ in range(2):
        [following] = elements((await visitor.get(f"/courses{last}")).text, "a", rel="next")
        last = following.attributes["href"]
    assert await follow(visitor, last, "prev") == everything[::-1]


async def test_the_address_of_a_far_page_stays_short(visitor: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "COURSES_ON_PAGE", 1)
    address = ""
    for _ in range(COURSES - 1):
        [following] = elements((await visitor.get(f"/courses{address}")).text, "a", rel="next")
        address = following.attributes["href"]
    assert len(address) < 2_000
    back = await follow(visitor, address, "prev")
    assert back == [(f"Page {number}", [15 - number]) for number in range(14, 3, -1)]


async def test_an_address_with_a_cursor_alone_leads_to_the_first_page(visitor: Browser) -> None:
    [following] = elements((await visitor.get("/courses")).text, "a", rel="next")
    cursor = dict(parse_qsl(following.attributes["href"].removeprefix("?")))["cursor"]
    page = (await visitor.get(f"/courses?cursor={cursor}")).text
    assert not elements(page, "a", rel="prev")
    assert [a.attributes["href"] for a in elements(page, "a") if a.text == "First page"] == ["?"]
    page = (await visitor.get(f"/courses?cursor={cursor}&page=-3&before=")).text
    assert "First page" in text(page)


async def test_a_broken_page_marker_is_refused_with_a_page(visitor: Browser) -> None:
    answer = await visitor.get("/courses?cursor=garbage")
    assert answer.status_code == 422
    assert "Start again from the first page" in text(answer.text)


@pytest.mark.usefixtures("visitor")
async def test_a_learner_sees_progress_and_continues_from_the_card(shared_embedded_academy: TestAcademy) -> None:
    course = await shared_embedded_academy.academy.courses.get("number-7")
    learner = await enrolled_learner(shared_embedded_academy, course)
    learning = shared_embedded_academy.academy.learning
    await learning.record(learner, course.slug, course.lessons()[0].id, position_seconds=0, completed=True)
    browser = await shared_embedded_academy.signed_in_browser(person=learner)
    page = (await browser.get("/courses?q=number+7")).text
    [card] = elements(page, "article")
    assert "50 % done" in card.text
    assert elements(page, "progress")[0].attributes["value"] == "50"
    assert f"/learn/{course.slug}" in links(page)
