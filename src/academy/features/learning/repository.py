"""Every query of the learning."""

from collections.abc import Sequence
from datetime import datetime

from academy.features.learning.model import CourseProgress, LessonProgress
from academy.infrastructure.database.base import Database


class ProgressRepository:
    """How far learners are."""

    def __init__(self, database: Database) -> None:
        self._progress = database.collection(CourseProgress)

    async def of(self, user_id: str, course_id: str) -> CourseProgress | None:
        """Returns a learner's progress in a course."""
        return await self._progress.find_one({"user_id": user_id, "course_id": course_id})

    async def of_user_in(self, user_id: str, course_ids: Sequence[str]) -> list[CourseProgress]:
        """Returns a learner's progress in some courses."""
        if not course_ids:
            return []
        return await self._progress.find({"user_id": user_id, "course_id": {"$in": list(course_ids)}})

    async def latest(self, user_id: str) -> list[CourseProgress]:
        """Returns a learner's progress in all courses, last touched first."""
        return await self._progress.find({"user_id": user_id}, sort=("-updated_at",))

    async def record(
        self, user_id: str, course_id: str, lesson_id: str, progress: LessonProgress, now: datetime
    ) -> CourseProgress:
        """Sets the progress in one lesson and makes it the one to continue with; others are not touched.

        Raises UniqueViolation when two first records race; the caller tries again.
        """
        fresh = CourseProgress(
            user_id=user_id,
            course_id=course_id,
            lessons={lesson_id: progress},
            last_lesson_id=lesson_id,
            created_at=now,
            updated_at=now,
        )
        change = {
            "$set": {
                f"lessons.{lesson_id}.position_seconds": progress.position_seconds,
                f"lessons.{lesson_id}.completed": progress.completed,
                "last_lesson_id": lesson_id,
                "updated_at": now,
            }
        }
        stored = await self._progress.find_and_update(
            {"user_id": user_id, "course_id": course_id}, change, insert=fresh
        )
        return stored or fresh

    async def mark_course_completed(self, progress_id: str, now: datetime) -> bool:
        """Notes that all lessons are done; returns False when that was noted before."""
        return await self._progress.update_one(
            {"id": progress_id, "completed_at": None}, {"$set": {"completed_at": now}}
        )

    async def delete_of_user(self, user_id: str) -> None:
        """Removes a user's progress."""
        await self._progress.delete_many({"user_id": user_id})
