"""REST handlers of the enrolment."""

from datetime import datetime

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from academy.features.enrolment.model import Enrolment, EnrolmentStatus
from academy.features.enrolment.service import EnrolmentService
from academy.infrastructure.security.principal import Principal
from academy.web.guards import signed_in
from academy.web.listing import Cursor, Limit, Listing


class EnrolmentAnswer(msgspec.Struct, kw_only=True):
    """An enrolment; `course` is the course's slug."""

    id: str
    course: str
    course_id: str
    status: EnrolmentStatus
    enrolled_at: datetime


def _answer(enrolment: Enrolment) -> EnrolmentAnswer:
    return EnrolmentAnswer(
        id=enrolment.id,
        course=enrolment.course_slug,
        course_id=enrolment.course_id,
        status=enrolment.status,
        enrolled_at=enrolment.created_at,
    )


@post(
    "/api/v1/courses/{slug:str}/enrolments",
    guards=[signed_in],
    tags=["enrolment"],
    summary="Enrol in a free course",
    description="Answers 201 the first time and 200 with the same enrolment after.",
    responses={200: ResponseSpec(EnrolmentAnswer, description="The enrolment was there already")},
)
async def enrol(
    slug: FromPath[str], principal: NamedDependency[Principal], enrolments: NamedDependency[EnrolmentService]
) -> Response[EnrolmentAnswer]:
    """Enrols the caller."""
    enrolment, is_new = await enrolments.enrol(principal, slug)
    return Response(_answer(enrolment), status_code=201 if is_new else 200)


@get("/api/v1/me/enrolments", guards=[signed_in], tags=["me"], summary="My enrolments")
async def my_enrolments(
    principal: NamedDependency[Principal],
    enrolments: NamedDependency[EnrolmentService],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Listing[EnrolmentAnswer]:
    """Returns the caller's enrolments, newest first."""
    page = await enrolments.of_user(principal.user_id, limit=limit, cursor=cursor)
    return Listing(items=[_answer(enrolment) for enrolment in page.items], next_cursor=page.next_cursor)


handlers = [enrol, my_enrolments]
