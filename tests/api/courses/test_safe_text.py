"""What people write is shown as they wrote it and never runs: in every field, on every public page."""

import json

import pytest
import pytest_asyncio

from academy.features.accounts.model import Profile
from academy.features.courses.model import Course
from academy.infrastructure.security.principal import Role
from tests.academies.courses import enrolled_learner, published
from tests.academies.html import assert_harmless, elements, text
from tests.academies.in_process import TestAcademy

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Ends every place that a text can stand in: element, attribute, script, comment, title, template.
ATTACK = "'\"></title></script></textarea>--><img src=x onerror=alert(1)>{{9**9}}"


def said(where: str) -> str:
    """A text that names its place, so that a page can be searched for it."""
    return f"{where} {ATTACK}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def course(shared_embedded_academy: TestAcademy) -> Course:
    """A course that attacks with every text it has."""
    academy = shared_embedded_academy.academy
    teacher = await shared_embedded_academy.person(Role.INSTRUCTOR, name=said("teacher"))
    profile = Profile(headline=said("headline"), bio=said("bio"))
    await academy.accounts.change(teacher, profile=profile)
    await academy.courses.add_category("attack", said("category"), 0)
    made = await published(
        shared_embedded_academy,
        teacher,
        said("title"),
        slug="attack",
        category_slug="attack",
        subtitle=said("subtitle"),
        description=said("description"),
        tags=[said("tag")],
        outcomes=[said("outcome")],
        requirements=[said("requirement")],
        lessons=[said("lesson"), said("lesson two")],
    )
    learner = await enrolled_learner(shared_embedded_academy, made, name=said("author"))
    await academy.reviews.write(learner, made.slug, 5, said("review"))
    return made


@pytest.mark.parametrize(
    ("path", "places"),
    [
        ("/", ["title", "subtitle", "category", "review", "author", "teacher", "headline"]),
        ("/courses", ["title", "subtitle", "category", "teacher"]),
        ("/courses?category=attack", ["title", "subtitle", "category"]),
        (
            "/courses/attack",
            [
                *("title", "subtitle", "description", "outcome", "requirement", "lesson", "lesson two", "category"),
                *("review", "author", "teacher", "headline", "bio"),
            ],
        ),
    ],
)
async def test_no_text_runs_and_every_text_is_shown(
    shared_embedded_academy: TestAcademy, course: Course, path: str, places: list[str]
) -> None:
    learner = await enrolled_learner(shared_embedded_academy, course, name=said("visitor"))
    signed_in = await shared_embedded_academy.signed_in_browser(person=learner)
    for browser in (shared_embedded_academy.browser(), signed_in):
        page = (await browser.get(path)).text
        assert_harmless(page)
        shown = text(page)
        for place in places:
            assert f"{place} '\"></title></script></textarea>--><img src=x onerror=alert(1)>" in shown, place
        assert "387420489" not in shown, "a text was evaluated as a template"


async def test_a_title_cannot_break_out_of_the_structured_data(
    shared_embedded_academy: TestAcademy, course: Course
) -> None:
    page = (await shared_embedded_academy.browser().get("/courses/attack")).text
    [script] = elements(page, "script", type="application/ld+json")
    assert json.loads(script.text)["name"] == course.title
    start = page.index("application/ld+json")
    assert "<" not in page[page.index(">", start) + 1 : page.index("</script>", start)]


@pytest.mark.parametrize("parameter", ["q", "category", "level", "language", "price", "min_rating", "sort"])
async def test_an_address_cannot_write_into_the_page(shared_embedded_academy: TestAcademy, parameter: str) -> None:
    for headers in ({}, {"HX-Request": "true"}):
        answer = await shared_embedded_academy.browser().get("/courses", params={parameter: ATTACK}, headers=headers)
        assert answer.status_code == 200
        assert_harmless(answer.text)


@pytest.mark.parametrize(
    "q", ["🙂🚀", "\u0000", "\u202enowhere", "a" * 5000, "$where", '"', "NEAR(", "é" * 300, "%", "\\"]
)
async def test_no_search_breaks_the_page(shared_embedded_academy: TestAcademy, q: str) -> None:
    answer = await shared_embedded_academy.browser().get("/courses", params={"q": q})
    assert answer.status_code == 200
    assert "No courses" in text(answer.text)
