"""REST handlers of the lessons and of the progress in them."""

from typing import Annotated

import msgspec
from litestar import get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from academy.features.courses.model import Course, LessonKind
from academy.features.courses.service import CourseService
from academy.features.learning.model import CourseProgress
from academy.features.learning.service import LONGEST_VIDEO_SECONDS, LearningService, percent_done
from academy.features.videos.service import VideoService
from academy.infrastructure.security.principal import Principal
from academy.web.guards import anyone, signed_in


class LessonProgressAnswer(msgspec.Struct, kw_only=True):
    """How far the caller is in a lesson; the position is in seconds."""

    position_seconds: float
    completed: bool


class ProgressAnswer(msgspec.Struct, kw_only=True):
    """How far the caller is in a course; `lessons` maps the ids of those of its lessons that were begun."""

    percent: int
    lessons: dict[str, LessonProgressAnswer]


class ProgressRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Progress in one lesson; what is left out stays as it was."""

    position_seconds: Annotated[float, Meta(ge=0, le=LONGEST_VIDEO_SECONDS)] | None = None
    completed: bool | None = None


class AttachmentAnswer(msgspec.Struct, kw_only=True):
    """A file beside a lesson; its size is in bytes, `url` soon expires."""

    id: str
    name: str
    size: int
    url: str


class LessonContentAnswer(msgspec.Struct, kw_only=True):
    """A lesson with what it teaches.

    `text` is Markdown, "" without one. Where a video is, `videos/{video_id}/playback` tells. `file_url` soon expires.
    """

    id: str
    title: str
    kind: LessonKind
    duration_seconds: int
    free_preview: bool
    text: str
    video_id: str | None
    youtube_id: str
    file_name: str
    file_url: str | None
    attachments: list[AttachmentAnswer]


def _answer(course: Course, progress: CourseProgress | None) -> ProgressAnswer:
    held = progress.lessons if progress else {}
    return ProgressAnswer(
        percent=percent_done(course, progress),
        lessons={
            lesson.id: LessonProgressAnswer(
                position_seconds=held[lesson.id].position_seconds, completed=held[lesson.id].completed
            )
            for lesson in course.lessons()
            if lesson.id in held
        },
    )


@get("/api/v1/courses/{slug:str}/lessons/{lesson_id:str}", guards=[anyone], tags=["courses"], summary="One lesson")
async def get_lesson(
    slug: FromPath[str],
    lesson_id: FromPath[str],
    visitor: NamedDependency[Principal | None],
    courses: NamedDependency[CourseService],
    learning: NamedDependency[LearningService],
    videos: NamedDependency[VideoService],
) -> LessonContentAnswer:
    """Returns a lesson to the enrolled and the course's makers, a free preview to everybody; 403 for others."""
    lesson = (await learning.open_lesson(visitor, slug, lesson_id)).lesson
    return LessonContentAnswer(
        id=lesson.id,
        title=lesson.title,
        kind=lesson.kind,
        duration_seconds=lesson.duration_seconds,
        free_preview=lesson.free_preview,
        text=await courses.lesson_text(lesson.id) if lesson.has_text else "",
        video_id=lesson.video_id,
        youtube_id=lesson.youtube_id,
        file_name=lesson.file_name,
        file_url=videos.file_url(lesson.file_key, lesson.file_name) if lesson.file_key else None,
        attachments=[
            AttachmentAnswer(id=one.id, name=one.name, size=one.size, url=videos.file_url(one.key, one.name))
            for one in lesson.attachments
        ],
    )


@get("/api/v1/courses/{slug:str}/progress", guards=[signed_in], tags=["enrolment"], summary="My progress")
async def get_progress(
    slug: FromPath[str], principal: NamedDependency[Principal], learning: NamedDependency[LearningService]
) -> ProgressAnswer:
    """Returns the caller's progress; 403 for those who are not enrolled."""
    return _answer(*await learning.progress(principal, slug))


@put(
    "/api/v1/courses/{slug:str}/progress/{lesson_id:str}",
    guards=[signed_in],
    tags=["enrolment"],
    summary="Record my progress in a lesson",
)
async def put_progress(
    slug: FromPath[str],
    lesson_id: FromPath[str],
    principal: NamedDependency[Principal],
    learning: NamedDependency[LearningService],
    data: JSONBody[ProgressRequest],
) -> ProgressAnswer:
    """Keeps the position and whether the lesson is done; returns the whole progress."""
    recorded = await learning.record(
        principal, slug, lesson_id, position_seconds=data.position_seconds, completed=data.completed
    )
    return _answer(*recorded)


handlers = [get_lesson, get_progress, put_progress]
