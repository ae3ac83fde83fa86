"""The studio's outline: sections and lessons are added, renamed, ordered and removed."""

from collections.abc import Callable, Sequence

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from academy.features.courses.curriculum import LessonDraft, SectionDraft
from academy.features.courses.errors import InvalidCurriculum, LessonNotFound
from academy.features.courses.model import Course
from academy.features.courses.service import CourseService
from academy.features.courses.studio_forms import NewLessonForm, OrderForm, SectionForm
from academy.infrastructure.database.errors import VersionConflict
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError, ConflictError, InvalidError
from academy.web.forms import read_form
from academy.web.guards import instructors
from academy.web.pages import Pages, redirect
from academy.web.problems import problem_document
from academy.web.requests import PageRequest

_TRIES = 5
_STEPS = {"up": -1, "down": 1}


class OutlineChanged(ConflictError):
    """Parts were added or removed since the order was made."""

    code = "outline_changed"

    def __init__(self) -> None:
        super().__init__("The outline was changed elsewhere in the meantime. Reload the page to see it as it is now.")


def outline_of(course: Course) -> list[SectionDraft]:
    """The course's outline as an editor would send it unchanged."""
    return [
        SectionDraft(
            id=section.id,
            title=section.title,
            lessons=[
                LessonDraft(id=x.id, title=x.title, kind=x.kind, free_preview=x.free_preview) for x in section.lessons
            ],
        )
        for section in course.curriculum
    ]


async def change_outline(
    courses: CourseService, principal: Principal, slug: str, change: Callable[[list[SectionDraft]], None]
) -> Course:
    """Lets `change` change the outline as it is now; when somebody else was faster, it is done again on theirs.

    Raises CourseNotFound, NotYourCourse, InvalidCurriculum, VersionConflict, and what `change` raises.
    """
    for attempt in range(_TRIES):
        course = await courses.for_editing(principal, slug)
        outline = outline_of(course)
        change(outline)
        try:
            return await courses.set_curriculum(principal, slug, outline, revision=course.revision)
        except VersionConflict:
            if attempt + 1 == _TRIES:
                raise
    raise AssertionError("unreachable")


@post("/studio/courses/{slug:str}/sections", guards=[instructors], include_in_schema=False, status_code=200)
async def add_section(
    request: PageRequest,
    slug: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
) -> Response[bytes]:
    """Adds a section at the end."""
    form = await read_form(request, SectionForm)
    if form.data is None:
        text = "A section needs a title of at most 120 characters."
        return pages.redirect_with("error", text, f"/studio/courses/{slug}#outline")
    title = form.data.title
    try:
        course = await change_outline(
            courses, principal, slug, lambda outline: outline.append(SectionDraft(title=title))
        )
    except InvalidCurriculum as error:
        return pages.redirect_with("error", error.message, f"/studio/courses/{slug}#outline")
    return redirect(f"/studio/courses/{slug}#section-{course.curriculum[-1].id}")


@post(
    "/studio/courses/{slug:str}/sections/{section_id:str}",
    guards=[instructors],
    include_in_schema=False,
    status_code=200,
)
async def change_section(
    request: PageRequest,
    slug: FromPath[str],
    section_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
) -> Response[bytes]:
    """Renames, moves or removes a section: the button's `action` is rename, up, down or remove."""
    sent = await request.form()
    action, title = str(sent.get("action", "")), str(sent.get("title", "")).strip()[:120]

    def change(outline: list[SectionDraft]) -> None:
        index = _section_index(outline, section_id)
        if action == "rename":
            outline[index] = msgspec.structs.replace(outline[index], title=title)
        elif action == "remove" and outline[index].lessons:
            raise InvalidCurriculum("Move or remove the lessons of this section first.")
        elif action == "remove":
            del outline[index]
        else:
            _move(outline, index, action)

    try:
        await change_outline(courses, principal, slug, change)
    except InvalidCurriculum as error:
        return pages.redirect_with("error", error.message, f"/studio/courses/{slug}#outline")
    anchor = "outline" if action == "remove" else f"section-{section_id}"
    return redirect(f"/studio/courses/{slug}#{anchor}")


@post(
    "/studio/courses/{slug:str}/sections/{section_id:str}/lessons",
    guards=[instructors],
    include_in_schema=False,
    status_code=200,
)
async def add_lesson(
    request: PageRequest,
    slug: FromPath[str],
    section_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
) -> Response[bytes]:
    """Adds a lesson at the end of a section and opens it."""
    form = await read_form(request, NewLessonForm)
    if form.data is None:
        text = "A lesson needs a title of at most 120 characters and a kind."
        return pages.redirect_with("error", text, f"/studio/courses/{slug}#section-{section_id}")
    fresh = LessonDraft(title=form.data.title, kind=form.data.kind)

    def change(outline: list[SectionDraft]) -> None:
        outline[_section_index(outline, section_id)].lessons.append(fresh)

    try:
        course = await change_outline(courses, principal, slug, change)
    except InvalidCurriculum as error:
        return pages.redirect_with("error", error.message, f"/studio/courses/{slug}#outline")
    section = next(section for section in course.curriculum if section.id == section_id)
    return redirect(f"/studio/courses/{slug}/lessons/{section.lessons[-1].id}")


@post(
    "/studio/courses/{slug:str}/lessons/{lesson_id:str}/move",
    guards=[instructors],
    include_in_schema=False,
    status_code=200,
)
async def move_lesson(
    request: PageRequest,
    slug: FromPath[str],
    lesson_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
) -> Response[bytes]:
    """Moves a lesson up or down (across sections at their ends) or removes it: the button's `action`."""
    action = str((await request.form()).get("action", ""))

    def change(outline: list[SectionDraft]) -> None:
        section, index = _lesson_place(outline, lesson_id)
        if action == "remove":
            del outline[section].lessons[index]
        elif not _move(outline[section].lessons, index, action):
            neighbour = section + _STEPS.get(action, 0)
            if neighbour != section and 0 <= neighbour < len(outline):
                moved = outline[section].lessons.pop(index)
                outline[neighbour].lessons.insert(0 if action == "down" else len(outline[neighbour].lessons), moved)

    await change_outline(courses, principal, slug, change)
    if action == "remove":
        return pages.redirect_with("success", "The lesson is removed.", f"/studio/courses/{slug}#outline")
    return redirect(f"/studio/courses/{slug}#lesson-{lesson_id}")


@post(
    "/studio/courses/{slug:str}/order",
    guards=[instructors],
    include_in_schema=False,
    status_code=204,
    exception_handlers={AcademyError: problem_document},
)
async def order(
    request: PageRequest,
    slug: FromPath[str],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
) -> None:
    """Puts the outline into a new order; for the script that lets people drag. Refusals are problems in JSON."""
    form = await read_form(request, OrderForm)
    if form.data is None:
        raise InvalidError("The order is missing.", fields=form.errors)
    lines = [line.strip().partition(":") for line in form.data.order.splitlines()]
    wanted = [(kind, part_id) for kind, _, part_id in lines]
    await change_outline(courses, principal, slug, lambda outline: _reorder(outline, wanted))


def _reorder(outline: list[SectionDraft], wanted: Sequence[tuple[str, str]]) -> None:
    """Orders the outline. Raises OutlineChanged when it has other parts than those wanted."""
    sections = {section.id: section for section in outline}
    lessons = {lesson.id: lesson for section in outline for lesson in section.lessons}
    ordered: list[SectionDraft] = []
    for kind, part_id in wanted:
        if kind == "section" and part_id in sections:
            ordered.append(msgspec.structs.replace(sections[part_id], lessons=[]))
        elif kind == "lesson" and part_id in lessons and ordered:
            ordered[-1].lessons.append(lessons[part_id])
        else:
            raise OutlineChanged
    if len(wanted) != len(sections) + len(lessons) or len(set(wanted)) != len(wanted):
        raise OutlineChanged
    outline[:] = ordered


def _section_index(outline: Sequence[SectionDraft], section_id: str) -> int:
    index = next((i for i, section in enumerate(outline) if section.id == section_id), None)
    if index is None:
        raise LessonNotFound
    return index


def _lesson_place(outline: Sequence[SectionDraft], lesson_id: str) -> tuple[int, int]:
    for number, section in enumerate(outline):
        for index, lesson in enumerate(section.lessons):
            if lesson.id == lesson_id:
                return number, index
    raise LessonNotFound


def _move(parts: list[SectionDraft] | list[LessonDraft], index: int, direction: str) -> bool:
    """Moves a part one place; returns False when it stands at that end already (or the direction means nothing)."""
    target = index + _STEPS.get(direction, 0)
    if target == index or not 0 <= target < len(parts):
        return False
    parts.insert(target, parts.pop(index))  # type: ignore[arg-type]
    return True


handlers = [add_section, change_section, add_lesson, move_lesson, order]
