"""The studio: where instructors make their courses. Everything but uploading works without JavaScript."""

import re
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from academy.features.courses.curriculum import LessonDraft, SectionDraft
from academy.features.courses.errors import LessonNotFound
from academy.features.courses.model import Course, Lesson, LessonKind, Level
from academy.features.courses.service import CourseDetails, CourseService, missing_for_publication
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError, InvalidError
from academy.kit.money import Money
from academy.web.forms import Form, empty_form, read_form
from academy.web.guards import instructors
from academy.web.markdown import render_markdown_async
from academy.web.pages import Pages, redirect
from academy.web.requests import PageRequest

_YOUTUBE_ID = re.compile(
    r"^(?:https?://)?(?:www\.|m\.)?(?:youtube\.com/(?:watch\?(?:.*&)?v=|embed/|shorts/)|youtu\.be/)?([\w-]{11})(?:[?&#].*)?$"
)
COURSES_ON_PAGE = 50

Title = Annotated[str, Meta(min_length=1, max_length=120)]
ShortText = Annotated[str, Meta(max_length=200)]


class NewCourseForm(msgspec.Struct, kw_only=True):
    """The first step: a title."""

    title: Title


class DetailsForm(msgspec.Struct, kw_only=True):
    """What a course says about itself. Lists are one item a line; tags are separated by commas."""

    title: Title
    subtitle: ShortText = ""
    description: Annotated[str, Meta(max_length=20_000)] = ""
    category: str = ""
    level: Level = Level.BEGINNER
    language: Annotated[str, Meta(max_length=8)] = "en"
    price: Annotated[float, Meta(ge=0, le=10_000_000)] = 0.0
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")] = "INR"
    tags: Annotated[str, Meta(max_length=800)] = ""
    outcomes: Annotated[str, Meta(max_length=4_000)] = ""
    requirements: Annotated[str, Meta(max_length=4_000)] = ""
    revision: int | None = None

    def details(self) -> CourseDetails:
        """The details as the service takes them."""
        unit = Money(amount=0, currency=self.currency).exponent
        return CourseDetails(
            title=self.title,
            subtitle=self.subtitle,
            description=self.description,
            category=self.category,
            level=self.level,
            language=self.language,
            price=Money(amount=round(self.price * 10**unit), currency=self.currency),
            tags=list(dict.fromkeys(tag.strip().lower() for tag in self.tags.split(",") if tag.strip()))[:20],
            outcomes=[line.strip() for line in self.outcomes.splitlines() if line.strip()][:20],
            requirements=[line.strip() for line in self.requirements.splitlines() if line.strip()][:20],
        )


class SectionForm(msgspec.Struct, kw_only=True):
    """A new or renamed section."""

    title: Title


class NewLessonForm(msgspec.Struct, kw_only=True):
    """A new lesson at the end of a section."""

    title: Title
    kind: LessonKind


class LessonForm(msgspec.Struct, kw_only=True):
    """A lesson's form."""

    title: Title
    free_preview: bool = False
    youtube: Annotated[str, Meta(max_length=200)] = ""
    text: Annotated[str, Meta(max_length=200_000)] = ""


class OrderForm(msgspec.Struct, kw_only=True):
    """The outline in a new order, one `section:ID` or `lesson:ID` a line, lessons after their section."""

    order: Annotated[str, Meta(min_length=1, max_length=60_000)]


def details_form(course: Course) -> Form[DetailsForm]:
    """The details form filled with what the course says now."""
    unit = course.price.exponent
    price = course.price.amount / 10**unit
    return empty_form(
        DetailsForm,
        title=course.title,
        subtitle=course.subtitle,
        description=course.description,
        category=course.category,
        level=course.level.value,
        language=course.language,
        price=f"{price:.{unit}f}" if price % 1 else f"{price:.0f}",
        currency=course.price.currency,
        tags=", ".join(course.tags),
        outcomes="\n".join(course.outcomes),
        requirements="\n".join(course.requirements),
        revision=course.revision,
    )


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


@get("/studio", guards=[instructors], include_in_schema=False)
async def studio(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
) -> Response[bytes]:
    """My courses."""
    page = await courses.taught_by(principal, limit=COURSES_ON_PAGE, cursor=request.query_params.get("cursor"))
    return pages.render(
        request,
        "courses/studio/index.html",
        courses=page.items,
        next_cursor=page.next_cursor,
        form=empty_form(NewCourseForm, title=""),
    )


@post("/studio/courses", guards=[instructors], include_in_schema=False, status_code=200)
async def create(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
) -> Response[bytes]:
    """Makes a draft and opens its editor."""
    form = await read_form(request, NewCourseForm)
    if form.data is not None:
        try:
            free = Money(amount=0, currency="INR")
            course = await courses.create(principal, CourseDetails(title=form.data.title, price=free))
        except AcademyError as error:
            form.blame(error)
        else:
            return redirect(f"/studio/courses/{course.slug}")
    page = await courses.taught_by(principal, limit=COURSES_ON_PAGE)
    return pages.render(
        request,
        "courses/studio/index.html",
        status_code=422,
        courses=page.items,
        next_cursor=page.next_cursor,
        form=form,
    )


async def _editor(
    request: PageRequest,
    pages: Pages,
    courses: CourseService,
    course: Course,
    *,
    form: Form[DetailsForm] | None = None,
    status_code: int = 200,
) -> Response[bytes]:
    return pages.render(
        request,
        "courses/studio/course.html",
        status_code=status_code,
        course=course,
        form=form or details_form(course),
        categories=await courses.categories(),
        missing=missing_for_publication(course),
    )


@get("/studio/courses/{slug:str}", guards=[instructors], include_in_schema=False)
async def edit_course(
    request: PageRequest,
    slug: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
) -> Response[bytes]:
    """The editor: outline, details, publish box."""
    return await _editor(request, pages, courses, await courses.for_editing(principal, slug))


@post("/studio/courses/{slug:str}", guards=[instructors], include_in_schema=False, status_code=200)
async def save_course(
    request: PageRequest,
    slug: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
) -> Response[bytes]:
    """Saves the details."""
    course = await courses.for_editing(principal, slug)
    form = await read_form(request, DetailsForm)
    if form.data is not None:
        try:
            await courses.edit(principal, slug, form.data.details(), revision=form.data.revision)
        except AcademyError as error:
            form.blame(error)
        else:
            return pages.redirect_with("success", "Saved.", f"/studio/courses/{slug}")
    return await _editor(request, pages, courses, course, form=form, status_code=422)


@post("/studio/courses/{slug:str}/publish", guards=[instructors], include_in_schema=False, status_code=200)
async def publish(
    slug: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
) -> Response[bytes]:
    """Publishes, or says what is missing."""
    try:
        await courses.publish(principal, slug)
    except AcademyError as error:
        return pages.redirect_with("error", error.message, f"/studio/courses/{slug}")
    return pages.redirect_with("success", "The course is in the catalogue now.", f"/studio/courses/{slug}")


@post("/studio/courses/{slug:str}/unpublish", guards=[instructors], include_in_schema=False, status_code=200)
async def unpublish(
    slug: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
) -> Response[bytes]:
    """Takes the course out of the catalogue."""
    await courses.unpublish(principal, slug)
    text = "The course left the catalogue. Its learners keep their access."
    return pages.redirect_with("success", text, f"/studio/courses/{slug}")


@post("/studio/courses/{slug:str}/delete", guards=[instructors], include_in_schema=False, status_code=200)
async def delete_course(
    slug: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
) -> Response[bytes]:
    """Deletes a course without learners."""
    try:
        await courses.delete(principal, slug)
    except InvalidError as error:
        return pages.redirect_with("error", error.message, f"/studio/courses/{slug}")
    return pages.redirect_with("success", "The course is deleted.", "/studio")


@post("/studio/courses/{slug:str}/sections", guards=[instructors], include_in_schema=False, status_code=200)
async def add_section(
    request: PageRequest,
    slug: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
) -> Response[bytes]:
    """Adds a section at the end."""
    course = await courses.for_editing(principal, slug)
    form = await read_form(request, SectionForm)
    if form.data is None:
        return pages.redirect_with("error", "A section needs a title.", f"/studio/courses/{slug}")
    await courses.set_curriculum(principal, slug, [*outline_of(course), SectionDraft(title=form.data.title)])
    return redirect(f"/studio/courses/{slug}#outline")


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
    course = await courses.for_editing(principal, slug)
    outline = outline_of(course)
    index = next((i for i, section in enumerate(outline) if section.id == section_id), None)
    if index is None:
        raise LessonNotFound
    sent = await request.form()
    match sent.get("action"):
        case "rename":
            title = str(sent.get("title", "")).strip()
            outline[index] = msgspec.structs.replace(outline[index], title=title)
        case "remove":
            if outline[index].lessons:
                text = "Move or remove the lessons of this section first."
                return pages.redirect_with("error", text, f"/studio/courses/{slug}#outline")
            del outline[index]
        case direction:
            _move(outline, index, str(direction))
    try:
        await courses.set_curriculum(principal, slug, outline)
    except InvalidError as error:
        return pages.redirect_with("error", error.message, f"/studio/courses/{slug}#outline")
    return redirect(f"/studio/courses/{slug}#section-{section_id}")


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
    course = await courses.for_editing(principal, slug)
    form = await read_form(request, NewLessonForm)
    if form.data is None:
        return pages.redirect_with("error", "A lesson needs a title and a kind.", f"/studio/courses/{slug}#outline")
    fresh = LessonDraft(title=form.data.title, kind=form.data.kind)
    outline = [
        msgspec.structs.replace(section, lessons=[*section.lessons, fresh]) if section.id == section_id else section
        for section in outline_of(course)
    ]
    known = {lesson.id for lesson in course.lessons()}
    changed = await courses.set_curriculum(principal, slug, outline)
    added = next((lesson.id for lesson in changed.lessons() if lesson.id not in known), None)
    if added is None:
        raise LessonNotFound
    return redirect(f"/studio/courses/{slug}/lessons/{added}")


@post("/studio/courses/{slug:str}/order", guards=[instructors], include_in_schema=False, status_code=200)
async def order(
    request: PageRequest,
    slug: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
) -> Response[bytes]:
    """Puts the outline into a new order (sent by the script that lets people drag)."""
    course = await courses.for_editing(principal, slug)
    form = await read_form(request, OrderForm)
    sections = {section.id: section for section in outline_of(course)}
    lessons = {lesson.id: lesson for section in sections.values() for lesson in section.lessons}
    outline: list[SectionDraft] = []
    for line in form.data.order.splitlines() if form.data else []:
        kind, _, part_id = line.strip().partition(":")
        if kind == "section" and part_id in sections:
            outline.append(msgspec.structs.replace(sections[part_id], lessons=[]))
        elif kind == "lesson" and part_id in lessons and outline:
            outline[-1].lessons.append(lessons[part_id])
    placed = {lesson.id for section in outline for lesson in section.lessons}
    if placed != set(lessons) or {section.id for section in outline} != set(sections):
        text = "The outline was changed elsewhere in the meantime. It is shown as it is now."
        return pages.redirect_with("error", text, f"/studio/courses/{slug}#outline")
    await courses.set_curriculum(principal, slug, outline)
    return redirect(f"/studio/courses/{slug}#outline")


async def _lesson_editor(
    request: PageRequest,
    pages: Pages,
    course: Course,
    lesson: Lesson,
    form: Form[LessonForm],
    status_code: int = 200,
) -> Response[bytes]:
    return pages.render(
        request,
        "courses/studio/lesson.html",
        status_code=status_code,
        course=course,
        lesson=lesson,
        form=form,
        preview_html=await render_markdown_async(str(form.values.get("text", ""))),
    )


@get("/studio/courses/{slug:str}/lessons/{lesson_id:str}", guards=[instructors], include_in_schema=False)
async def edit_lesson(
    request: PageRequest,
    slug: FromPath[str],
    lesson_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
) -> Response[bytes]:
    """The lesson's editor."""
    course = await courses.for_editing(principal, slug)
    lesson = _lesson(course, lesson_id)
    form = empty_form(
        LessonForm,
        title=lesson.title,
        free_preview=lesson.free_preview,
        youtube=lesson.youtube_id,
        text=await courses.lesson_text(lesson.id),
    )
    return await _lesson_editor(request, pages, course, lesson, form)


@post(
    "/studio/courses/{slug:str}/lessons/{lesson_id:str}", guards=[instructors], include_in_schema=False, status_code=200
)
async def save_lesson(
    request: PageRequest,
    slug: FromPath[str],
    lesson_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
) -> Response[bytes]:
    """Saves the lesson."""
    course = await courses.for_editing(principal, slug)
    lesson = _lesson(course, lesson_id)
    form = await read_form(request, LessonForm)
    if form.data is not None:
        youtube = _YOUTUBE_ID.match(form.data.youtube)
        if form.data.youtube and youtube is None:
            form.errors["youtube"] = "Paste the address of a YouTube video, or its 11-character id."
        else:
            changed = msgspec.structs.replace(
                lesson,
                title=form.data.title,
                free_preview=form.data.free_preview,
                youtube_id=youtube.group(1) if youtube else "",
            )
            await courses.edit_lesson(principal, slug, changed, markdown=form.data.text)
            return pages.redirect_with("success", "Saved.", f"/studio/courses/{slug}/lessons/{lesson_id}")
    return await _lesson_editor(request, pages, course, lesson, form, status_code=422)


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
    course = await courses.for_editing(principal, slug)
    outline = outline_of(course)
    place = next(
        ((s, i) for s, section in enumerate(outline) for i, x in enumerate(section.lessons) if x.id == lesson_id), None
    )
    if place is None:
        raise LessonNotFound
    section, index = place
    action = str((await request.form()).get("action", ""))
    if action == "remove":
        del outline[section].lessons[index]
    elif not _move(outline[section].lessons, index, action):
        neighbour = section + (1 if action == "down" else -1)
        if 0 <= neighbour < len(outline):
            moved = outline[section].lessons.pop(index)
            outline[neighbour].lessons.insert(0 if action == "down" else len(outline[neighbour].lessons), moved)
    await courses.set_curriculum(principal, slug, outline)
    anchor = "outline" if action == "remove" else f"lesson-{lesson_id}"
    return redirect(f"/studio/courses/{slug}#{anchor}")


@post("/studio/preview", guards=[instructors], include_in_schema=False, status_code=200)
async def preview(request: PageRequest) -> Response[bytes]:
    """Renders the Markdown of the form as the learner will see it, for the live preview."""
    text = str((await request.form()).get("text", ""))[:200_000]
    return Response((await render_markdown_async(text)).encode(), media_type="text/html; charset=utf-8")


def _lesson(course: Course, lesson_id: str) -> Lesson:
    lesson = course.lesson(lesson_id)
    if lesson is None:
        raise LessonNotFound
    return lesson


def _move(parts: list[SectionDraft] | list[LessonDraft], index: int, direction: str) -> bool:
    """Moves a part one place; returns False when it stands at that end already (or the direction means nothing)."""
    target = index + {"up": -1, "down": 1}.get(direction, 0)
    if target == index or not 0 <= target < len(parts):
        return False
    parts.insert(target, parts.pop(index))  # type: ignore[arg-type]
    return True


handlers = [
    studio,
    create,
    edit_course,
    save_course,
    publish,
    unpublish,
    delete_course,
    add_section,
    change_section,
    add_lesson,
    order,
    edit_lesson,
    save_lesson,
    move_lesson,
    preview,
]
