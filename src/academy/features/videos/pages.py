"""The studio's uploads, called by its scripts.

They send one file as multipart/form-data, with the CSRF token in `X-CSRF-Token`; answers and refusals are JSON.
"""

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.status_codes import HTTP_201_CREATED

from academy.features.courses.errors import LessonNotFound
from academy.features.courses.model import Course, Lesson, LessonKind
from academy.features.courses.service import CourseService
from academy.features.videos.api import FileAnswer, VideoAnswer, file_answer, sent_file, video_answer
from academy.features.videos.model import Video
from academy.features.videos.service import VideoService
from academy.infrastructure.media.images import Shape
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError
from academy.web.guards import instructors
from academy.web.problems import problem_of
from academy.web.requests import PageRequest


def _refusal(_: PageRequest, error: AcademyError) -> Response[bytes]:
    problem = problem_of(error)
    body = msgspec.json.encode(problem)
    return Response(body, status_code=problem.status, media_type="application/problem+json")


def _lesson(course: Course, lesson_id: str, kind: LessonKind) -> Lesson:
    lesson = course.lesson(lesson_id)
    if lesson is None or lesson.kind is not kind:
        raise LessonNotFound
    return lesson


@post(
    "/studio/courses/{slug:str}/lessons/{lesson_id:str}/video",
    guards=[instructors],
    include_in_schema=False,
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
    """Makes the sent video the lesson's; its progress can be asked at `/studio/videos/{id}`."""
    course = await courses.for_editing(principal, slug)
    _lesson(course, lesson_id, LessonKind.VIDEO)

    async def attach(video: Video) -> None:
        await courses.set_lesson_video(course.id, lesson_id, video.id, 0)

    async with sent_file(request) as part:
        video = await videos.upload(
            principal, part.file_name, part.content_type, part.chunks, course_id=course.id, attach=attach
        )
    return video_answer(video, videos)


@get(
    "/studio/videos/{video_id:str}",
    guards=[instructors],
    include_in_schema=False,
    exception_handlers={AcademyError: _refusal},
)
async def show_progress(
    video_id: FromPath[str], principal: NamedDependency[Principal], videos: NamedDependency[VideoService]
) -> VideoAnswer:
    """How far the check of an uploaded video is."""
    return video_answer(await videos.get(principal, video_id), videos)


@post(
    "/studio/courses/{slug:str}/lessons/{lesson_id:str}/file",
    guards=[instructors],
    include_in_schema=False,
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
    course = await courses.for_editing(principal, slug)
    _lesson(course, lesson_id, LessonKind.FILE)
    async with sent_file(request) as part:
        file = await videos.files.store_file(
            principal, part.file_name, part.content_type, part.chunks, course_id=course.id
        )
    # Read again: the upload took its time, and the lesson may have another title by now.
    lesson = _lesson(await courses.for_editing(principal, slug), lesson_id, LessonKind.FILE)
    changed = msgspec.structs.replace(lesson, file_key=file.key, file_name=file.file_name)
    await courses.edit_lesson(principal, slug, changed)
    return file_answer(file, videos)


@post(
    "/studio/courses/{slug:str}/cover",
    guards=[instructors],
    include_in_schema=False,
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
        image = await videos.files.store_image(principal, part.file_name, part.content_type, part.chunks, Shape.COVER)
    await courses.set_cover(principal, slug, image.key)
    if course.cover_key:
        await videos.files.delete(course.cover_key)
    return file_answer(image, videos)


handlers = [upload_lesson_video, show_progress, upload_lesson_file, upload_cover]
