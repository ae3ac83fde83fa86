"""Documents of the learning."""

from datetime import datetime
from typing import ClassVar

import msgspec

from academy.infrastructure.database.document import Document, Index
from academy.infrastructure.jobs.base import Event


class LessonProgress(msgspec.Struct, kw_only=True):
    """How far a learner is in one lesson."""

    position_seconds: float = 0.0
    completed: bool = False


class CourseProgress(Document, kw_only=True):
    """How far a learner is in a course; one per learner and course.

    Attributes:
        lessons: lesson id -> progress; lessons that left the curriculum keep theirs.
        last_lesson_id: where *Continue* leads.
        completed_at: when all lessons of the curriculum were first done.
    """

    __collection__: ClassVar[str] = "course_progress"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("user_id", "course_id"), unique=True),
        Index(("user_id", "-updated_at")),
        Index(("course_id",)),
    )

    user_id: str
    course_id: str
    lessons: dict[str, LessonProgress] = {}
    last_lesson_id: str | None = None
    completed_at: datetime | None = None


class CourseCompleted(Event, frozen=True, kw_only=True):
    """A learner finished the last lesson of a course for the first time."""

    __event__: ClassVar[str] = "course_completed"

    user_id: str
    course_id: str


class LessonCompleted(Event, frozen=True, kw_only=True):
    """A learner finished a lesson."""

    __event__: ClassVar[str] = "lesson_completed"

    user_id: str
    course_id: str
    lesson_id: str
