"""The player and the dashboard."""

from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from academy.features.courses.model import Course, Lesson, LessonKind
from academy.features.courses.service import CourseService, may_edit
from academy.features.learning.errors import LessonLocked
from academy.features.learning.service import (
    FINISHED,
    LONGEST_VIDEO_SECONDS,
    LearningService,
    is_open,
    lesson_to_continue,
    percent_done,
    resume_at,
)
from academy.features.videos.captions import CaptionService
from academy.features.videos.captions_model import TrackKind
from academy.features.videos.errors import VideoNotFound, VideoNotReady
from academy.features.videos.service import Playback, VideoService
from academy.infrastructure.security.principal import Principal
from academy.web.forms import read_form
from academy.web.guards import anyone, signed_in
from academy.web.markdown import render_markdown_async
from academy.web.pages import Pages, redirect
from academy.web.requests import PageRequest

# Set by the player's script, so that the page comes without its outline from the start.
ZEN_COOKIE = "academy_zen"
# Of a second in a video: more is no place in any.
_MOST_DIGITS = 6


class PositionReport(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the player's script tells; nothing at all says that the lesson was opened."""

    position_seconds: Annotated[float, Meta(ge=0, le=LONGEST_VIDEO_SECONDS)] | None = None
    completed: bool | None = None


class CompletionForm(msgspec.Struct, kw_only=True):
    """The *mark complete* button."""

    completed: bool = False


@get("/dashboard", guards=[signed_in], include_in_schema=False)
async def dashboard(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    learning: NamedDependency[LearningService],
) -> Response[bytes]:
    """Continue where I stopped, and my courses."""
    mine = await learning.dashboard(principal)
    unfinished = [item for item in mine if item.percent < FINISHED]
    current = next((item for item in unfinished if item.next_lesson), None)
    return pages.render(
        request,
        "learning/dashboard.html",
        current=current,
        others=[item for item in unfinished if item is not current],
        finished=[item for item in mine if item.percent == FINISHED],
    )


@get("/learn/{slug:str}", guards=[anyone], include_in_schema=False)
async def open_course(
    slug: FromPath[str],
    visitor: NamedDependency[Principal | None],
    courses: NamedDependency[CourseService],
    learning: NamedDependency[LearningService],
) -> Response[bytes]:
    """Opens the lesson to continue with: for the makers the first, for others the first free preview, if any."""
    course = await courses.get(slug, visitor)
    states = await learning.states(visitor.user_id, [course.id]) if visitor else {}
    if course.id in states:
        lesson_id = states[course.id].next_lesson_id
    else:
        lesson_id = next((lesson.id for lesson in course.lessons() if is_open(course, lesson, visitor)), None)
    return redirect(f"/learn/{slug}/{lesson_id}" if lesson_id else f"/courses/{slug}")


@get("/learn/{slug:str}/{lesson_id:str}", guards=[anyone], include_in_schema=False)
async def player(
    request: PageRequest,
    slug: FromPath[str],
    lesson_id: FromPath[str],
    pages: NamedDependency[Pages],
    visitor: NamedDependency[Principal | None],
    courses: NamedDependency[CourseService],
    learning: NamedDependency[LearningService],
    videos: NamedDependency[VideoService],
    captions: NamedDependency[CaptionService],
) -> Response[bytes]:
    """The player. A locked lesson explains itself."""
    try:
        opened = await learning.open_lesson(visitor, slug, lesson_id)
    except LessonLocked:
        course = await courses.get(slug, visitor)
        lesson = course.lesson(lesson_id)
        return pages.render(request, "learning/locked.html", status_code=403, course=course, lesson=lesson)
    course, lesson = opened.course, opened.lesson
    playback, trouble = await _playback(videos, course, lesson)
    tracks = await captions.playable(lesson.video_id) if playback and lesson.video_id else []
    has_chapters = any(track.kind is TrackKind.CHAPTERS for track in tracks)
    resumes_at = resume_at(opened.lesson_progress.position_seconds, playback.duration_seconds) if playback else 0
    asked_second = _asked_second(request)
    file_url = videos.file_url(lesson.file_key, lesson.file_name) if lesson.file_key else ""
    response = pages.render(
        request,
        "learning/player.html",
        opened=opened,
        course=course,
        lesson=lesson,
        text_html=await render_markdown_async(await courses.lesson_text(lesson_id)) if lesson.has_text else "",
        playback=playback,
        trouble=trouble,
        tracks=tracks,
        chapters=await captions.chapters(lesson.video_id) if has_chapters and lesson.video_id else [],
        start_at=resumes_at if asked_second is None else asked_second,
        resumes=bool(resumes_at) and asked_second is None,
        file_url=file_url,
        is_maker=may_edit(course, visitor),
        zen=request.cookies.get(ZEN_COOKIE) == "1",
    )
    # The page holds addresses that are not for everybody and do not hold for ever.
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _asked_second(request: PageRequest) -> int | None:
    """The second at which an address opens the video, such as `?t=95`; None when it names none."""
    asked = request.query_params.get("t", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= _MOST_DIGITS else None


async def _playback(videos: VideoService, course: Course, lesson: Lesson) -> tuple[Playback | None, str]:
    """Where the lesson's video can be watched, or what keeps it from being watched."""
    if lesson.kind is not LessonKind.VIDEO:
        return None, ""
    if lesson.video_id is None:
        return None, "This lesson has no video yet. Its instructor is still working on it."
    try:
        return await videos.playback_in(course.id, lesson.video_id), ""
    except (VideoNotReady, VideoNotFound) as error:
        return None, error.message


@post("/learn/{slug:str}/{lesson_id:str}/position", guards=[signed_in], include_in_schema=False, status_code=204)
async def report_position(
    slug: FromPath[str],
    lesson_id: FromPath[str],
    principal: NamedDependency[Principal],
    learning: NamedDependency[LearningService],
    data: JSONBody[PositionReport],
) -> None:
    """Keeps what the player's script tells."""
    await learning.record(principal, slug, lesson_id, position_seconds=data.position_seconds, completed=data.completed)


@post("/learn/{slug:str}/{lesson_id:str}/complete", guards=[signed_in], include_in_schema=False, status_code=200)
async def complete(
    request: PageRequest,
    slug: FromPath[str],
    lesson_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    learning: NamedDependency[LearningService],
) -> Response[bytes]:
    """Marks a lesson done and goes on to the next one that is not, or marks it not done and stays."""
    form = await read_form(request, CompletionForm)
    completed = form.data is not None and form.data.completed
    course, progress = await learning.record(principal, slug, lesson_id, completed=completed)
    if percent_done(course, progress) == FINISHED:
        text = "You have finished the course. Well done! A review helps those who come after you."
        return pages.redirect_with("success", text, f"/courses/{slug}#reviews")
    following = lesson_to_continue(course, progress)
    return redirect(f"/learn/{slug}/{following.id if following and completed else lesson_id}")


handlers = [dashboard, open_course, player, report_position, complete]
