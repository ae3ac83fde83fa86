"""The studio: where instructors make their courses. Everything but uploading works without JavaScript."""

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from academy.features.courses.curriculum import missing_for_publication
from academy.features.courses.errors import CourseHasLearners, NotReadyToPublish
from academy.features.courses.model import Course, CourseDetails, LessonVideo
from academy.features.courses.service import CourseService
from academy.features.courses.studio_forms import LONGEST_TEXT, DetailsForm, NewCourseForm, details_form, note_changes
from academy.features.courses.studio_media import StudioMedia
from academy.infrastructure.database.errors import VersionConflict
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError
from academy.kit.money import Money
from academy.web.forms import Form, empty_form, read_form
from academy.web.guards import instructors
from academy.web.markdown import render_markdown_async
from academy.web.pages import Pages, redirect
from academy.web.requests import PageRequest
from academy.web.settings import WebSettings

COURSES_ON_PAGE = 50
# Languages and currencies offered beside those that a course has already.
LANGUAGES = {
    "en": "English",
    "hi": "हिन्दी (Hindi)",
    "bn": "বাংলা (Bengali)",
    "ta": "தமிழ் (Tamil)",
    "te": "తెలుగు (Telugu)",
    "mr": "मराठी (Marathi)",
    "de": "Deutsch (German)",
    "es": "Español (Spanish)",
    "fr": "Français (French)",
    "pt": "Português (Portuguese)",
}
CURRENCIES = ("INR", "USD", "EUR", "GBP", "AED", "AUD", "CAD", "JPY", "SGD")
_TRIES = 5


async def _index(
    request: PageRequest, pages: Pages, principal: Principal, courses: CourseService, form: Form[NewCourseForm]
) -> Response[bytes]:
    cursor = request.query_params.get("cursor", "")
    page = await courses.taught_by(principal, limit=COURSES_ON_PAGE, cursor=cursor or None)
    return pages.render(
        request,
        "courses/studio/index.html",
        status_code=422 if form.errors else 200,
        courses=page.items,
        next_cursor=page.next_cursor,
        cursor=cursor,
        form=form,
    )


@get("/studio", guards=[instructors], include_in_schema=False)
async def studio(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
) -> Response[bytes]:
    """My courses."""
    return await _index(request, pages, principal, courses, empty_form(NewCourseForm, title=""))


@post("/studio/courses", guards=[instructors], include_in_schema=False, status_code=200)
async def create(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    web_settings: NamedDependency[WebSettings],
) -> Response[bytes]:
    """Makes a draft and opens its editor."""
    form = await read_form(request, NewCourseForm)
    if form.data is not None:
        free = Money(amount=0, currency=web_settings.currency)
        try:
            course = await courses.create(principal, CourseDetails(title=form.data.title, price=free))
        except AcademyError as error:
            form.blame(error)
        else:
            return redirect(f"/studio/courses/{course.slug}")
    return await _index(request, pages, principal, courses, form)


async def _editor(
    request: PageRequest,
    pages: Pages,
    courses: CourseService,
    studio_media: StudioMedia,
    course: Course,
    form: Form[DetailsForm],
) -> Response[bytes]:
    return pages.render(
        request,
        "courses/studio/course.html",
        status_code=422 if form.errors else 200,
        course=course,
        form=form,
        categories=[("", "Choose a category"), *((one.slug, one.name) for one in await courses.categories())],
        languages=list({course.language: course.language, **LANGUAGES}.items()),
        currencies=[(code, code) for code in dict.fromkeys([course.price.currency, *CURRENCIES])],
        missing=missing_for_publication(course),
        videos=await _unfinished_videos(course, studio_media),
        cover_rules=studio_media.upload_rules("image"),
        lesson_rules=studio_media.upload_rules("video", "document", "archive"),
        video_rules=studio_media.upload_rules("video"),
        takes_direct_uploads=studio_media.takes_direct_uploads,
        preview_html=await render_markdown_async(str(form.values.get("description", ""))),
    )


async def _unfinished_videos(course: Course, studio_media: StudioMedia) -> dict[str, LessonVideo]:
    """The videos that are being checked or failed, by the id of their lesson."""
    newest = {x.id: x.new_video_id or x.video_id for x in course.lessons() if x.new_video_id or not x.duration_seconds}
    found = await studio_media.lesson_videos([video_id for video_id in newest.values() if video_id])
    return {lesson_id: found[video_id] for lesson_id, video_id in newest.items() if video_id and video_id in found}


@get("/studio/courses/{slug:str}", guards=[instructors], include_in_schema=False)
async def edit_course(
    request: PageRequest,
    slug: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    studio_media: NamedDependency[StudioMedia],
) -> Response[bytes]:
    """The editor: outline, details, publish box."""
    course = await courses.for_editing(principal, slug)
    return await _editor(request, pages, courses, studio_media, course, details_form(course))


@post("/studio/courses/{slug:str}", guards=[instructors], include_in_schema=False, status_code=200)
async def save_course(
    request: PageRequest,
    slug: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    studio_media: NamedDependency[StudioMedia],
) -> Response[bytes]:
    """Saves the details, unless somebody else saved others since the form was made."""
    form = await read_form(request, DetailsForm)
    course = await courses.for_editing(principal, slug)
    if form.data is not None:
        try:
            course = await _save_details(principal, courses, course, form)
        except AcademyError as error:
            form.blame(error)
        if not form.errors:
            return pages.redirect_with("success", "Saved.", f"/studio/courses/{slug}")
    return await _editor(request, pages, courses, studio_media, course, form)


async def _save_details(
    principal: Principal, courses: CourseService, course: Course, form: Form[DetailsForm]
) -> Course:
    """Saves, or puts into the form what somebody else saved meanwhile. Returns the course as it is then.

    Every other change of the course (its outline, a video that became ready) counts its revision too; that is no reason
    to refuse the details, so they are tried again.
    """
    if form.data is None:
        return course
    details = form.data.details()
    for attempt in range(_TRIES):
        if note_changes(form, details_form(course)):
            return course
        try:
            return await courses.edit(principal, course.slug, details, revision=course.revision)
        except VersionConflict:
            if attempt + 1 == _TRIES:
                raise
            course = await courses.for_editing(principal, course.slug)
    return course


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
    except NotReadyToPublish as error:
        return pages.redirect_with("error", error.message, f"/studio/courses/{slug}#publication")
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
    except CourseHasLearners as error:
        return pages.redirect_with("error", error.message, f"/studio/courses/{slug}")
    return pages.redirect_with("success", "The course is deleted.", "/studio")


@post("/studio/preview", guards=[instructors], include_in_schema=False, status_code=200)
async def preview(request: PageRequest) -> Response[bytes]:
    """Renders the Markdown of the form as the learner will see it, for the live preview."""
    text = str((await request.form()).get("text", ""))[:LONGEST_TEXT]
    return Response((await render_markdown_async(text)).encode(), media_type="text/html; charset=utf-8")


handlers = [studio, create, edit_course, save_course, publish, unpublish, delete_course, preview]
