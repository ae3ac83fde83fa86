"""Use cases of the catalogue and the studio."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from academy.features.accounts.model import User
from academy.features.courses.curriculum import CurriculumDraft, build_curriculum, reading_seconds, totals
from academy.features.courses.errors import (
    CourseNotFound,
    LessonNotFound,
    NotReadyToPublish,
    NotYourCourse,
    SlugTaken,
)
from academy.features.courses.model import Category, Course, CourseStatus, Lesson, LessonKind, LessonText, Level
from academy.features.courses.repository import CatalogueFilter, CourseList, CourseRepository
from academy.infrastructure.database.base import Database, Page
from academy.infrastructure.database.errors import UniqueViolation, VersionConflict
from academy.infrastructure.security.principal import Principal, Role
from academy.kit.clock import Clock
from academy.kit.errors import InvalidError
from academy.kit.money import Money
from academy.kit.slugs import slugify

PublicContentChanged = Callable[[], Awaitable[None]]


class LearnerState(msgspec.Struct, frozen=True, kw_only=True):
    """What a learner has to do with a course: how far they are, and the lesson *Continue* leads to."""

    percent: int
    next_lesson_id: str | None


LearnerStates = Callable[[str, Sequence[str]], Awaitable[Mapping[str, LearnerState]]]
"""Asks a higher feature: for this user, the state in each of these courses in which they are enrolled."""


class CourseDetails(msgspec.Struct, kw_only=True, frozen=True):
    """What the makers of a course say about it."""

    title: str
    subtitle: str = ""
    description: str = ""
    category: str = ""
    level: Level = Level.BEGINNER
    language: str = "en"
    price: Money
    tags: list[str] = []
    outcomes: list[str] = []
    requirements: list[str] = []


class CourseService:
    """Courses: found by visitors, made by instructors."""

    def __init__(self, database: Database, clock: Clock, content_changed: PublicContentChanged) -> None:
        self._database = database
        self._clock = clock
        self._content_changed = content_changed
        self._repository = CourseRepository(database)

    # --- for visitors ---

    async def catalogue(self, wanted: CatalogueFilter, *, limit: int = 20, cursor: str | None = None) -> CourseList:
        """Returns a page of published courses. Raises InvalidCursor."""
        return await self._repository.catalogue(wanted, limit, cursor)

    async def categories(self) -> list[Category]:
        """Returns the categories in their order."""
        return await self._repository.categories()

    async def get(self, slug: str, visitor: Principal | None = None) -> Course:
        """Returns a course a visitor may see: published or unpublished, or any that is theirs to edit.

        Whether an unpublished course shows more than its page is decided by enrolment. Raises CourseNotFound.
        """
        course = await self._repository.by_slug(slug)
        if course is None or (course.status is CourseStatus.DRAFT and not may_edit(course, visitor)):
            raise CourseNotFound
        return course

    async def by_id(self, course_id: str) -> Course | None:
        """Returns the course with this id in any state."""
        return await self._repository.get(course_id)

    async def many(self, course_ids: Sequence[str]) -> dict[str, Course]:
        """Returns courses by id."""
        return {course.id: course for course in await self._repository.many(course_ids)}

    async def instructors(self, courses: Sequence[Course]) -> dict[str, User]:
        """Returns the instructors of the courses by user id, with one query."""
        ids = sorted({user_id for course in courses for user_id in course.instructor_ids})
        return await self._repository.people(ids)

    async def lesson_text(self, lesson_id: str) -> str:
        """Returns the Markdown of a lesson, "" when it has none."""
        text = await self._repository.text(lesson_id)
        return text.markdown if text else ""

    # --- for instructors ---

    async def create(self, principal: Principal, details: CourseDetails, *, slug: str = "") -> Course:
        """Makes a draft that belongs to `principal`. A slug made from the title gets a number when it is taken.

        Raises SlugTaken for a given slug that is taken, NotYourCourse for learners, InvalidError.
        """
        if not principal.may_act_as(Role.INSTRUCTOR):
            raise NotYourCourse
        self._check(details, await self._repository.categories())
        wanted = slugify(slug or details.title)
        if not wanted:
            raise InvalidError("The title needs letters or digits.", fields={"title": "Use letters or digits."})
        for attempt in range(1, 50):
            candidate = wanted if attempt == 1 else f"{wanted}-{attempt}"
            try:
                return await self._insert(principal, details, candidate)
            except UniqueViolation as error:
                if slug:
                    raise SlugTaken from error
        raise SlugTaken

    async def _insert(self, principal: Principal, details: CourseDetails, slug: str) -> Course:
        now = self._clock.now()
        course = Course(
            slug=slug,
            instructor_ids=[principal.user_id],
            is_free=details.price.is_free,
            created_at=now,
            updated_at=now,
            **msgspec.structs.asdict(details),
        )
        await self._repository.insert(course)
        return course

    async def taught_by(self, principal: Principal, *, limit: int = 50, cursor: str | None = None) -> Page[Course]:
        """Returns the courses a person may edit: theirs, or all for admins."""
        if principal.role is Role.ADMIN:
            return await self._repository.all(limit, cursor)
        return await self._repository.taught_by(principal.user_id, limit, cursor)

    async def all(self, *, limit: int = 50, cursor: str | None = None) -> Page[Course]:
        """Returns all courses in every state, for the admin."""
        return await self._repository.all(limit, cursor)

    async def count(self, status: CourseStatus | None = None) -> int:
        """Counts courses."""
        return await self._repository.count(status)

    async def for_editing(self, principal: Principal, slug: str) -> Course:
        """Returns a course to its makers. Raises CourseNotFound, also for a stranger's draft, and NotYourCourse."""
        course = await self.get(slug, principal)
        if not may_edit(course, principal):
            raise NotYourCourse
        return course

    async def edit(
        self, principal: Principal, slug: str, details: CourseDetails, *, revision: int | None = None
    ) -> Course:
        """Changes what a course says about itself. Raises VersionConflict when `revision` is not the present one."""
        course = await self.for_editing(principal, slug)
        self._check(details, await self._repository.categories())
        fields = msgspec.to_builtins(details, builtin_types=())
        return await self._change(course, {**fields, "is_free": details.price.is_free}, revision)

    async def set_cover(self, principal: Principal, slug: str, cover_key: str | None) -> Course:
        """Puts a stored image on the course, or takes it off."""
        course = await self.for_editing(principal, slug)
        return await self._change(course, {"cover_key": cover_key}, None)

    async def set_curriculum(
        self,
        principal: Principal,
        slug: str,
        draft: CurriculumDraft,
        *,
        revision: int | None = None,
        texts: Sequence[Sequence[str | None]] = (),
    ) -> Course:
        """Replaces the outline: order, titles, sections, lessons. Lessons keep their ids, texts and videos.

        `texts`, when given, holds for each section the Markdown of each lesson, or None to leave it as it is. Raises
        InvalidCurriculum, VersionConflict.
        """

        async def work() -> Course:
            course = await self.for_editing(principal, slug)
            curriculum = build_curriculum(course, draft)
            for section, section_texts in zip(curriculum, texts, strict=False):
                section.lessons = [
                    lesson if text is None else await self._put_text(course.id, lesson, text)
                    for lesson, text in zip(section.lessons, section_texts, strict=True)
                ]
            lesson_count, seconds = totals(curriculum)
            fields: dict[str, object] = {
                "curriculum": msgspec.to_builtins(curriculum),
                "lesson_count": lesson_count,
                "duration_seconds": seconds,
            }
            return await self._change(course, fields, course.revision if revision is None else revision)

        return await self._database.transaction(work)

    async def edit_lesson(
        self, principal: Principal, slug: str, lesson: Lesson, *, markdown: str | None = None
    ) -> Course:
        """Replaces one lesson (by its id) and, when given, its Markdown. Raises LessonNotFound."""

        async def work() -> Course:
            course = await self.for_editing(principal, slug)
            if course.lesson(lesson.id) is None:
                raise LessonNotFound
            changed = lesson
            if markdown is not None:
                changed = await self._put_text(course.id, lesson, markdown)
            return await self._put_lesson(course, changed)

        return await self._database.transaction(work)

    async def set_lesson_video(self, course_id: str, lesson_id: str, video_id: str | None, seconds: int) -> None:
        """Tells a lesson which video it shows and how long that is. A lesson that is gone is left alone."""

        async def work() -> None:
            course = await self._repository.get(course_id)
            lesson = course.lesson(lesson_id) if course else None
            if course and lesson:
                await self._put_lesson(
                    course, msgspec.structs.replace(lesson, video_id=video_id, duration_seconds=seconds)
                )

        await self._database.transaction(work)

    async def set_video_duration(self, course_id: str, video_id: str, seconds: int) -> None:
        """Puts the length of a video on every lesson of the course that shows it."""
        course = await self._repository.get(course_id)
        for lesson in course.lessons() if course else []:
            if lesson.video_id == video_id:
                await self.set_lesson_video(course_id, lesson.id, video_id, seconds)

    async def publish(self, principal: Principal, slug: str) -> Course:
        """Puts a course into the catalogue. Publishing a published one changes nothing. Raises NotReadyToPublish."""
        course = await self.for_editing(principal, slug)
        missing = missing_for_publication(course)
        if missing:
            raise NotReadyToPublish(missing)
        if course.status is CourseStatus.PUBLISHED:
            return course
        fields: dict[str, object] = {"status": CourseStatus.PUBLISHED.value}
        if course.published_at is None:
            fields["published_at"] = self._clock.now()
        return await self._change(course, fields, None)

    async def unpublish(self, principal: Principal, slug: str) -> Course:
        """Takes a course out of the catalogue; its learners keep it. A draft stays one."""
        course = await self.for_editing(principal, slug)
        if course.status is not CourseStatus.PUBLISHED:
            return course
        return await self._change(course, {"status": CourseStatus.UNPUBLISHED.value}, None)

    async def delete(self, principal: Principal, slug: str) -> None:
        """Deletes a course nobody is enrolled in. Raises InvalidError when it has learners: unpublish it instead."""

        async def work() -> None:
            course = await self.for_editing(principal, slug)
            if course.enrolment_count:
                raise InvalidError("This course has learners. Unpublish it instead: they keep what they have.")
            await self._repository.delete(course)
            self._database.after_commit(self._content_changed)

        await self._database.transaction(work)

    # --- for the demo loader and higher features ---

    async def add_category(self, slug: str, name: str, position: int) -> None:
        """Adds a category unless there is one with this slug."""
        now = self._clock.now()
        await self._repository.put_category(
            Category(slug=slug, name=name, position=position, created_at=now, updated_at=now)
        )

    async def count_enrolment(self, course_id: str, by: int) -> None:
        """Changes the number of learners, in the transaction that changes the enrolment."""
        await self._repository.count_enrolment(course_id, by)
        self._database.after_commit(self._content_changed)

    async def lesson_texts(self, course: Course) -> list[LessonText]:
        """Returns the Markdown of all lessons of a course that have some."""
        texts = [await self._repository.text(lesson.id) for lesson in course.lessons() if lesson.has_text]
        return [text for text in texts if text is not None]

    # --- inside ---

    async def _put_text(self, course_id: str, lesson: Lesson, markdown: str) -> Lesson:
        await self._repository.put_text(course_id, lesson.id, markdown, self._clock.now())
        changed = msgspec.structs.replace(lesson, has_text=bool(markdown.strip()))
        if lesson.kind is LessonKind.TEXT:
            changed.duration_seconds = reading_seconds(markdown)
        return changed

    async def _put_lesson(self, course: Course, lesson: Lesson) -> Course:
        curriculum = [
            msgspec.structs.replace(
                section, lessons=[lesson if old.id == lesson.id else old for old in section.lessons]
            )
            for section in course.curriculum
        ]
        lesson_count, seconds = totals(curriculum)
        fields: dict[str, object] = {
            "curriculum": msgspec.to_builtins(curriculum),
            "lesson_count": lesson_count,
            "duration_seconds": seconds,
        }
        return await self._change(course, fields, course.revision)

    async def _change(self, course: Course, fields: dict[str, object], revision: int | None) -> Course:
        changed = await self._repository.change(course.id, revision, {**fields, "updated_at": self._clock.now()})
        if changed is None:
            raise VersionConflict("courses", course.id)
        self._database.after_commit(self._content_changed)
        return changed

    @staticmethod
    def _check(details: CourseDetails, categories: Sequence[Category]) -> None:
        fields: dict[str, str] = {}
        if not details.title.strip():
            fields["title"] = "Give the course a title."
        if details.category and details.category not in {c.slug for c in categories}:
            fields["category"] = "Choose one of the categories."
        if details.price.amount < 0:
            fields["price"] = "The price cannot be negative."
        if fields:
            raise InvalidError("Some fields need another look.", fields=fields)


def may_edit(course: Course, visitor: Principal | None) -> bool:
    """Whether a visitor is one of the course's makers or an admin."""
    return visitor is not None and (visitor.role is Role.ADMIN or visitor.user_id in course.instructor_ids)


def missing_for_publication(course: Course) -> dict[str, str]:
    """Returns what a course still lacks: field -> what to do. Empty when it can be published."""
    missing: dict[str, str] = {}
    if not course.subtitle:
        missing["subtitle"] = "Add a subtitle: one line that says what the course is about."
    if not course.description:
        missing["description"] = "Describe the course."
    if not course.category:
        missing["category"] = "Choose a category."
    if not course.lessons():
        missing["curriculum"] = "Add at least one lesson."
    for lesson in course.lessons():
        lack = _lacks(lesson)
        if lack:
            missing[f"lesson:{lesson.id}"] = f"“{lesson.title}”: {lack}"
    return missing


def _lacks(lesson: Lesson) -> str:
    """What a lesson still lacks, "" when nothing."""
    match lesson.kind:
        case LessonKind.VIDEO:
            return "" if lesson.video_id and lesson.duration_seconds else "upload its video and wait until it is ready."
        case LessonKind.TEXT:
            return "" if lesson.has_text else "write its text."
        case LessonKind.FILE:
            return "" if lesson.file_key else "upload its file."
        case LessonKind.YOUTUBE:
            return "" if lesson.youtube_id else "add the address of its YouTube video."
