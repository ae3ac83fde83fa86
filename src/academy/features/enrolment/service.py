"""Use cases of the enrolment."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from academy.features.accounts.errors import AccountGone
from academy.features.accounts.service import hold_account
from academy.features.courses.model import Course, CourseStatus
from academy.features.courses.service import CourseService
from academy.features.enrolment.errors import NotOpenForEnrolment, PaymentNeeded
from academy.features.enrolment.model import Enrolment, EnrolmentStatus, LearnerEnrolled
from academy.features.enrolment.repository import EnrolmentRepository
from academy.features.payments.model import Access
from academy.infrastructure.database.base import Database, Page
from academy.infrastructure.database.errors import UniqueViolation
from academy.infrastructure.jobs.base import JobQueue
from academy.infrastructure.security.principal import Principal
from academy.kit.clock import Clock


class EnrolmentService:
    """Enrolments: one per learner and course, whatever is clicked how often."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        courses: CourseService,
        queue: JobQueue,
    ) -> None:
        self._database = database
        self._clock = clock
        self._courses = courses
        self._queue = queue
        self._repository = EnrolmentRepository(database)

    async def enrol(self, principal: Principal, slug: str) -> tuple[Enrolment, bool]:
        """Enrols in a free course. Returns the enrolment and whether it is new.

        The enrolment, the course's count and the event, which sends the mail, are one transaction. Asking again, or
        twice at once, returns the same enrolment and sends nothing more.

        Raises CourseNotFound, PaymentNeeded, NotOpenForEnrolment, AccountGone.
        """

        async def work() -> tuple[Enrolment, bool]:
            course = await self._courses.get(slug, principal)
            held = await self._repository.of(principal.user_id, course.id)
            if held is not None and held.status is EnrolmentStatus.ACTIVE:
                return held, False
            if course.status is not CourseStatus.PUBLISHED:
                raise NotOpenForEnrolment
            if not course.price.is_free:
                raise PaymentNeeded
            return await self._give_access(principal.user_id, course, held), True

        return await self._once(work)

    async def grant(self, principal: Principal, course: Course) -> tuple[Enrolment, bool]:
        """Enrols in a course whatever it costs. Returns the enrolment and whether it is new, as `enrol` does."""

        async def work() -> tuple[Enrolment, bool]:
            held = await self._repository.of(principal.user_id, course.id)
            if held is not None and held.status is EnrolmentStatus.ACTIVE:
                return held, False
            return await self._give_access(principal.user_id, course, held), True

        return await self._once(work)

    async def _once(self, work: Callable[[], Awaitable[tuple[Enrolment, bool]]]) -> tuple[Enrolment, bool]:
        try:
            return await self._database.transaction(work)
        except UniqueViolation:
            # A double click: the other request was first, and now its enrolment is there to be found.
            return await self._database.transaction(work)

    async def _give_access(
        self, user_id: str, course: Course, held: Enrolment | None, transaction_id: str | None = None
    ) -> Enrolment:
        """Makes the enrolment, or opens the revoked one again; with the count and the event. Raises AccountGone."""
        await hold_account(self._database, user_id)
        now = self._clock.now()
        if held is None:
            enrolment = Enrolment(
                user_id=user_id,
                course_id=course.id,
                course_slug=course.slug,
                transaction_id=transaction_id,
                created_at=now,
                updated_at=now,
            )
            await self._repository.insert(enrolment)
        else:
            enrolment = await self._repository.replace(
                msgspec.structs.replace(
                    held,
                    status=EnrolmentStatus.ACTIVE,
                    transaction_id=transaction_id,
                    revoked_at=None,
                    updated_at=now,
                )
            )
        await self._courses.count_enrolment(course.id, 1)
        await self._queue.publish(
            LearnerEnrolled(enrolment_id=enrolment.id, user_id=user_id, course_id=course.id, granted_at=now)
        )
        return enrolment

    # --- for the payments: each joins the open transaction ---

    async def grant_paid(self, user_id: str, course_id: str, transaction_id: str) -> Access:
        """Enrols the buyer of a transaction; says so when they are enrolled, or they or the course are gone."""
        held = await self._repository.of(user_id, course_id)
        if held is not None and held.status is EnrolmentStatus.ACTIVE:
            return Access.GRANTED if held.transaction_id == transaction_id else Access.HELD
        course = await self._courses.by_id(course_id)
        if course is None:
            return Access.GONE
        try:
            await self._give_access(user_id, course, held, transaction_id)
        except AccountGone:
            return Access.GONE
        return Access.GRANTED

    async def revoke_paid(self, user_id: str, course_id: str, transaction_id: str) -> None:
        """Ends what a transaction granted; access that has another cause stays."""
        held = await self._repository.of(user_id, course_id)
        if held is None or held.status is not EnrolmentStatus.ACTIVE or held.transaction_id != transaction_id:
            return
        now = self._clock.now()
        await self._repository.replace(
            msgspec.structs.replace(held, status=EnrolmentStatus.REVOKED, revoked_at=now, updated_at=now)
        )
        await self._courses.count_enrolment(course_id, -1)

    async def served(self, transaction_ids: Sequence[str]) -> set[str]:
        """Returns those of the transactions, at most 200, that give their buyers access now."""
        return await self._repository.granted_by(transaction_ids)

    async def is_enrolled(self, user_id: str, course_id: str) -> bool:
        """Whether the user has access to the course as a learner."""
        held = await self._repository.of(user_id, course_id)
        return held is not None and held.status is EnrolmentStatus.ACTIVE

    async def enrolled_in(self, user_id: str, course_ids: Sequence[str]) -> set[str]:
        """Returns those of the courses to which the user has access."""
        return {enrolment.course_id for enrolment in await self._repository.of_user_in(user_id, course_ids)}

    async def of_user(self, user_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[Enrolment]:
        """Returns a user's enrolments, newest first. Raises InvalidCursor."""
        return await self._repository.of_user(user_id, limit, cursor)

    async def of_course(self, course_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[Enrolment]:
        """Returns a course's enrolments, newest first. Raises InvalidCursor."""
        return await self._repository.of_course(course_id, limit, cursor)

    async def newest(self, *, limit: int = 50, cursor: str | None = None) -> Page[Enrolment]:
        """Returns all enrolments, newest first. Raises InvalidCursor."""
        return await self._repository.newest(limit, cursor)

    async def count(self) -> int:
        """Counts all enrolments."""
        return await self._repository.count()

    async def forget_user(self, user_id: str) -> None:
        """Removes a deleted account's enrolments, in the open transaction; the courses' counts follow."""
        for course_id in await self._repository.delete_of_user(user_id):
            await self._courses.count_enrolment(course_id, -1)
