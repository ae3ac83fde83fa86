"""Every query of the enrolments."""

from collections.abc import Sequence

from academy.features.enrolment.model import Enrolment, EnrolmentStatus
from academy.infrastructure.database.base import Database, Page


class EnrolmentRepository:
    """Enrolments."""

    def __init__(self, database: Database) -> None:
        self._enrolments = database.collection(Enrolment)

    async def of(self, user_id: str, course_id: str) -> Enrolment | None:
        """Returns the enrolment of a user in a course, in any state."""
        return await self._enrolments.find_one({"user_id": user_id, "course_id": course_id})

    async def of_user(self, user_id: str, limit: int, cursor: str | None) -> Page[Enrolment]:
        """Returns a user's enrolments, newest first."""
        return await self._enrolments.page({"user_id": user_id}, sort=("-created_at",), limit=limit, cursor=cursor)

    async def of_user_in(self, user_id: str, course_ids: Sequence[str]) -> list[Enrolment]:
        """Returns a user's active enrolments in some courses."""
        if not course_ids:
            return []
        return await self._enrolments.find(
            {
                "user_id": user_id,
                "course_id": {"$in": list(course_ids)},
                "status": EnrolmentStatus.ACTIVE.value,
            }
        )

    async def granted_by(self, transaction_ids: Sequence[str]) -> set[str]:
        """Returns those of some transactions, at most 200, whose enrolment is active."""
        if not transaction_ids:
            return set()
        found = await self._enrolments.find(
            {"transaction_id": {"$in": list(transaction_ids)}, "status": EnrolmentStatus.ACTIVE.value}
        )
        return {enrolment.transaction_id for enrolment in found if enrolment.transaction_id}

    async def of_course(self, course_id: str, limit: int, cursor: str | None) -> Page[Enrolment]:
        """Returns a course's enrolments, newest first."""
        return await self._enrolments.page({"course_id": course_id}, sort=("-created_at",), limit=limit, cursor=cursor)

    async def newest(self, limit: int, cursor: str | None) -> Page[Enrolment]:
        """Returns all enrolments, newest first."""
        return await self._enrolments.page({}, sort=("-created_at",), limit=limit, cursor=cursor)

    async def count(self) -> int:
        """Counts all enrolments."""
        return await self._enrolments.count({})

    async def insert(self, enrolment: Enrolment) -> None:
        """Stores a new enrolment. Raises UniqueViolation."""
        await self._enrolments.insert(enrolment)

    async def replace(self, enrolment: Enrolment) -> Enrolment:
        """Stores a changed enrolment. Raises VersionConflict."""
        return await self._enrolments.replace(enrolment)

    async def delete_of_user(self, user_id: str) -> list[str]:
        """Removes a user's enrolments; returns the ids of the courses to which they gave access."""
        courses: list[str] = []
        while held := await self._enrolments.find({"user_id": user_id}):
            courses += [enrolment.course_id for enrolment in held if enrolment.status is EnrolmentStatus.ACTIVE]
            await self._enrolments.delete_many({"id": {"$in": [enrolment.id for enrolment in held]}})
        return courses
