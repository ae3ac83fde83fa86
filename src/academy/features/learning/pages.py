"""The player and the dashboard."""

from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from academy.features.courses.service import CourseService, may_edit
from academy.features.learning.errors import LessonLocked
from academy.features.learning.playback import LessonPlayback, lesson_playback, playback_or_trouble
from academy.features.learning.service import (
    FINISHED,
    LONGEST_VIDEO_SECONDS,
    LearningService,
    OpenLesson,
    is_open,
    lesson_to_continue,
    percent_done,
    resume_at,
)
from academy.features.videos.captions import CaptionService
from academy.features.videos.captions_model import TrackKind
from academy.features.videos.errors import VideoNotFound
from academy.features.videos.service import VideoService
from academy.features.videos.views import ViewService, watched_seconds
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError
from academy.web.csrf import browser_id
from academy.web.forms import read_form
from academy.web.guards import anyone, signed_in
from academy.web.markdown import render_markdown_async
from academy.web.pages import Pages, redirect
from academy.web.problems import problem_document
from academy.web.requests import PageRequest, is_crawler

# Set by the player's script, so that the page comes without its outline from the start.
ZEN_COOKIE = "academy_zen"


class PositionReport(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the player's script tells; nothing at all says that the lesson was opened."""

    position_seconds: Annotated[float, Meta(ge=0, le=LONGEST_VIDEO_SECONDS)] | None = None
    completed: bool | None = None


class ViewReport(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the player's script tells when enough of the video has been watched."""

    ticket: Annotated[str, Meta(max_length=200)]


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
    views: NamedDependency[ViewService],
) -> Response[bytes]:
    """The player; with `?t=95` at that second of its video. A locked lesson explains itself."""
    try:
        opened = await learning.open_lesson(visitor, slug, lesson_id)
    except LessonLocked:
        course = await courses.get(slug, visitor)
        lesson = course.lesson(lesson_id)
        return pages.render(request, "learning/locked.html", status_code=403, course=course, lesson=lesson)
    course, lesson = opened.course, opened.lesson
    playback, trouble = await playback_or_trouble(videos, captions, course, lesson, visitor)
    is_maker = may_edit(course, visitor)
    counts = playback is not None and not is_maker
    has_chapters = playback is not None and any(track.kind is TrackKind.CHAPTERS for track in playback.tracks)
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
        chapters=await captions.chapters(lesson.video_id) if has_chapters and lesson.video_id else [],
        asked_at=_asked_second(request, playback),
        resume_at=_resumed_second(opened, playback),
        view_ticket=views.ticket(lesson.video_id or "", _viewer(request, visitor)) if counts else "",
        view_seconds=watched_seconds(playback.duration_seconds) if playback else 0,
        file_url=file_url,
        attachments=[(one, videos.file_url(one.key, one.name)) for one in lesson.attachments],
        is_maker=is_maker,
        is_searchable=await captions.any_said(_open_videos(opened, visitor)),
        zen=request.cookies.get(ZEN_COOKIE) == "1",
    )
    # The page holds addresses that are not for everybody and do not hold for ever.
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _open_videos(opened: OpenLesson, visitor: Principal | None) -> list[str]:
    """Returns the videos of the course that the visitor may watch."""
    return [
        lesson.video_id
        for lesson in opened.course.lessons()
        if lesson.video_id and (opened.enrolled or is_open(opened.course, lesson, visitor))
    ]


def _asked_second(request: PageRequest, playback: LessonPlayback | None) -> float | None:
    """The second that the address asks for with `?t=`; None when it asks for none that the video has."""
    try:
        second = float(request.query_params.get("t", ""))
    except ValueError:
        return None
    return second if playback and 0 <= second < playback.duration_seconds else None


def _resumed_second(opened: OpenLesson, playback: LessonPlayback | None) -> float:
    return resume_at(opened.lesson_progress.position_seconds, playback.duration_seconds) if playback else 0.0


def _viewer(request: PageRequest, visitor: Principal | None) -> str:
    """Who watches, as far as counting views needs it: an account, or a browser until it is closed."""
    return f"account:{visitor.user_id}" if visitor else f"browser:{browser_id(request)}"


@get(
    "/learn/{slug:str}/{lesson_id:str}/playback",
    guards=[anyone],
    include_in_schema=False,
    exception_handlers={AcademyError: problem_document},
)
async def renew_playback(
    slug: FromPath[str],
    lesson_id: FromPath[str],
    visitor: NamedDependency[Principal | None],
    learning: NamedDependency[LearningService],
    videos: NamedDependency[VideoService],
    captions: NamedDependency[CaptionService],
) -> Response[LessonPlayback]:
    """Fresh addresses of the lesson's video, for a player whose own have run out."""
    opened = await learning.open_lesson(visitor, slug, lesson_id)
    playback = await lesson_playback(videos, captions, opened.course, opened.lesson, visitor)
    if playback is None:
        raise VideoNotFound
    return Response(playback, headers={"Cache-Control": "private, no-store"})


@post("/learn/{slug:str}/{lesson_id:str}/view", guards=[anyone], include_in_schema=False, status_code=204)
async def report_view(
    request: PageRequest,
    slug: FromPath[str],
    lesson_id: FromPath[str],
    visitor: NamedDependency[Principal | None],
    learning: NamedDependency[LearningService],
    views: NamedDependency[ViewService],
    data: JSONBody[ViewReport],
) -> None:
    """Counts that the lesson's video was watched; says nothing about whether it did."""
    opened = await learning.open_lesson(visitor, slug, lesson_id)
    if opened.lesson.video_id and not is_crawler(request):
        await views.count(opened.lesson.video_id, _viewer(request, visitor), data.ticket)


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


handlers = [dashboard, open_course, player, renew_playback, report_view, report_position, complete]
