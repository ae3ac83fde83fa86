"""The landing page of an academy with courses, and the checklist of one without; the owner's subjects."""

import msgspec
import pytest

from academy.features.accounts.model import Profile
from academy.features.courses.model import Course
from academy.features.courses.repository import MOST_COUNTED
from academy.infrastructure.security.principal import Role
from academy.kit.ids import new_id
from tests.academies.courses import category, draft, enrolled_learner, published
from tests.academies.html import elements, links, text
from tests.academies.in_process import TestAcademy


async def test_it_shows_courses_subjects_teachers_and_voices(embedded_academy: TestAcademy) -> None:
    teacher = await embedded_academy.person(Role.INSTRUCTOR, name="Maya Rao")
    await embedded_academy.academy.accounts.change(teacher, profile=Profile(headline="Teaches beginners"))
    course = await published(embedded_academy, teacher, "Weaving", category_slug="crafts")
    learner = await enrolled_learner(embedded_academy, course, name="Kabir Singh")
    await embedded_academy.academy.reviews.write(learner, course.slug, 5, "I wove a scarf.")
    answer = await embedded_academy.browser().get("/")
    assert answer.status_code == 200
    shown = text(answer.text)
    assert elements(answer.text, "h1")[0].text == "Learn to build things that work."
    for words in ("Weaving", "Crafts", "Teaches beginners", "I wove a scarf.", "Kabir Singh", "How it works"):
        assert words in shown, words
    assert {f"/courses/{course.slug}", "/courses?category=crafts", "/courses", "/register"} <= set(links(answer.text))


async def test_only_praise_that_says_something_about_a_published_course_is_quoted(
    embedded_academy: TestAcademy,
) -> None:
    teacher = await embedded_academy.person(Role.INSTRUCTOR)
    courses = [await published(embedded_academy, teacher) for _ in range(3)]
    await embedded_academy.academy.courses.unpublish(teacher, courses[1].slug)
    said = [(courses[0], 5, "First praise"), (courses[0], 5, "Later praise"), (courses[0], 3, "Lukewarm")]
    said += [(courses[1], 5, "Of a course that is gone"), (courses[2], 5, "")]
    for course, stars, words in said:
        embedded_academy.clock.move(seconds=1)
        learner = await enrolled_learner(embedded_academy, course)
        await embedded_academy.academy.reviews.write(learner, course.slug, stars, words)
    page = (await embedded_academy.browser().get("/")).text
    assert [quote.text for quote in elements(page, "blockquote")] == ["Later praise"]


async def test_the_most_taken_course_comes_first(embedded_academy: TestAcademy) -> None:
    teacher = await embedded_academy.person(Role.INSTRUCTOR)
    taken = await published(embedded_academy, teacher, "Taken by two")
    await published(embedded_academy, teacher, "Taken by nobody")
    for _ in range(2):
        await enrolled_learner(embedded_academy, taken)
    page = (await embedded_academy.browser().get("/")).text
    assert elements(page, "a", class_="title")[0].text == "Taken by two"


async def test_an_empty_academy_tells_its_owner_what_to_do(embedded_academy: TestAcademy) -> None:
    stranger = (await embedded_academy.browser().get("/")).text
    assert "Your academy is running" in text(stranger)
    assert "academy users create" in text(stranger)
    assert elements(stranger, "meta", name="robots")[0].attributes["content"] == "noindex"
    done = [e.attributes["aria-label"] for e in elements(stranger, "svg") if e.attributes.get("role") == "img"]
    assert done == ["To do"] * 5
    assert {"/login"} <= set(links(stranger))
    admin = await embedded_academy.person(Role.ADMIN, name="Ada Menon")
    browser = await embedded_academy.signed_in_browser(person=admin)
    mine = (await browser.get("/")).text
    assert "academy users create" not in mine
    told = (await embedded_academy.browser().get("/")).text
    assert "This academy has an admin. Is it you?" in text(told)
    assert "academy users create" not in told
    assert {"/categories", "/studio"} <= set(links(mine))
    await draft(embedded_academy, admin, "In the making")
    later = (await browser.get("/")).text
    assert "“In the making” waits in the studio." in text(later)
    done = [e.attributes["aria-label"] for e in elements(later, "svg") if e.attributes.get("role") == "img"]
    assert done == ["Done", "To do", "Done", "Done", "To do"]
    await embedded_academy.academy.courses.publish(admin, "in-the-making")
    assert "In the making" in (await embedded_academy.browser().get("/")).text
    assert "Your academy is running" not in (await embedded_academy.browser().get("/")).text


async def test_an_admin_names_the_subjects(embedded_academy: TestAcademy) -> None:
    browser = await embedded_academy.signed_in_browser(Role.ADMIN)
    for name in ("Beekeeping", "कला"):
        answer = await browser.submit("/categories", "/categories", name=f"  {name} ")
        assert answer.url.path == "/categories"
        assert name in text(answer.text)
    stored = await embedded_academy.academy.courses.categories()
    assert [(category.slug, category.position) for category in stored] == [("beekeeping", 0), ("कला", 1)]
    assert "Beekeeping" in (await embedded_academy.browser().get("/courses")).text


@pytest.mark.parametrize(
    ("name", "error"), [("", "This is needed."), ("!!!", "Use letters or digits."), ("x" * 61, "at most 60")]
)
async def test_a_subject_needs_a_name(embedded_academy: TestAcademy, name: str, error: str) -> None:
    browser = await embedded_academy.signed_in_browser(Role.ADMIN)
    answer = await browser.submit("/categories", "/categories", name=name)
    assert answer.status_code == 422
    assert error in elements(answer.text, "p", class_="error")[0].text
    assert elements(answer.text, "input", name="name")[0].attributes["value"] == name


async def test_a_subject_is_named_once_and_by_admins_alone(embedded_academy: TestAcademy) -> None:
    browser = await embedded_academy.signed_in_browser(Role.ADMIN)
    await browser.submit("/categories", "/categories", name="Beekeeping")
    again = await browser.submit("/categories", "/categories", name="BEEKEEPING")
    assert again.status_code == 422
    assert "There is a category with this name." in text(again.text)
    for role in (Role.LEARNER, Role.INSTRUCTOR):
        other = await embedded_academy.signed_in_browser(role)
        assert (await other.get("/categories")).status_code == 403
        assert (await other.submit("/account", "/categories", name="Mine")).status_code == 403
    assert (await embedded_academy.browser().get("/categories")).url.path == "/login"


async def test_a_subject_gets_another_name_and_keeps_its_address(embedded_academy: TestAcademy) -> None:
    browser = await embedded_academy.signed_in_browser(Role.ADMIN)
    await category(embedded_academy, "craft", "Craft")
    answer = await browser.submit("/categories", "/categories/craft", name=" Crafts & arts ")
    assert "The subject is called “Crafts & arts” now." in text(answer.text)
    assert "Crafts & arts" in text((await embedded_academy.browser().get("/courses?category=craft")).text)
    for name, complaint in (("", "at most 60 characters"), ("!!", "Use letters or digits"), ("x" * 61, "at most 60")):
        answer = await browser.submit("/categories", "/categories/craft", name=name)
        assert complaint in text(answer.text), name
    assert [one.name for one in await embedded_academy.academy.courses.categories()] == ["Crafts & arts"]
    assert "There is no such subject" in text((await browser.submit("/categories", "/categories/none", name="A")).text)


async def test_only_a_subject_without_courses_is_removed(embedded_academy: TestAcademy) -> None:
    admin = await embedded_academy.person(Role.ADMIN)
    browser = await embedded_academy.signed_in_browser(person=admin)
    await category(embedded_academy, "craft", "Craft")
    made = await draft(embedded_academy, admin, category_slug="programming")
    page = (await browser.get("/categories")).text
    removable = [form.attributes["action"] for form in elements(page, "form") if form.attributes.get("data-confirm")]
    assert removable == ["/categories/craft/remove"]
    refused = await browser.submit("/categories", "/categories/programming/remove")
    assert "Courses are in this subject." in text(refused.text)
    assert "The subject is removed." in text((await browser.submit("/categories", "/categories/craft/remove")).text)
    assert "There is no such subject" in text((await browser.submit("/categories", "/categories/craft/remove")).text)
    await embedded_academy.academy.courses.delete(admin, made.slug)
    await browser.submit("/categories", "/categories/programming/remove")
    assert await embedded_academy.academy.courses.categories() == []
    for role in (Role.LEARNER, Role.INSTRUCTOR):
        other = await embedded_academy.signed_in_browser(role)
        for action in ("/categories/craft", "/categories/craft/remove"):
            assert (await other.submit("/account", action, name="Mine")).status_code == 403


async def test_a_large_academy_counts_only_so_far(embedded_academy: TestAcademy) -> None:
    course = await published(embedded_academy)
    copies = [msgspec.structs.replace(course, id=new_id(), slug=f"copy-{number}") for number in range(MOST_COUNTED)]
    await embedded_academy.academy.database.collection(Course).insert_many(copies)
    browser = embedded_academy.browser()
    assert elements((await browser.get("/courses")).text, "p", class_="result-count")[0].text == "1,000 courses or more"
    assert "1,000 courses or more" in text((await browser.get("/")).text)
