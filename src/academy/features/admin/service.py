"""What admins see and do across the academy."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta

import msgspec

from academy.features.accounts.administration import AccountAdministration
from academy.features.accounts.model import User, UserList
from academy.features.courses.model import Course, CourseStatus
from academy.features.courses.service import CourseService
from academy.features.enrolment.model import Enrolment
from academy.features.enrolment.service import EnrolmentService
from academy.features.payments.service import PaymentFigures, PaymentService
from academy.infrastructure.cache.base import Cache
from academy.infrastructure.database.base import Database, Page
from academy.infrastructure.email.service import EmailService
from academy.infrastructure.jobs.model import Job, JobStatus
from academy.infrastructure.jobs.queue import DatabaseJobQueue
from academy.infrastructure.rate_limits.limiter import RateLimiter
from academy.infrastructure.security.principal import Principal, Role
from academy.infrastructure.sessions.base import SessionStore
from academy.infrastructure.storage.base import Storage
from academy.kit.clock import Clock
from academy.kit.errors import ConflictError, NotFoundError

_CHECK_SECONDS = 2.0
# Anybody may ask for the academy's health: however many do, the checks run this often only.
_REPORT_LASTS = timedelta(seconds=5)
_MOST_DEAD_COUNTED = 1_000


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The academy in figures."""

    users: int
    courses: int
    published_courses: int
    enrolments: int
    payments: PaymentFigures
    jobs: dict[str, int]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A health check's answer: `status` is healthy, degraded or error; `detail` says what is wrong."""

    status: str
    duration_ms: float
    detail: str


class HealthReport(msgspec.Struct, frozen=True, kw_only=True):
    """All checks; the worst decides."""

    status: str
    checks: dict[str, Check]


class EnrolmentRow(msgspec.Struct, frozen=True):
    """An enrolment with the people and courses it names, which may be gone."""

    enrolment: Enrolment
    user: User | None
    course: Course | None


class AdminService:
    """Brings together what the other features and the infrastructure tell."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        accounts: AccountAdministration,
        courses: CourseService,
        enrolments: EnrolmentService,
        payments: PaymentService,
        email: EmailService,
        jobs: DatabaseJobQueue,
        storage: Storage,
        cache: Cache,
        sessions: SessionStore,
        limiter: RateLimiter,
    ) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._courses = courses
        self._enrolments = enrolments
        self._payments = payments
        self._jobs = jobs
        self._storage = storage
        self._cache = cache
        self._checks = {
            "database": HealthCheck(self._database_detail),
            "storage": HealthCheck(storage.health_check),
            "email": HealthCheck(email.health_check, is_vital=False),
            "payments": HealthCheck(payments.health_check, is_vital=False),
            "cache": HealthCheck(self._cache_detail, is_vital=False),
            "sessions": HealthCheck(sessions.health_check, is_vital=False),
            "rate_limits": HealthCheck(limiter.health_check, is_vital=False),
            "jobs": HealthCheck(self._jobs_detail, is_vital=False),
        }
        self._report: asyncio.Task[HealthReport] | None = None
        self._report_begun: datetime = clock.now()

    async def overview(self) -> Overview:
        """Returns the academy in figures."""
        return Overview(
            users=(await self._accounts.list_users(limit=1)).total,
            courses=await self._courses.count(),
            published_courses=await self._courses.count(CourseStatus.PUBLISHED),
            enrolments=await self._enrolments.count(),
            payments=await self._payments.figures(),
            jobs=await self._jobs.counts(),
        )

    async def users(self, text: str = "", *, limit: int = 50, cursor: str | None = None) -> UserList:
        """Returns accounts, newest first, or those that match a search. Raises InvalidCursor."""
        return await self._accounts.list_users(text, limit=limit, cursor=cursor)

    async def user(self, user_id: str) -> User:
        """Returns an account. Raises NotFoundError."""
        users = await self._accounts.many([user_id])
        if user_id not in users:
            raise NotFoundError("There is no such account.")
        return users[user_id]

    async def user_with(self, email: str) -> User | None:
        """Returns the account with an address, however that is capitalised."""
        return await self._accounts.lookup(email)

    async def people(self, user_ids: Collection[str]) -> dict[str, User]:
        """Returns accounts by id, without those that are deleted."""
        return await self._accounts.many(sorted(user_ids))

    async def suspend(self, principal: Principal, user_id: str) -> User:
        """Shuts an account; its sessions end at once. Raises NotFoundError, LastAdmin, ConflictError for oneself."""
        if user_id == principal.user_id:
            raise ConflictError("You cannot suspend your own account.")
        return await self._accounts.suspend(principal.user_id, user_id)

    async def unsuspend(self, principal: Principal, user_id: str) -> User:
        """Opens a shut account again. Raises NotFoundError."""
        return await self._accounts.unsuspend(principal.user_id, user_id)

    async def set_role(self, principal: Principal, user_id: str, role: Role) -> User:
        """Changes a role, which counts at once. Raises NotFoundError, LastAdmin."""
        return await self._accounts.set_role(principal.user_id, user_id, role)

    async def change_user(self, principal: Principal, user_id: str, role: Role | None, suspended: bool | None) -> User:
        """Does what is not None of both, or nothing of it. Raises what those raise."""

        async def work() -> User:
            user = await self.user(user_id)
            if role is not None:
                user = await self.set_role(principal, user_id, role)
            if suspended is not None:
                change = self.suspend if suspended else self.unsuspend
                user = await change(principal, user_id)
            return user

        return await self._database.transaction(work)

    async def courses(self, text: str = "", *, limit: int = 50, cursor: str | None = None) -> Page[Course]:
        """Returns all courses in every state, or those that match a search. Raises InvalidCursor."""
        return await self._courses.all(text, limit=limit, cursor=cursor)

    async def enrolments(self, *, limit: int = 50, cursor: str | None = None) -> tuple[list[EnrolmentRow], str | None]:
        """Returns enrolments, newest first, and the next cursor. Raises InvalidCursor."""
        page = await self._enrolments.newest(limit=limit, cursor=cursor)
        courses = await self._courses.many(sorted({e.course_id for e in page.items}))
        users = await self._accounts.many(sorted({e.user_id for e in page.items}))
        rows = [EnrolmentRow(e, users.get(e.user_id), courses.get(e.course_id)) for e in page.items]
        return rows, page.next_cursor

    async def jobs(self, *, status: JobStatus | None = None, limit: int = 50, cursor: str | None = None) -> Page[Job]:
        """Returns jobs, newest first. Raises InvalidCursor."""
        return await self._jobs.list_jobs(status=status, limit=limit, cursor=cursor)

    async def retry_job(self, job_id: str) -> Job:
        """Queues a dead job again. Raises NotFoundError, ConflictError."""
        return await self._jobs.retry(job_id)

    async def health(self) -> HealthReport:
        """Returns a report at most a few seconds old; those who ask while one is being made share it."""
        now, report = self._clock.now(), self._report
        if report is None or (report.done() and (report.cancelled() or now - self._report_begun >= _REPORT_LASTS)):
            report = self._report = asyncio.create_task(self._make_report())
            self._report_begun = now
        return await asyncio.shield(report)

    async def _make_report(self) -> HealthReport:
        """Runs all checks at once, each within its time limit."""
        checks = await asyncio.gather(*(check.run() for check in self._checks.values()))
        report = dict(zip(self._checks, checks, strict=True))
        states = {check.status for check in checks}
        worst = next((state for state in ("error", "degraded") if state in states), "healthy")
        return HealthReport(status=worst, checks=report)

    async def is_ready(self) -> bool:
        """Whether the academy can answer requests: its database does."""
        return (await self._database.health_check(timeout_seconds=_CHECK_SECONDS)).healthy

    async def _database_detail(self) -> str:
        return (await self._database.health_check(timeout_seconds=_CHECK_SECONDS)).detail

    async def _cache_detail(self) -> str:
        return (await self._cache.health_check()).detail

    async def _jobs_detail(self) -> str:
        dead = await self._jobs.count_dead(at_most=_MOST_DEAD_COUNTED)
        if not dead:
            return ""
        number = f"{dead:,} or more" if dead == _MOST_DEAD_COUNTED else str(dead)
        return f"{number} {'job is' if dead == 1 else 'jobs are'} dead; see Admin, Jobs."


class HealthCheck:
    """A check that is not waited for longer than its time limit.

    `ask` answers what is wrong, "" when all is well. What hangs on a disk cannot be cancelled: it is left behind, and
    nothing new is asked until it has ended, so that hanging checks do not pile up.
    """

    def __init__(self, ask: Callable[[], Awaitable[str]], *, is_vital: bool = True) -> None:
        self._ask = ask
        self._is_vital = is_vital
        self._asked: asyncio.Future[str] | None = None

    async def run(self) -> Check:
        """Returns the check's answer, its failure, or that there is none in time."""
        begun = time.perf_counter()
        if self._asked is None or self._asked.done():
            self._asked = asyncio.ensure_future(self._ask())
        await asyncio.wait({self._asked}, timeout=_CHECK_SECONDS)
        detail = _detail(self._asked)
        self._asked.cancel()
        status = "healthy" if not detail else "error" if self._is_vital else "degraded"
        return Check(status=status, duration_ms=round((time.perf_counter() - begun) * 1000, 2), detail=detail)


def _detail(asked: asyncio.Future[str]) -> str:
    if not asked.done() or asked.cancelled():
        return f"No answer within {_CHECK_SECONDS:.0f} s."
    if error := asked.exception():
        return f"The check failed: {error!r}"
    return asked.result()
