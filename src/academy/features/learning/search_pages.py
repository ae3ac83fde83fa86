"""The pages of the search in videos. Each hit leads to the second in which it is said."""

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from academy.features.learning.service import LearningService
from academy.features.learning.video_search import VideoSearch
from academy.infrastructure.security.principal import Principal
from academy.web.guards import anyone, signed_in
from academy.web.pages import Pages
from academy.web.requests import PageRequest, wants_fragment

_LONGEST_SEARCH = 200


@get("/learn/{slug:str}/{lesson_id:str}/search", guards=[anyone], include_in_schema=False)
async def search_lesson(
    request: PageRequest,
    slug: FromPath[str],
    lesson_id: FromPath[str],
    pages: NamedDependency[Pages],
    visitor: NamedDependency[Principal | None],
    learning: NamedDependency[LearningService],
    video_search: NamedDependency[VideoSearch],
) -> Response[bytes]:
    """Where a word is said in the video of a lesson; the player's script asks for the list alone."""
    opened = await learning.open_lesson(visitor, slug, lesson_id)
    text, cursor = _asked(request)
    found = await video_search.in_lesson(opened, text, cursor=cursor)
    is_part = wants_fragment(request.scope)
    response = pages.render(
        request,
        "learning/_said_here.html" if is_part else "learning/search_lesson.html",
        course=opened.course,
        lesson=opened.lesson,
        asked=text,
        cursor=cursor or "",
        found=found,
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response


@get("/learn/{slug:str}/search", guards=[anyone], include_in_schema=False)
async def search_course(
    request: PageRequest,
    slug: FromPath[str],
    pages: NamedDependency[Pages],
    visitor: NamedDependency[Principal | None],
    video_search: NamedDependency[VideoSearch],
) -> Response[bytes]:
    """Where a word is said in the videos of a course, those of them that the visitor may watch."""
    text, cursor = _asked(request)
    found = await video_search.in_course(visitor, slug, text, cursor=cursor)
    response = pages.render(request, "learning/search_course.html", asked=text, cursor=cursor or "", found=found)
    response.headers["Cache-Control"] = "private, no-store"
    return response


@get("/search/videos", guards=[signed_in], include_in_schema=False)
async def search_everywhere(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    video_search: NamedDependency[VideoSearch],
) -> Response[bytes]:
    """Where a word is said in all videos that a person may watch."""
    text, start = _asked(request)
    found = await video_search.everywhere(principal, text, start=start)
    return pages.render(request, "learning/search_everywhere.html", asked=text, cursor=start or "", found=found)


def _asked(request: PageRequest) -> tuple[str, str | None]:
    """Returns the words and the place in the list that an address asks for."""
    query = request.query_params
    return query.get("q", "").strip()[:_LONGEST_SEARCH], query.get("cursor") or None


handlers = [search_lesson, search_course, search_everywhere]
