"""The studio's lesson editor."""

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from academy.features.courses.errors import LessonNotFound
from academy.features.courses.model import Course, Lesson, LessonKind
from academy.features.courses.service import CourseService
from academy.features.courses.studio_forms import LessonForm, lesson_form, note_changes
from academy.features.courses.studio_media import StudioMedia
from academy.infrastructure.database.errors import VersionConflict
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError
from academy.web.forms import Form, read_form
from academy.web.guards import instructors
from academy.web.markdown import render_markdown_async
from academy.web.pages import Pages
from academy.web.requests import PageRequest

_TRIES = 5


async def _editor(
    request: PageRequest,
    pages: Pages,
    studio_media: StudioMedia,
    course: Course,
    lesson: Lesson,
    form: Form[LessonForm],
) -> Response[bytes]:
    videos = await studio_media.lesson_videos([x for x in (lesson.video_id, lesson.new_video_id) if x])
    kinds = ("video",) if lesson.kind is LessonKind.VIDEO else ("document", "archive")
    return pages.render(
        request,
        "courses/studio/lesson.html",
        status_code=422 if form.errors else 200,
        course=course,
        lesson=lesson,
        form=form,
        preview_html=await render_markdown_async(str(form.values.get("text", ""))),
        video=videos.get(lesson.video_id or ""),
        new_video=videos.get(lesson.new_video_id or ""),
        rules=studio_media.upload_rules(*kinds),
        takes_direct_uploads=studio_media.takes_direct_uploads,
        attachment_rules=studio_media.upload_rules("document", "archive"),
        attachment_urls={one.id: studio_media.file_url(one.key, one.name) for one in lesson.attachments},
        file_url=studio_media.file_url(lesson.file_key, lesson.file_name) if lesson.file_key else "",
    )


@get("/studio/courses/{slug:str}/lessons/{lesson_id:str}", guards=[instructors], include_in_schema=False)
async def edit_lesson(
    request: PageRequest,
    slug: FromPath[str],
    lesson_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    studio_media: NamedDependency[StudioMedia],
) -> Response[bytes]:
    """The lesson's editor."""
    course = await courses.for_editing(principal, slug)
    lesson = _lesson(course, lesson_id)
    form = lesson_form(lesson, await courses.lesson_text(lesson_id))
    return await _editor(request, pages, studio_media, course, lesson, form)


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
    studio_media: NamedDependency[StudioMedia],
) -> Response[bytes]:
    """Saves the lesson, unless somebody else saved something else since the form was made."""
    form = await read_form(request, LessonForm)
    course = await courses.for_editing(principal, slug)
    if form.data is not None:
        try:
            course = await _save(principal, courses, course, lesson_id, form)
        except LessonNotFound:
            raise
        except AcademyError as error:
            form.blame(error)
        if not form.errors:
            return pages.redirect_with("success", "Saved.", f"/studio/courses/{slug}/lessons/{lesson_id}")
    return await _editor(request, pages, studio_media, course, _lesson(course, lesson_id), form)


async def _save(
    principal: Principal, courses: CourseService, course: Course, lesson_id: str, form: Form[LessonForm]
) -> Course:
    """Saves, or puts into the form what somebody else saved meanwhile. Returns the course as it is then."""
    if form.data is None:
        return course
    for attempt in range(_TRIES):
        present = lesson_form(_lesson(course, lesson_id), await courses.lesson_text(lesson_id))
        if note_changes(form, present):
            return course
        try:
            return await courses.edit_lesson(
                principal, course.slug, lesson_id, form.data.change, markdown=form.data.text, revision=course.revision
            )
        except VersionConflict:
            if attempt + 1 == _TRIES:
                raise
            course = await courses.for_editing(principal, course.slug)
    return course


def _lesson(course: Course, lesson_id: str) -> Lesson:
    lesson = course.lesson(lesson_id)
    if lesson is None:
        raise LessonNotFound
    return lesson


handlers = [edit_lesson, save_lesson]
