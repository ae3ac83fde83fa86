"""HTML handlers of the admin."""

from enum import StrEnum
from typing import TypeVar

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from academy.features.admin.service import AdminService, EnrolmentRow
from academy.features.learning.service import LearningService
from academy.features.payments.reconciliation import Reconciliation
from academy.infrastructure.email.log import MailFilter, MailLog
from academy.infrastructure.jobs.model import JobStatus
from academy.infrastructure.security.principal import Principal, Role
from academy.kit.errors import AcademyError
from academy.web.forms import read_form
from academy.web.guards import admins
from academy.web.pages import Pages
from academy.web.requests import PageRequest

Choice = TypeVar("Choice", bound=StrEnum)

ROWS = 25
_NEWEST = 5


class RoleForm(msgspec.Struct, kw_only=True):
    """A new role."""

    role: Role


class ListForm(msgspec.Struct, kw_only=True):
    """The part of a list in which a button was pressed, to come back to it: its search, or its filter."""

    q: str = ""
    status: str = ""


def list_cursor(request: PageRequest) -> str | None:
    """Returns where in a list the page begins."""
    return request.query_params.get("cursor") or None


def chosen(options: type[Choice], text: str) -> Choice | None:
    """Returns the option that a part of the address names; None for anything else."""
    return options(text) if text in set(options) else None


@get("/admin", guards=[admins], include_in_schema=False)
async def overview(
    request: PageRequest,
    pages: NamedDependency[Pages],
    admin: NamedDependency[AdminService],
    learning: NamedDependency[LearningService],
    mail_log: NamedDependency[MailLog],
    reconciliation: NamedDependency[Reconciliation],
) -> Response[bytes]:
    """The academy in figures, its health, the newest of everything."""
    enrolments, _ = await admin.enrolments(limit=_NEWEST)
    return pages.render(
        request,
        "admin/overview.html",
        overview=await admin.overview(),
        unserved=len((await reconciliation.unserved(most_pages=1)).items),
        health=await admin.health(),
        users=(await admin.users(limit=_NEWEST)).items,
        enrolments=enrolments,
        percents=await _percents(learning, enrolments),
        mails=(await mail_log.page(MailFilter(), limit=_NEWEST)).items,
    )


@get("/admin/users", guards=[admins], include_in_schema=False)
async def users(
    request: PageRequest, pages: NamedDependency[Pages], admin: NamedDependency[AdminService]
) -> Response[bytes]:
    """All accounts."""
    text = request.query_params.get("q", "")[:200]
    cursor = list_cursor(request)
    found = await admin.users(text, limit=ROWS, cursor=cursor)
    return pages.render(request, "admin/users.html", found=found, text=text, roles=list(Role), cursor=cursor)


async def back(request: PageRequest, pages: Pages, kind: str, text: str, location: str) -> Response[bytes]:
    """Shows `text` on the part of the list from where the request came."""
    form = await read_form(request, ListForm)
    return pages.redirect_with(kind, text, location, **form.values)


@post("/admin/users/{user_id:str}/suspend", guards=[admins], include_in_schema=False, status_code=200)
async def suspend(
    request: PageRequest,
    user_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    admin: NamedDependency[AdminService],
) -> Response[bytes]:
    """Shuts an account."""
    try:
        user = await admin.suspend(principal, user_id)
    except AcademyError as error:
        return await back(request, pages, "error", error.message, "/admin/users")
    text = f"{user.name} is suspended and signed out everywhere."
    return await back(request, pages, "success", text, "/admin/users")


@post("/admin/users/{user_id:str}/unsuspend", guards=[admins], include_in_schema=False, status_code=200)
async def unsuspend(
    request: PageRequest,
    user_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    admin: NamedDependency[AdminService],
) -> Response[bytes]:
    """Opens an account again."""
    user = await admin.unsuspend(principal, user_id)
    return await back(request, pages, "success", f"{user.name} may sign in again.", "/admin/users")


@post("/admin/users/{user_id:str}/role", guards=[admins], include_in_schema=False, status_code=200)
async def set_role(
    request: PageRequest,
    user_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    admin: NamedDependency[AdminService],
) -> Response[bytes]:
    """Changes a role."""
    form = await read_form(request, RoleForm)
    if form.data is None:
        return await back(request, pages, "error", "Choose one of the roles.", "/admin/users")
    try:
        user = await admin.set_role(principal, user_id, form.data.role)
    except AcademyError as error:
        return await back(request, pages, "error", error.message, "/admin/users")
    text = f"{user.name} has the role {user.role.value} now."
    return await back(request, pages, "success", text, "/admin/users")


@get("/admin/courses", guards=[admins], include_in_schema=False)
async def courses(
    request: PageRequest, pages: NamedDependency[Pages], admin: NamedDependency[AdminService]
) -> Response[bytes]:
    """All courses, or those that a search finds."""
    text = request.query_params.get("q", "")[:200]
    cursor = list_cursor(request)
    page = await admin.courses(text, limit=ROWS, cursor=cursor)
    return pages.render(request, "admin/courses.html", page=page, text=text, cursor=cursor)


@get("/admin/enrolments", guards=[admins], include_in_schema=False)
async def enrolments(
    request: PageRequest,
    pages: NamedDependency[Pages],
    admin: NamedDependency[AdminService],
    learning: NamedDependency[LearningService],
) -> Response[bytes]:
    """All enrolments."""
    cursor = list_cursor(request)
    rows, next_cursor = await admin.enrolments(limit=ROWS, cursor=cursor)
    return pages.render(
        request,
        "admin/enrolments.html",
        rows=rows,
        percents=await _percents(learning, rows),
        next_cursor=next_cursor,
        cursor=cursor,
    )


async def _percents(learning: LearningService, rows: list[EnrolmentRow]) -> dict[str, int]:
    """How far the learners are, by the id of the enrolment; without those whose course is gone."""
    courses = {(row.enrolment.user_id, row.enrolment.course_id): row.course for row in rows if row.course}
    done = await learning.percents(courses)
    return {
        row.enrolment.id: done[row.enrolment.user_id, row.enrolment.course_id]
        for row in rows
        if (row.enrolment.user_id, row.enrolment.course_id) in done
    }


@get("/admin/jobs", guards=[admins], include_in_schema=False)
async def jobs(
    request: PageRequest, pages: NamedDependency[Pages], admin: NamedDependency[AdminService]
) -> Response[bytes]:
    """The jobs."""
    status = chosen(JobStatus, request.query_params.get("status", ""))
    cursor = list_cursor(request)
    page = await admin.jobs(status=status, limit=ROWS, cursor=cursor)
    return pages.render(request, "admin/jobs.html", page=page, status=status, statuses=list(JobStatus), cursor=cursor)


@post("/admin/jobs/{job_id:str}/retry", guards=[admins], include_in_schema=False, status_code=200)
async def retry_job(
    request: PageRequest, job_id: FromPath[str], pages: NamedDependency[Pages], admin: NamedDependency[AdminService]
) -> Response[bytes]:
    """Queues a dead job again."""
    try:
        await admin.retry_job(job_id)
    except AcademyError as error:
        return await back(request, pages, "error", error.message, "/admin/jobs")
    return await back(request, pages, "success", "The job runs again.", "/admin/jobs")


handlers = [
    overview,
    users,
    suspend,
    unsuspend,
    set_role,
    courses,
    enrolments,
    jobs,
    retry_job,
]
