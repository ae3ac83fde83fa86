"""The studio's uploads, called by its scripts.

They send one file as multipart/form-data, with the CSRF token in `X-CSRF-Token`; answers and refusals are JSON.
"""

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.status_codes import HTTP_201_CREATED

from academy.features.courses.model import LessonKind, LessonVideo
from academy.features.courses.service import CourseService
from academy.features.videos.api import FileAnswer, VideoAnswer, file_answer, video_answer
from academy.features.videos.errors import VideoNotFound
from academy.features.videos.service import VideoService
from academy.features.videos.uploads import Place, put_cover, put_file, put_video, sent_file
from academy.infrastructure.rate_limits.base import Rule
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError
from academy.web.guards import instructors
from academy.web.pages import Pages
from academy.web.problems import problem_of
from academy.web.rate_limits import RATE_LIMIT
from academy.web.requests import PageRequest


def _refusal(_: PageRequest, error: AcademyError) -> Response[bytes]:
    problem = problem_of(error)
    body = msgspec.json.encode(problem)
    return Response(body, status_code=problem.status, media_type="application/problem+json")


@post(
    "/studio/courses/{slug:str}/lessons/{lesson_id:str}/video",
    guards=[instructors],
    include_in_schema=False,
    opt={RATE_LIMIT: Rule.UPLOADS},
    request_max_body_size=None,
    status_code=HTTP_201_CREATED,
    exception_handlers={AcademyError: _refusal},
)
async def upload_lesson_video(
    request: PageRequest,
    slug: FromPath[str],
    lesson_id: FromPath[str],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    videos: NamedDependency[VideoService],
) -> VideoAnswer:
    """Makes the sent video the lesson's, as soon as it is found to be good."""
    place = Place(await courses.for_editing(principal, slug), lesson_id)
    place.lesson(LessonKind.VIDEO)
    async with sent_file(request) as part:
        video = await put_video(part, principal, courses, videos, place)
    return video_answer(video, videos)


@get(
    "/studio/courses/{slug:str}/lessons/{lesson_id:str}/video",
    guards=[instructors],
    include_in_schema=False,
    exception_handlers={AcademyError: _refusal},
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


@post(
    "/studio/courses/{slug:str}/lessons/{lesson_id:str}/file",
    guards=[instructors],
    include_in_schema=False,
    opt={RATE_LIMIT: Rule.UPLOADS},
    request_max_body_size=None,
    status_code=HTTP_201_CREATED,
    exception_handlers={AcademyError: _refusal},
)
async def upload_lesson_file(
    request: PageRequest,
    slug: FromPath[str],
    lesson_id: FromPath[str],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    videos: NamedDependency[VideoService],
) -> FileAnswer:
    """Makes the sent document or archive the lesson's."""
    place = Place(await courses.for_editing(principal, slug), lesson_id)
    place.lesson(LessonKind.FILE)
    async with sent_file(request) as part:
        file = await put_file(part, principal, courses, videos, place)
    return file_answer(file, videos)


@post(
    "/studio/courses/{slug:str}/cover",
    guards=[instructors],
    include_in_schema=False,
    opt={RATE_LIMIT: Rule.UPLOADS},
    request_max_body_size=None,
    status_code=HTTP_201_CREATED,
    exception_handlers={AcademyError: _refusal},
)
async def upload_cover(
    request: PageRequest,
    slug: FromPath[str],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    videos: NamedDependency[VideoService],
) -> FileAnswer:
    """Makes the sent picture the course's cover, cut to 16:9; the one before is deleted."""
    course = await courses.for_editing(principal, slug)
    async with sent_file(request) as part:
        image = await put_cover(part, principal, courses, videos, course)
    return file_answer(image, videos)


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


handlers = [
    upload_lesson_video,
    show_lesson_video,
    upload_lesson_file,
    upload_cover,
    remove_cover,
    discard_lesson_video,
]
