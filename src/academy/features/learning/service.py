"""Use cases of the learning: what a learner may open, how far they are, where they go on."""

from collections.abc import Mapping, Sequence

import msgspec

from academy.features.courses.errors import LessonNotFound
from academy.features.courses.model import Course, Lesson
from academy.features.courses.service import CourseService, LearnerState, may_edit
from academy.features.enrolment.errors import NotEnrolled
from academy.features.enrolment.service import EnrolmentService
from academy.features.learning.errors import LessonLocked
from academy.features.learning.model import CourseProgress, LessonCompleted, LessonProgress
from academy.features.learning.repository import ProgressRepository
from academy.infrastructure.database.base import Database
from academy.infrastructure.database.errors import UniqueViolation
from academy.infrastructure.jobs.base import JobQueue
from academy.infrastructure.security.principal import Principal
from academy.kit.clock import Clock
from academy.kit.errors import InvalidError

LONGEST_VIDEO_SECONDS = 24 * 3600
_FIRST_RECORD_TRIES = 3


class OpenLesson(msgspec.Struct, frozen=True, kw_only=True):
    """A lesson as the player shows it.

    Attributes:
        enrolled: whether progress is kept for the visitor.
        progress: None for a visitor who is not enrolled or has not begun.
    """

    course: Course
    lesson: Lesson
    previous: Lesson | None
    next: Lesson | None
    number: int
    enrolled: bool
    progress: CourseProgress | None

    @property
    def lesson_progress(self) -> LessonProgress:
        """Progress in this lesson; the start when there is none."""
        return (self.progress.lessons.get(self.lesson.id) if self.progress else None) or LessonProgress()


class CourseOnDashboard(msgspec.Struct, frozen=True, kw_only=True):
    """A course on the dashboard.

    Attributes:
        next_lesson: where *Continue* leads; None for a course without lessons.
        seconds_left: length of the lessons not yet done.
    """

    course: Course
    percent: int
    done: int
    next_lesson: Lesson | None
    seconds_left: int


class LearningService:
    """Progress and the player's rules."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        courses: CourseService,
        enrolments: EnrolmentService,
        queue: JobQueue,
    ) -> None:
        self._database = database
        self._clock = clock
        self._courses = courses
        self._enrolments = enrolments
        self._queue = queue
        self._repository = ProgressRepository(database)

    async def open_lesson(self, visitor: Principal | None, slug: str, lesson_id: str) -> OpenLesson:
        """Returns a lesson to whoever may see it: the enrolled, the course's makers, everybody for a free preview.

        Raises CourseNotFound, LessonNotFound, LessonLocked.
        """
        course = await self._courses.get(slug, visitor)
        lessons = course.lessons()
        index = next((i for i, lesson in enumerate(lessons) if lesson.id == lesson_id), None)
        if index is None:
            raise LessonNotFound
        lesson = lessons[index]
        enrolled = visitor is not None and await self._enrolments.is_enrolled(visitor.user_id, course.id)
        if not (enrolled or lesson.free_preview or may_edit(course, visitor)):
            raise LessonLocked
        progress = await self._repository.of(visitor.user_id, course.id) if visitor and enrolled else None
        return OpenLesson(
            course=course,
            lesson=lesson,
            previous=lessons[index - 1] if index else None,
            next=lessons[index + 1] if index + 1 < len(lessons) else None,
            number=index + 1,
            enrolled=enrolled,
            progress=progress,
        )

    async def record(
        self, principal: Principal, slug: str, lesson_id: str, *, position_seconds: float, completed: bool | None = None
    ) -> CourseProgress:
        """Keeps how far a learner is in a lesson. `completed` None leaves it done or undone as it was.

        Raises CourseNotFound, LessonNotFound, NotEnrolled, InvalidError.
        """
        if not 0 <= position_seconds <= LONGEST_VIDEO_SECONDS:
            text = "The position must lie between 0 seconds and a day."
            raise InvalidError(text, fields={"position_seconds": text})
        course = await self._courses.get(slug, principal)
        if course.lesson(lesson_id) is None:
            raise LessonNotFound
        if not await self._enrolments.is_enrolled(principal.user_id, course.id):
            raise NotEnrolled
        for attempt in range(_FIRST_RECORD_TRIES):
            try:
                return await self._database.transaction(
                    lambda: self._record_now(principal, course, lesson_id, position_seconds, completed)
                )
            except UniqueViolation:
                # Two devices recorded the very first progress at once; the row is there now.
                if attempt + 1 == _FIRST_RECORD_TRIES:
                    raise
        raise AssertionError("unreachable")

    async def _record_now(
        self, principal: Principal, course: Course, lesson_id: str, position_seconds: float, completed: bool | None
    ) -> CourseProgress:
        before = await self._repository.of(principal.user_id, course.id)
        done_before = before is not None and before.lessons.get(lesson_id, LessonProgress()).completed
        progress = LessonProgress(
            position_seconds=position_seconds, completed=done_before if completed is None else completed
        )
        now = self._clock.now()
        stored = await self._repository.record(principal.user_id, course.id, lesson_id, progress, now)
        if progress.completed and not done_before:
            await self._queue.publish(
                LessonCompleted(user_id=principal.user_id, course_id=course.id, lesson_id=lesson_id)
            )
        if percent_done(course, stored) == 100 and stored.completed_at is None:  # noqa: PLR2004 - a percentage
            await self._repository.mark_course_completed(stored.id, now)
        return stored

    async def progress(self, principal: Principal, slug: str) -> tuple[Course, CourseProgress | None]:
        """Returns the course and the learner's progress in it. Raises CourseNotFound, NotEnrolled."""
        course = await self._courses.get(slug, principal)
        if not await self._enrolments.is_enrolled(principal.user_id, course.id):
            raise NotEnrolled
        return course, await self._repository.of(principal.user_id, course.id)

    async def states(self, user_id: str, course_ids: Sequence[str]) -> Mapping[str, LearnerState]:
        """Tells the catalogue where a learner stands in those of the courses in which they are enrolled."""
        enrolled = sorted(await self._enrolments.enrolled_in(user_id, course_ids))
        if not enrolled:
            return {}
        courses = await self._courses.many(enrolled)
        progress = {p.course_id: p for p in await self._repository.of_user_in(user_id, enrolled)}
        states: dict[str, LearnerState] = {}
        for course_id, course in courses.items():
            next_lesson = lesson_to_continue(course, progress.get(course_id))
            states[course_id] = LearnerState(
                percent=percent_done(course, progress.get(course_id)),
                next_lesson_id=next_lesson.id if next_lesson else None,
            )
        return states

    async def dashboard(self, principal: Principal) -> list[CourseOnDashboard]:
        """Returns the learner's courses: last touched first, then those not begun."""
        enrolled = (await self._enrolments.of_user(principal.user_id, limit=100)).items
        courses = await self._courses.many([enrolment.course_id for enrolment in enrolled])
        progress = {p.course_id: p for p in await self._repository.latest(principal.user_id)}
        touched = [course_id for course_id in progress if course_id in courses]
        rest = [e.course_id for e in enrolled if e.course_id in courses and e.course_id not in progress]
        return [_on_dashboard(courses[course_id], progress.get(course_id)) for course_id in [*touched, *rest]]

    async def export(self, user_id: str) -> dict[str, object]:
        """Returns a person's enrolments and progress, for the export of their data."""
        enrolments = (await self._enrolments.of_user(user_id, limit=200)).items
        return {
            "enrolments": [
                {"course": e.course_slug, "status": e.status.value, "enrolled_at": e.created_at} for e in enrolments
            ],
            "progress": [
                {"course_id": p.course_id, "lessons": msgspec.to_builtins(p.lessons), "updated_at": p.updated_at}
                for p in await self._repository.latest(user_id)
            ],
        }

    async def forget_user(self, user_id: str) -> None:
        """Removes a deleted account's progress, in the open transaction."""
        await self._repository.delete_of_user(user_id)


def percent_done(course: Course, progress: CourseProgress | None) -> int:
    """Share of the lessons that are done, in whole percent rounded down; lessons that left do not count."""
    lessons = course.lessons()
    if not lessons or progress is None:
        return 0
    return len(_done(course, progress)) * 100 // len(lessons)


def _done(course: Course, progress: CourseProgress | None) -> list[Lesson]:
    held = progress.lessons if progress else {}
    return [lesson for lesson in course.lessons() if lesson.id in held and held[lesson.id].completed]


def lesson_to_continue(course: Course, progress: CourseProgress | None) -> Lesson | None:
    """The lesson last open if it is unfinished, else the first unfinished one after it, else the first lesson."""
    lessons = course.lessons()
    if not lessons:
        return None
    held = progress.lessons if progress else {}
    start = next((i for i, lesson in enumerate(lessons) if progress and lesson.id == progress.last_lesson_id), 0)
    in_order = [*lessons[start:], *lessons[:start]]
    return next((lesson for lesson in in_order if not held.get(lesson.id, LessonProgress()).completed), lessons[0])


def _on_dashboard(course: Course, progress: CourseProgress | None) -> CourseOnDashboard:
    done = _done(course, progress)
    return CourseOnDashboard(
        course=course,
        percent=percent_done(course, progress),
        done=len(done),
        next_lesson=lesson_to_continue(course, progress),
        seconds_left=course.duration_seconds - sum(lesson.duration_seconds for lesson in done),
    )
