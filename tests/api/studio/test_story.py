"""An instructor makes a course in a browser without JavaScript, and a learner takes it."""

from academy.features.courses.model import CourseStatus
from academy.infrastructure.security.principal import Role
from tests.academies.in_process import TestAcademy
from tests.api.studio.making import DETAILS, field_value, outline, text_of


async def test_from_the_first_title_to_learners_and_back(academy: TestAcademy) -> None:
    courses = academy.academy.courses
    await courses.add_category("programming", "Programming", 0)
    person = await academy.person(Role.INSTRUCTOR)
    teacher = await academy.signed_in_browser(person=person)
    assert "Your first course starts with a title" in text_of(await teacher.get("/studio"))

    editor = await teacher.submit("/studio", "/studio/courses", title="Git for people")
    assert editor.status_code == 200
    base = editor.url.path
    assert base == "/studio/courses/git-for-people"
    assert "This course is not published. Only you can see it." in text_of(editor)

    saved = await teacher.submit(base, base, **DETAILS)
    assert "Saved." in text_of(saved)
    assert field_value(saved, "title") == DETAILS["title"]
    course = await courses.get("git-for-people", person)
    assert (course.tags, course.outcomes, course.is_free) == (["git", "tools"], ["Commit", "Branch"], True)
    assert "Add at least one lesson." in text_of(saved)

    for title in ("Working with others", "Getting started"):
        await teacher.submit(base, f"{base}/sections", title=title)
    course = await courses.get("git-for-people", person)
    others, start = [section.id for section in course.curriculum]
    await teacher.submit(base, f"{base}/sections/{start}", action="up", title="Getting started")
    await teacher.submit(base, f"{base}/sections/{others}", action="rename", title="With others")
    for section, kind, title in ((start, "text", "Why"), (start, "youtube", "Install"), (others, "text", "Branches")):
        lesson = await teacher.submit(base, f"{base}/sections/{section}/lessons", title=title, kind=kind)
        assert field_value(lesson, "title") == title
    course = await courses.get("git-for-people", person)
    assert outline(course) == [("Getting started", ["Why", "Install"]), ("With others", ["Branches"])]
    why, install, branches = [lesson.id for lesson in course.lessons()]

    await teacher.submit(base, f"{base}/lessons/{why}/move", action="down")
    await teacher.submit(base, f"{base}/lessons/{why}/move", action="down")
    course = await courses.get("git-for-people", person)
    assert outline(course) == [("Getting started", ["Install"]), ("With others", ["Why", "Branches"])]
    await teacher.submit(base, f"{base}/lessons/{why}/move", action="up")
    course = await courses.get("git-for-people", person)
    assert outline(course) == [("Getting started", ["Install", "Why"]), ("With others", ["Branches"])]

    early = await teacher.submit(base, f"{base}/publish")
    for missing in ("“Install”: add the address of its YouTube video.", "“Why”: write its text."):
        assert missing in text_of(early)
    assert f'href="{base}/lessons/{install}"' in early.text
    for lesson_id, fields in (
        (why, {"title": "Why", "text": "Because **people** forget.", "free_preview": "true"}),
        (install, {"title": "Install", "youtube": "https://www.youtube.com/watch?v=abcdefghi_1&t=4"}),
        (branches, {"title": "Branches", "text": "A branch is a name."}),
    ):
        page = await teacher.submit(f"{base}/lessons/{lesson_id}", f"{base}/lessons/{lesson_id}", **fields)
        assert "Saved." in text_of(page)
    assert "Everything is there." in text_of(await teacher.get(base))
    published = await teacher.submit(base, f"{base}/publish")
    assert "The course is in the catalogue now." in text_of(published)
    assert "not published" not in text_of(published)

    learner = await academy.signed_in_browser()
    assert DETAILS["title"] in (await learner.get("/courses")).text
    await learner.submit("/courses/git-for-people", "/courses/git-for-people/enrol")
    lesson = await learner.get(f"/learn/git-for-people/{branches}")
    assert "A branch is a name." in lesson.text

    course = await courses.get("git-for-people", person)
    assert (course.enrolment_count, course.status) == (1, CourseStatus.PUBLISHED)
    unpublished = await teacher.submit(base, f"{base}/unpublish")
    assert "The course left the catalogue. Its learners keep their access." in text_of(unpublished)
    assert "Its learners keep it; nobody else can find it." in text_of(unpublished)
    assert DETAILS["title"] not in (await academy.browser().get("/courses")).text
    assert "A branch is a name." in (await learner.get(f"/learn/git-for-people/{branches}")).text
    listed = text_of(await teacher.get("/studio"))
    assert "unpublished" in listed

    kept = await teacher.submit(base, f"{base}/delete")
    assert kept.url.path == base
    assert "This course has learners." in text_of(kept)
    assert (await courses.get("git-for-people", person)).title == DETAILS["title"]


async def test_a_course_without_learners_is_deleted(academy: TestAcademy) -> None:
    teacher = await academy.signed_in_browser(Role.INSTRUCTOR)
    await teacher.submit("/studio", "/studio/courses", title="A passing thought")
    gone = await teacher.submit("/studio/courses/a-passing-thought", "/studio/courses/a-passing-thought/delete")
    assert gone.url.path == "/studio"
    assert "The course is deleted." in text_of(gone)
    assert (await teacher.get("/studio/courses/a-passing-thought")).status_code == 404
