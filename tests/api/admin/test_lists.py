"""What the admin's lists tell beside the bare rows, and how one finds something in them."""

from academy.infrastructure.security.principal import Role
from tests.academies.courses import draft, enrolled_learner, published
from tests.academies.html import elements, text
from tests.academies.in_process import TestAcademy


async def test_enrolments_show_how_far_their_learners_are(academy: TestAcademy) -> None:
    course, other = await published(academy), await published(academy)
    learner = await enrolled_learner(academy, course, name="Lee Nair")
    await academy.academy.enrolments.grant(learner, other)
    await academy.academy.learning.record(learner, course.slug, course.lessons()[0].id, completed=True)
    admin = await academy.signed_in_browser(Role.ADMIN)
    for path in ("/admin", "/admin/enrolments"):
        cells = elements((await admin.get(path)).text, "td", data_label="Progress")
        assert [cell.text for cell in cells] == ["0 %", "50 %"], path


async def test_courses_are_found_by_their_title_in_every_state(academy: TestAcademy) -> None:
    teacher = await academy.person(Role.INSTRUCTOR)
    await published(academy, teacher, "Counting to ten")
    await draft(academy, teacher, "Counting to twenty")
    await published(academy, teacher, "Knitting")
    admin = await academy.signed_in_browser(Role.ADMIN)
    found = (await admin.get("/admin/courses?q=count")).text
    assert {cell.text for cell in elements(found, "td", class_="lead-cell")} == {
        "Counting to ten",
        "Counting to twenty",
    }
    assert elements(found, "input", name="q")[0].attributes["value"] == "count"
    nothing = (await admin.get("/admin/courses?q=xylophone")).text
    assert "Nothing fits “xylophone”" in text(nothing)
    assert len(elements((await admin.get("/admin/courses?q=+")).text, "td", class_="lead-cell")) == 3
    assert (await admin.get("/admin/courses?q=count&cursor=broken")).status_code == 422


async def test_who_is_meant_is_named_by_their_address(embedded_academy: TestAcademy) -> None:
    person = await embedded_academy.person(name="Asha Rao")
    await embedded_academy.person(name="Asha Rao")
    page = (await (await embedded_academy.signed_in_browser(Role.ADMIN)).get("/admin/users?q=asha")).text
    questions = [
        form.attributes["data-confirm"] for form in elements(page, "form") if "data-confirm" in form.attributes
    ]
    assert len(questions) == 5  # the admin, who has this name too, cannot suspend themselves
    assert sum(person.email in question for question in questions) == 2
