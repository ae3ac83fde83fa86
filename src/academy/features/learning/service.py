"""Use cases of the learning: what a learner may open, how far they are, where they go on."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from academy.features.courses.errors import LessonNotFound
from academy.features.courses.model import Course, CourseStatus, LearnerState, Lesson, Section
from academy.features.courses.service import CourseService, may_edit
from academy.features.enrolment.errors import NotEnrolled
from academy.features.enrolment.model import EnrolmentStatus
from academy.features.enrolment.service import EnrolmentService
from academy.features.learning.errors import LessonLocked
from academy.features.learning.model import CourseCompleted, CourseProgress, LessonCompleted, LessonProgress
from academy.features.learning.repository import ProgressRepository
from academy.infrastructure.database.base import LARGEST_PAGE, Database
from academy.infrastructure.database.errors import UniqueViolation
from academy.infrastructure.jobs.base import JobQueue
from academy.infrastructure.security.principal import Principal
from academy.kit.clock import Clock
from academy.kit.errors import InvalidError

LONGEST_VIDEO_SECONDS = 24 * 3600
FINISHED = 100
_FIRST_RECORD_TRIES = 3
_HARDLY_BEGUN_SECONDS = 2
_SEEN_SHARE = 0.95


class OpenLesson(msgspec.Struct, frozen=True, kw_only=True):
    """A lesson as the player shows it.

    Attributes:
        section: the one that the lesson is in.
        number: its place in the course, from 1.
        enrolled: whether progress is kept for the visitor.
        progress: None for a visitor who is not enrolled or has not begun.
    """

    course: Course
    section: Section
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

    @property
    def done(self) -> set[str]:
        """Ids of the course's lessons that are done."""
        return {lesson.id for lesson in _done(self.course, self.progress)}


class CourseOnDashboard(msgspec.Struct, frozen=True, kw_only=True):
    """A course on the dashboard.

    Attributes:
        begun: whether the learner has opened any of its lessons.
        percent: share of the lessons that are done; done: their number.
        next_lesson: where *Continue* leads; None for a course without lessons.
        lesson_seconds_left: what is left of that lesson.
        seconds_left: what is left of all lessons not yet done.
    """

    course: Course
    begun: bool
    percent: int
    done: int
    next_lesson: Lesson | None
    lesson_seconds_left: float
    seconds_left: float


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
        """Returns a lesson to whoever may see it: the enrolled, and those to whom it `is_open`.

        Raises CourseNotFound, LessonNotFound, LessonLocked.
        """
        course = await self._courses.get(slug, visitor)
        lessons = course.lessons()
        index = next((i for i, lesson in enumerate(lessons) if lesson.id == lesson_id), None)
        if index is None:
            raise LessonNotFound
        lesson = lessons[index]
        enrolled = visitor is not None and await self._enrolments.is_enrolled(visitor.user_id, course.id)
        if not (enrolled or is_open(course, lesson, visitor)):
            raise LessonLocked
        progress = await self._repository.of(visitor.user_id, course.id) if visitor and enrolled else None
        return OpenLesson(
            course=course,
            section=next(section for section in course.curriculum if lesson in section.lessons),
            lesson=lesson,
            previous=lessons[index - 1] if index else None,
            next=lessons[index + 1] if index + 1 < len(lessons) else None,
            number=index + 1,
            enrolled=enrolled,
            progress=progress,
        )

    async def record(
        self,
        principal: Principal,
        slug: str,
        lesson_id: str,
        *,
        position_seconds: float | None = None,
        completed: bool | None = None,
    ) -> tuple[Course, CourseProgress]:
        """Keeps how far a learner is in a lesson, and that it was the last one open; returns the course and all of it.

        What is None stays as it was. Raises CourseNotFound, LessonNotFound, NotEnrolled, InvalidError.
        """
        if position_seconds is not None and not 0 <= position_seconds <= LONGEST_VIDEO_SECONDS:
            text = "The position must lie between 0 seconds and a day."
            raise InvalidError(text, fields={"position_seconds": text})
        course = await self._courses.get(slug, principal)
        if course.lesson(lesson_id) is None:
            raise LessonNotFound
        for attempt in range(_FIRST_RECORD_TRIES):
            try:
                return course, await self._database.transaction(
                    lambda: self._record_now(principal, course, lesson_id, position_seconds, completed)
                )
            except UniqueViolation:
                # Two devices recorded the very first progress at once; the row is there now.
                if attempt + 1 == _FIRST_RECORD_TRIES:
                    raise
        raise AssertionError("unreachable")

    async def _record_now(
        self,
        principal: Principal,
        course: Course,
        lesson_id: str,
        position_seconds: float | None,
        completed: bool | None,
    ) -> CourseProgress:
        if not await self._enrolments.is_enrolled(principal.user_id, course.id):
            raise NotEnrolled
        held = await self._repository.of(principal.user_id, course.id)
        before = held.lessons.get(lesson_id, LessonProgress()) if held else LessonProgress()
        progress = LessonProgress(
            position_seconds=before.position_seconds if position_seconds is None else position_seconds,
            completed=before.completed if completed is None else completed,
        )
        now = self._clock.now()
        stored = await self._repository.record(principal.user_id, course.id, lesson_id, progress, now)
        if progress.completed and not before.completed:
            await self._queue.publish(
                LessonCompleted(user_id=principal.user_id, course_id=course.id, lesson_id=lesson_id)
            )
        if stored.completed_at is None and percent_done(course, stored) == FINISHED:
            await self._repository.mark_course_completed(stored.id, now)
            stored.completed_at = now
            await self._queue.publish(CourseCompleted(user_id=principal.user_id, course_id=course.id))
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
                done=frozenset(lesson.id for lesson in _done(course, progress.get(course_id))),
            )
        return states

    async def percents(self, courses: Mapping[tuple[str, str], Course]) -> dict[tuple[str, str], int]:
        """Returns the share done, in whole percent, by user id and course id; `courses` has at most 200 such pairs."""
        users: dict[str, list[str]] = {}
        for user_id, course_id in courses:
            users.setdefault(user_id, []).append(course_id)
        found = await asyncio.gather(*(self._repository.of_user_in(user_id, ids) for user_id, ids in users.items()))
        progress = {(one.user_id, one.course_id): one for held in found for one in held}
        return {pair: percent_done(course, progress.get(pair)) for pair, course in courses.items()}

    async def dashboard(self, principal: Principal) -> list[CourseOnDashboard]:
        """Returns the learner's courses (at most 200): last touched first, then those not begun, newest first."""
        page = await self._enrolments.of_user(principal.user_id, limit=LARGEST_PAGE)
        enrolled = [e.course_id for e in page.items if e.status is EnrolmentStatus.ACTIVE]
        courses = await self._courses.many(enrolled)
        progress = {p.course_id: p for p in await self._repository.latest(principal.user_id)}
        begun = [course_id for course_id in progress if course_id in courses]
        rest = [course_id for course_id in enrolled if course_id in courses and course_id not in progress]
        return [_on_dashboard(courses[course_id], progress.get(course_id)) for course_id in [*begun, *rest]]

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


def is_open(course: Course, lesson: Lesson, visitor: Principal | None) -> bool:
    """Whether somebody who is not enrolled may see a lesson: the makers, and everybody the free previews.

    A course that left the catalogue has no previews.
    """
    return (lesson.free_preview and course.status is CourseStatus.PUBLISHED) or may_edit(course, visitor)


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


def resume_at(position_seconds: float, duration_seconds: float) -> float:
    """Where a video that was left at a position starts again: there, or at 0 when hardly begun or seen to its end."""
    begun = position_seconds >= _HARDLY_BEGUN_SECONDS
    return position_seconds if begun and position_seconds < duration_seconds * _SEEN_SHARE else 0.0


def _seconds_left(lesson: Lesson, progress: CourseProgress | None) -> float:
    held = (progress.lessons.get(lesson.id) if progress else None) or LessonProgress()
    return 0 if held.completed else max(lesson.duration_seconds - held.position_seconds, 0)


def _on_dashboard(course: Course, progress: CourseProgress | None) -> CourseOnDashboard:
    next_lesson = lesson_to_continue(course, progress)
    return CourseOnDashboard(
        course=course,
        begun=progress is not None,
        percent=percent_done(course, progress),
        done=len(_done(course, progress)),
        next_lesson=next_lesson,
        lesson_seconds_left=_seconds_left(next_lesson, progress) if next_lesson else 0,
        seconds_left=sum(_seconds_left(lesson, progress) for lesson in course.lessons()),
    )
