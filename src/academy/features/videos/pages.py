"""The media of the studio: what its scripts and forms ask for beside the uploads (`tus_api`)."""

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from academy.features.courses.model import LessonKind, LessonVideo
from academy.features.courses.service import CourseService
from academy.features.videos.errors import VideoNotFound
from academy.features.videos.placing import Place, Placing
from academy.features.videos.service import VideoService
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError
from academy.web.guards import instructors
from academy.web.pages import Pages
from academy.web.problems import problem_document


@get(
    "/studio/courses/{slug:str}/lessons/{lesson_id:str}/video",
    guards=[instructors],
    include_in_schema=False,
    exception_handlers={AcademyError: problem_document},
)
async def show_lesson_video(
    slug: FromPath[str],
    lesson_id: FromPath[str],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    videos: NamedDependency[VideoService],
) -> LessonVideo:
    """How far the check of the video that was uploaded last is."""
    place = Place(await courses.for_editing(principal, slug), lesson_id)
    lesson = place.lesson(LessonKind.VIDEO)
    newest = lesson.new_video_id or lesson.video_id or ""
    found = (await videos.lesson_videos([newest])).get(newest)
    if found is None:
        raise VideoNotFound
    return found


@post("/studio/courses/{slug:str}/cover/remove", guards=[instructors], include_in_schema=False, status_code=200)
async def remove_cover(
    slug: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    videos: NamedDependency[VideoService],
) -> Response[bytes]:
    """Takes the cover off and deletes it; the course shows a drawn one again."""
    course = await courses.for_editing(principal, slug)
    if course.cover_key:
        await courses.set_cover(principal, slug, None)
        await videos.files.delete(course.cover_key)
    return pages.redirect_with("success", "The cover is removed.", f"/studio/courses/{slug}#cover")


@post(
    "/studio/courses/{slug:str}/lessons/{lesson_id:str}/video/discard",
    guards=[instructors],
    include_in_schema=False,
    status_code=200,
)
async def discard_lesson_video(
    slug: FromPath[str],
    lesson_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    videos: NamedDependency[VideoService],
) -> Response[bytes]:
    """Deletes the lesson's video, or the newer one that was to take its place."""
    place = Place(await courses.for_editing(principal, slug), lesson_id)
    lesson = place.lesson(LessonKind.VIDEO)
    await videos.discard(place.course.id, lesson.new_video_id or lesson.video_id or "")
    return pages.redirect_with("success", "The video is deleted.", f"/studio/courses/{slug}/lessons/{lesson_id}")


@post(
    "/studio/courses/{slug:str}/lessons/{lesson_id:str}/attachments/{file_id:str}/delete",
    guards=[instructors],
    include_in_schema=False,
    status_code=200,
)
async def delete_attachment(
    slug: FromPath[str],
    lesson_id: FromPath[str],
    file_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    placing: NamedDependency[Placing],
) -> Response[bytes]:
    """Takes a file off the lesson and deletes it."""
    place = Place(await courses.for_editing(principal, slug), lesson_id)
    await placing.remove_attachment(principal, place, file_id)
    there = f"/studio/courses/{slug}/lessons/{lesson_id}#attachments"
    return pages.redirect_with("success", "The attachment is deleted.", there)


handlers = [show_lesson_video, remove_cover, discard_lesson_video, delete_attachment]
