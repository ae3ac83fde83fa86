"""The player and the dashboard."""

from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from academy.features.courses.errors import LessonNotFound
from academy.features.courses.model import LessonKind
from academy.features.courses.service import CourseService
from academy.features.learning.errors import LessonLocked
from academy.features.learning.service import (
    LONGEST_VIDEO_SECONDS,
    LearningService,
    OpenLesson,
    lesson_to_continue,
    percent_done,
)
from academy.features.videos.service import VideoService
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError
from academy.web.forms import read_form
from academy.web.guards import anyone, signed_in
from academy.web.markdown import render_markdown_async
from academy.web.pages import Pages, redirect
from academy.web.requests import PageRequest


class PositionReport(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the player tells while a video plays; `completed` only when it ends."""

    position_seconds: Annotated[float, Meta(ge=0, le=LONGEST_VIDEO_SECONDS)]
    completed: bool | None = None


class CompletionForm(msgspec.Struct, kw_only=True):
    """The *mark complete* button."""

    completed: bool = False


@get("/dashboard", guards=[signed_in], include_in_schema=False)
async def dashboard(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    learning: NamedDependency[LearningService],
) -> Response[bytes]:
    """Continue where I stopped, and my courses."""
    mine = await learning.dashboard(principal)
    return pages.render(
        request,
        "learning/dashboard.html",
        mine=mine,
        current=next((item for item in mine if 0 < item.percent < 100), mine[0] if mine else None),  # noqa: PLR2004
        people=await courses.instructors([item.course for item in mine]),
    )


@get("/learn/{slug:str}", guards=[anyone], include_in_schema=False)
async def open_course(
    slug: FromPath[str],
    visitor: NamedDependency[Principal | None],
    courses: NamedDependency[CourseService],
    learning: NamedDependency[LearningService],
) -> Response[bytes]:
    """Opens the lesson to continue with; for others the first free preview, or the course page."""
    course = await courses.get(slug, visitor)
    states = await learning.states(visitor.user_id, [course.id]) if visitor else {}
    state = states.get(course.id)
    if state is not None and state.next_lesson_id:
        return redirect(f"/learn/{slug}/{state.next_lesson_id}")
    preview = next((lesson for lesson in course.lessons() if lesson.free_preview), None)
    return redirect(f"/learn/{slug}/{preview.id}" if preview else f"/courses/{slug}")


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
) -> Response[bytes]:
    """The player. A locked lesson explains itself."""
    try:
        opened = await learning.open_lesson(visitor, slug, lesson_id)
    except LessonLocked as error:
        course = await courses.get(slug, visitor)
        lesson = course.lesson(lesson_id)
        return pages.render(
            request, "learning/locked.html", status_code=403, course=course, lesson=lesson, message=error.message
        )
    playback, trouble = None, ""
    if opened.lesson.kind is LessonKind.VIDEO and opened.lesson.video_id:
        try:
            playback = await videos.playback(visitor, opened.lesson.video_id)
        except AcademyError as error:
            trouble = error.message
    file_url = ""
    if opened.lesson.kind is LessonKind.FILE and opened.lesson.file_key:
        file_url = videos.file_url(opened.lesson.file_key, opened.lesson.file_name)
    response = pages.render(
        request,
        "learning/player.html",
        opened=opened,
        course=opened.course,
        lesson=opened.lesson,
        percent=percent_done(opened.course, opened.progress),
        done=_done(opened),
        text_html=await render_markdown_async(await courses.lesson_text(lesson_id)),
        playback=playback,
        trouble=trouble,
        file_url=file_url,
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _done(opened: OpenLesson) -> set[str]:
    held = opened.progress.lessons if opened.progress else {}
    return {lesson_id for lesson_id, progress in held.items() if progress.completed}


@post("/learn/{slug:str}/{lesson_id:str}/position", guards=[signed_in], include_in_schema=False, status_code=204)
async def report_position(
    slug: FromPath[str],
    lesson_id: FromPath[str],
    principal: NamedDependency[Principal],
    learning: NamedDependency[LearningService],
    data: JSONBody[PositionReport],
) -> None:
    """Keeps the position that the player's script tells."""
    await learning.record(principal, slug, lesson_id, position_seconds=data.position_seconds, completed=data.completed)


@post("/learn/{slug:str}/{lesson_id:str}/complete", guards=[signed_in], include_in_schema=False, status_code=200)
async def complete(
    request: PageRequest,
    slug: FromPath[str],
    lesson_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    learning: NamedDependency[LearningService],
) -> Response[bytes]:
    """Marks a lesson done and goes on to the next one, or not done and stays."""
    form = await read_form(request, CompletionForm)
    completed = form.data is not None and form.data.completed
    opened = await learning.open_lesson(principal, slug, lesson_id)
    position = opened.lesson_progress.position_seconds
    stored = await learning.record(principal, slug, lesson_id, position_seconds=position, completed=completed)
    if not completed:
        return redirect(f"/learn/{slug}/{lesson_id}")
    course = await courses.get(slug, principal)
    if percent_done(course, stored) == 100:  # noqa: PLR2004 - a percentage
        text = "You have finished the course. Well done! A review helps those who come after you."
        return pages.redirect_with("success", text, f"/courses/{slug}#reviews")
    following = opened.next or lesson_to_continue(course, stored)
    if following is None:
        raise LessonNotFound
    return redirect(f"/learn/{slug}/{following.id}")


handlers = [dashboard, open_course, player, report_position, complete]
