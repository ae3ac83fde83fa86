"""Search in what is said in videos: one video, a course, or all that a person may watch."""

import asyncio
from collections.abc import Sequence

import msgspec

from academy.features.courses.model import Course, Lesson
from academy.features.courses.previews import newest_with_previews
from academy.features.courses.service import CourseService
from academy.features.enrolment.model import EnrolmentStatus
from academy.features.enrolment.service import EnrolmentService
from academy.features.learning.service import OpenLesson, is_open
from academy.features.videos.captions import CaptionHit, CaptionHits, CaptionService
from academy.infrastructure.database.base import LARGEST_PAGE
from academy.infrastructure.database.errors import InvalidCursor
from academy.infrastructure.security.principal import Principal

HITS_ON_PAGE = 50
HITS_OF_COURSE = 10


class LessonHits(msgspec.Struct, frozen=True):
    """The hits in the video of a lesson."""

    lesson: Lesson
    hits: list[CaptionHit]


class CourseHits(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the hits in a course, by lesson.

    Attributes:
        total: hits in the course, counted up to a thousand.
        next_cursor: None on the last page.
    """

    course: Course
    lessons: list[LessonHits]
    next_cursor: str | None
    total: int


class CoursesFound(msgspec.Struct, frozen=True):
    """The first hits in each of some courses; `next_course` is the id of the one that comes next, None at the end."""

    courses: list[CourseHits]
    next_course: str | None


class VideoSearch:
    """Finds words in videos, only in those that the visitor may watch."""

    def __init__(self, captions: CaptionService, courses: CourseService, enrolments: EnrolmentService) -> None:
        self._captions = captions
        self._courses = courses
        self._enrolments = enrolments

    async def in_lesson(self, opened: OpenLesson, text: str, *, cursor: str | None = None) -> CaptionHits:
        """Searches the video of a lesson that the visitor has opened; as it is shown. Raises InvalidCursor."""
        video_id = opened.lesson.video_id
        if video_id is None:
            return CaptionHits(items=[], next_cursor=None, total=0)
        return await self._captions.search_video(text, video_id, limit=HITS_ON_PAGE, cursor=cursor)

    async def in_course(
        self, visitor: Principal | None, slug: str, text: str, *, cursor: str | None = None
    ) -> CourseHits:
        """Searches the lessons of a course that the visitor may open. Raises CourseNotFound, InvalidCursor."""
        course = await self._courses.get(slug, visitor)
        enrolled = visitor is not None and await self._enrolments.is_enrolled(visitor.user_id, course.id)
        lessons = _lessons(course, visitor, enrolled=enrolled)
        return await self._in_lessons(course, lessons, text, HITS_ON_PAGE, cursor)

    async def everywhere(self, principal: Principal, text: str, *, start: str | None = None) -> CoursesFound:
        """Searches the courses that a person learns in or makes (at most 200 of each), then the newest free previews.

        Course after course, so that a word that is said everywhere costs no more than a rare one, and until there are
        enough hits for a page; `start` is the course to begin with, without one the first. Raises InvalidCursor for one
        that is not among them.
        """
        enrolments, taught, previews = await asyncio.gather(
            self._enrolments.of_user(principal.user_id, limit=LARGEST_PAGE),
            self._courses.taught_by(principal, limit=LARGEST_PAGE),
            newest_with_previews(self._courses),
        )
        learning = [one.course_id for one in enrolments.items if one.status is EnrolmentStatus.ACTIVE]
        held = await self._courses.many(learning)
        mine = [held[course_id] for course_id in learning if course_id in held]
        searched = {course.id: course for course in [*mine, *taught.items, *previews]}
        if start is not None and start not in searched:
            raise InvalidCursor
        order = list(searched)
        found: list[CourseHits] = []
        for number in range(order.index(start) if start else 0, len(order)):
            if sum(min(one.total, HITS_OF_COURSE) for one in found) >= HITS_ON_PAGE:
                return CoursesFound(found, order[number])
            course = searched[order[number]]
            lessons = _lessons(course, principal, enrolled=course.id in held)
            hits = await self._in_lessons(course, lessons, text, HITS_OF_COURSE, None)
            found += [hits] if hits.lessons else []
        return CoursesFound(found, None)

    async def _in_lessons(
        self, course: Course, lessons: Sequence[Lesson], text: str, limit: int, cursor: str | None
    ) -> CourseHits:
        """Searches these lessons of a course, and gives the hits of the page in the order of the lessons."""
        videos = [lesson.video_id for lesson in lessons if lesson.video_id]
        if not videos:
            return CourseHits(course=course, lessons=[], next_cursor=None, total=0)
        found = await self._captions.search_course(text, course.id, videos, limit=limit, cursor=cursor)
        groups = [
            LessonHits(lesson, [hit for hit in found.items if hit.video_id == lesson.video_id]) for lesson in lessons
        ]
        with_hits = [group for group in groups if group.hits]
        return CourseHits(course=course, lessons=with_hits, next_cursor=found.next_cursor, total=found.total)


def _lessons(course: Course, visitor: Principal | None, *, enrolled: bool) -> list[Lesson]:
    """Returns the lessons that a visitor may open."""
    return [lesson for lesson in course.lessons() if enrolled or is_open(course, lesson, visitor)]
