"""REST handlers of the admin."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, Parameter

from academy.features.accounts.model import User, UserStatus
from academy.features.admin.service import AdminService, HealthReport, Overview
from academy.infrastructure.jobs.model import Job, JobStatus
from academy.infrastructure.security.principal import Principal, Role
from academy.web.guards import admins
from academy.web.listing import Cursor, Limit, Listing


class UserRow(msgspec.Struct, kw_only=True):
    """An account as admins see it."""

    id: str
    email: str
    name: str
    role: Role
    status: UserStatus
    created_at: datetime
    last_sign_in_at: datetime | None


class UserChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What to change of an account; what is left out stays."""

    role: Role | None = None
    suspended: bool | None = None


class JobRow(msgspec.Struct, kw_only=True):
    """A job."""

    id: str
    kind: str
    status: JobStatus
    attempts: int
    last_error: str
    created_at: datetime
    finished_at: datetime | None


def _user_row(user: User) -> UserRow:
    return UserRow(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        status=user.status,
        created_at=user.created_at,
        last_sign_in_at=user.last_sign_in_at,
    )


def _job_row(job: Job) -> JobRow:
    return JobRow(
        id=job.id,
        kind=job.kind,
        status=job.status,
        attempts=job.attempts,
        last_error=job.last_error,
        created_at=job.created_at,
        finished_at=job.finished_at,
    )


@get("/api/v1/admin/overview", guards=[admins], tags=["admin"], summary="The academy in figures")
async def overview(admin: NamedDependency[AdminService]) -> Overview:
    """Counts users, courses, enrolments, jobs."""
    return await admin.overview()


@get("/api/v1/admin/users", guards=[admins], tags=["admin"], summary="Accounts")
async def list_users(
    admin: NamedDependency[AdminService],
    q: Annotated[str, Parameter(max_length=200, description="Words of name or address.")] = "",
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Listing[UserRow]:
    """Returns accounts, newest first, or the best matches of a search."""
    page = await admin.users(q, limit=limit, cursor=cursor)
    return Listing(items=[_user_row(user) for user in page.items], next_cursor=page.next_cursor)


@patch("/api/v1/admin/users/{user_id:str}", guards=[admins], tags=["admin"], summary="Change an account")
async def change_user(
    user_id: FromPath[str],
    principal: NamedDependency[Principal],
    admin: NamedDependency[AdminService],
    data: JSONBody[UserChange],
) -> UserRow:
    """Changes the role, suspends or unsuspends; the account's sessions end at once."""
    return _user_row(await admin.change_user(principal, user_id, data.role, data.suspended))


@get("/api/v1/admin/jobs", guards=[admins], tags=["admin"], summary="Jobs")
async def list_jobs(
    admin: NamedDependency[AdminService],
    status: FromQuery[JobStatus | None] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Listing[JobRow]:
    """Returns jobs, newest first."""
    page = await admin.jobs(status=status, limit=limit, cursor=cursor)
    return Listing(items=[_job_row(job) for job in page.items], next_cursor=page.next_cursor)


@post("/api/v1/admin/jobs/{job_id:str}/retry", guards=[admins], tags=["admin"], status_code=200, summary="Retry a job")
async def retry_job(job_id: FromPath[str], admin: NamedDependency[AdminService]) -> JobRow:
    """Queues a dead job again."""
    return _job_row(await admin.retry_job(job_id))


@get("/api/v1/admin/health", guards=[admins], tags=["admin"], summary="Health, with details")
async def health(admin: NamedDependency[AdminService]) -> HealthReport:
    """Runs all checks."""
    return await admin.health()


handlers = [overview, list_users, change_user, list_jobs, retry_job, health]
