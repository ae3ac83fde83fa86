"""Use cases of the catalogue and the studio."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from academy.features.accounts.model import User, person_tag
from academy.features.courses import tags
from academy.features.courses.categories import Categories
from academy.features.courses.curriculum import (
    CurriculumDraft,
    build_curriculum,
    missing_for_publication,
    outline_fields,
    reading_seconds,
    with_checked_video,
    with_lessons,
    with_video,
    with_youtube_facts,
)
from academy.features.courses.details import check_details
from academy.features.courses.errors import (
    CourseHasLearners,
    CourseNotFound,
    LessonNotFound,
    NotReadyToPublish,
    NotYourCourse,
    SlugTaken,
)
from academy.features.courses.model import (
    Category,
    Course,
    CourseDetails,
    CourseStatus,
    Lesson,
    LessonKind,
    OnOutlineChanged,
    Section,
)
from academy.features.courses.repository import CatalogueFilter, CourseList, CourseRepository, Facets
from academy.infrastructure.cache.base import Cache, Family
from academy.infrastructure.cache.cached import cached
from academy.infrastructure.cache.dependencies import depends_on
from academy.infrastructure.database.base import LARGEST_PAGE, Database, Page
from academy.infrastructure.database.errors import UniqueViolation, VersionConflict
from academy.infrastructure.security.principal import Principal, Role
from academy.kit.clock import Clock
from academy.kit.errors import InvalidError
from academy.kit.slugs import slugify

OnCourseDeleted = Callable[[str], Awaitable[None]]
"""Tells a higher feature, in the transaction that deletes it, that the course with this id is no more."""


class CourseService:
    """Courses: found by visitors, made by instructors.

    Attributes:
        category_list: the categories, for the admin.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        cache: Cache,
        *,
        on_deleted: Sequence[OnCourseDeleted] = (),
        on_outline_changed: Sequence[OnOutlineChanged] = (),
    ) -> None:
        self._database = database
        self._clock = clock
        self._cache = cache
        self._on_deleted = on_deleted
        self._on_outline_changed = on_outline_changed
        self._repository = CourseRepository(database)
        remembered = cached(cache, Family.COURSES, key=lambda: "facets", tags=lambda: tags.FACETS)
        self._facets = remembered(self._repository.facets)
        self.category_list = Categories(database, clock, self._repository, lambda: self._announce([tags.CATEGORIES]))

    async def catalogue(self, wanted: CatalogueFilter, *, limit: int = 20, cursor: str | None = None) -> Page[Course]:
        """Returns a page of published courses. Raises InvalidCursor."""
        page = await self._repository.catalogue(wanted, limit, cursor)
        depends_on(*tags.of_list(wanted, page.items))
        return page

    async def addresses(self, most: int) -> list[str]:
        """Returns the slugs of the published courses, the newest first and at most `most`."""
        depends_on(*tags.of_list(CatalogueFilter(), ()))
        page = await self._repository.catalogue(CatalogueFilter(), LARGEST_PAGE, None)
        slugs = [course.slug for course in page.items]
        while page.next_cursor and len(slugs) < most:
            page = await self._repository.catalogue(CatalogueFilter(), LARGEST_PAGE, page.next_cursor)
            slugs += [course.slug for course in page.items]
        return slugs[:most]

    async def counted_catalogue(
        self, wanted: CatalogueFilter, *, limit: int = 20, cursor: str | None = None
    ) -> CourseList:
        """Returns a page of published courses, and how many there are. Raises InvalidCursor."""
        found = await self._repository.counted_catalogue(wanted, limit, cursor)
        depends_on(*tags.of_list(wanted, found.items))
        return found

    async def facets(self) -> Facets:
        """Returns the categories, and the languages of the published courses."""
        return await self._facets()

    async def categories(self) -> list[Category]:
        """Returns the categories in their order."""
        depends_on(tags.CATEGORIES)
        return await self._repository.categories()

    async def get(self, slug: str, visitor: Principal | None = None) -> Course:
        """Returns a course a visitor may see: published or unpublished, or any that is theirs to edit.

        Whether an unpublished course shows more than its page is decided by enrolment. Raises CourseNotFound.
        """
        course = await self._repository.by_slug(slug)
        if course is None or (course.status is CourseStatus.DRAFT and not may_edit(course, visitor)):
            raise CourseNotFound
        depends_on(tags.page_tag(course.id))
        return course

    async def by_id(self, course_id: str) -> Course | None:
        """Returns the course with this id in any state."""
        return await self._repository.get(course_id)

    async def many(self, course_ids: Sequence[str]) -> dict[str, Course]:
        """Returns courses by id."""
        depends_on(*map(tags.card_tag, course_ids))
        return {course.id: course for course in await self._repository.many(course_ids)}

    async def instructors(self, courses: Sequence[Course]) -> dict[str, User]:
        """Returns the instructors of the courses by user id, with one query."""
        ids = sorted({user_id for course in courses for user_id in course.instructor_ids})
        depends_on(*map(person_tag, ids))
        return await self._repository.people(ids)

    async def lesson_text(self, lesson_id: str) -> str:
        """Returns the Markdown of a lesson, "" when it has none."""
        text = await self._repository.text(lesson_id)
        return text.markdown if text else ""

    async def create(self, principal: Principal, details: CourseDetails, *, slug: str = "") -> Course:
        """Makes a draft that belongs to `principal`. A slug made from the title gets a number when it is taken.

        Raises SlugTaken for a given slug that is taken, NotYourCourse for learners, InvalidError.
        """
        if not principal.may_act_as(Role.INSTRUCTOR):
            raise NotYourCourse
        check_details(details, await self._repository.categories())
        wanted = slugify(slug or details.title)
        if not wanted:
            field = "slug" if slug else "title"
            raise InvalidError(f"The {field} needs letters or digits.", fields={field: "Use letters or digits."})
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

    async def all(self, text: str = "", *, limit: int = 50, cursor: str | None = None) -> Page[Course]:
        """Returns all courses in every state, or those that match a search, for the admin. Raises InvalidCursor."""
        if text.strip():
            return await self._repository.search_all(text, limit, cursor)
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
        """Changes what a course says about itself. Raises as `change` does."""
        return await self.change(principal, slug, msgspec.structs.asdict(details), revision=revision)

    async def change(
        self, principal: Principal, slug: str, changes: Mapping[str, object], *, revision: int | None = None
    ) -> Course:
        """Changes some of what a course says about itself: fields of CourseDetails. The others stay as they are.

        Raises CourseNotFound, NotYourCourse, InvalidError; VersionConflict when `revision` is not the present one.
        """

        async def work() -> Course:
            course = await self.for_editing(principal, slug)
            held = {name: getattr(course, name) for name in CourseDetails.__struct_fields__}
            details = CourseDetails(**{**held, **changes})
            check_details(details, await self._repository.categories())
            fields = {name: value for name, value in msgspec.to_builtins(details).items() if name in changes}
            return await self._change(course, {**fields, "is_free": details.price.is_free}, revision)

        return await self._database.transaction(work)

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
            if revision not in (None, course.revision):  # an outline that is too old may name parts that are gone
                raise VersionConflict("courses", course.id)
            curriculum = build_curriculum(course, draft)
            kept = {lesson.id for section in curriculum for lesson in section.lessons}
            await self._repository.delete_texts([x.id for x in course.lessons() if x.has_text and x.id not in kept])
            for section, section_texts in zip(curriculum, texts, strict=False):
                section.lessons = [
                    lesson if text is None else await self._put_text(course.id, lesson, text)
                    for lesson, text in zip(section.lessons, section_texts, strict=True)
                ]
            return await self._put_outline(course, curriculum, course.revision)

        return await self._database.transaction(work)

    async def edit_lesson(
        self,
        principal: Principal,
        slug: str,
        lesson_id: str,
        change: Callable[[Lesson], Lesson],
        *,
        markdown: str | None = None,
        revision: int | None = None,
    ) -> Course:
        """Replaces a lesson by what `change` makes of it as it is now, and its Markdown when given.

        Raises LessonNotFound; VersionConflict when `revision` is not the course's present one.
        """

        async def work() -> Course:
            course = await self.for_editing(principal, slug)
            lesson = course.lesson(lesson_id)
            if lesson is None:
                raise LessonNotFound
            changed = change(lesson)
            if markdown is not None:
                changed = await self._put_text(course.id, changed, markdown)
            return await self._put_lesson(course, changed, revision)

        return await self._database.transaction(work)

    async def set_lesson_video(self, course_id: str, lesson_id: str, video_id: str | None, seconds: int) -> None:
        """Gives a lesson a video and its length in seconds, 0 while it is being checked.

        A lesson that shows a video goes on showing it until the new one is ready. Raises LessonNotFound.
        """

        async def work() -> None:
            course = await self._repository.get(course_id)
            lesson = course.lesson(lesson_id) if course else None
            if course is None or lesson is None:
                raise LessonNotFound
            await self._put_lesson(course, with_video(lesson, video_id, seconds))

        await self._database.transaction(work)

    async def set_video_duration(self, course_id: str, video_id: str, seconds: int) -> None:
        """Lets the lessons of the course that were given a video show it; 0 seconds take it away from them."""
        await self._change_lessons(course_id, lambda lesson: with_checked_video(lesson, video_id, seconds))

    async def set_youtube_facts(self, course_id: str, youtube_id: str, title: str, seconds: int) -> None:
        """Gives the lessons of the course that show a video of YouTube its length, and its title if they have none."""
        await self._change_lessons(course_id, lambda lesson: with_youtube_facts(lesson, youtube_id, title, seconds))

    async def publish(self, principal: Principal, slug: str) -> Course:
        """Puts a course into the catalogue. Publishing a published one changes nothing. Raises NotReadyToPublish."""

        async def work() -> Course:
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

        return await self._database.transaction(work)

    async def unpublish(self, principal: Principal, slug: str) -> Course:
        """Takes a course out of the catalogue; its learners keep it. A draft stays one."""

        async def work() -> Course:
            course = await self.for_editing(principal, slug)
            if course.status is not CourseStatus.PUBLISHED:
                return course
            return await self._change(course, {"status": CourseStatus.UNPUBLISHED.value}, None)

        return await self._database.transaction(work)

    async def delete(self, principal: Principal, slug: str) -> None:
        """Deletes a course nobody is enrolled in. Raises CourseHasLearners."""

        async def work() -> None:
            course = await self.for_editing(principal, slug)
            if course.enrolment_count:
                raise CourseHasLearners
            await self._repository.delete(course)
            for told in self._on_deleted:
                await told(course.id)
            self._announce(tags.deleted(course))

        await self._database.transaction(work)

    async def add_category(self, slug: str, name: str, position: int) -> None:
        """Adds a category unless there is one with this slug."""
        await self.category_list.add(slug, name, position)

    async def append_category(self, name: str) -> Category:
        """Adds a category at the end. Raises InvalidError for a name without letters or one that is taken."""
        return await self.category_list.append(name)

    async def count_enrolment(self, course_id: str, by: int) -> None:
        """Changes the number of learners, in the transaction that changes the enrolment.

        Raises CourseNotFound when a learner is to be added to a course that was deleted meanwhile.
        """
        if not await self._repository.count_enrolment(course_id, by) and by > 0:
            raise CourseNotFound
        self._announce(tags.changed_by_learners(course_id))

    async def _put_text(self, course_id: str, lesson: Lesson, markdown: str) -> Lesson:
        await self._repository.put_text(course_id, lesson.id, markdown, self._clock.now())
        changed = msgspec.structs.replace(lesson, has_text=bool(markdown.strip()))
        if lesson.kind is LessonKind.TEXT:
            changed.duration_seconds = reading_seconds(markdown)
        return changed

    async def _put_lesson(self, course: Course, lesson: Lesson, revision: int | None = None) -> Course:
        curriculum = with_lessons(course.curriculum, lambda old: lesson if old.id == lesson.id else old)
        return await self._put_outline(course, curriculum, course.revision if revision is None else revision)

    async def _change_lessons(self, course_id: str, change: Callable[[Lesson], Lesson]) -> None:
        async def work() -> None:
            course = await self._repository.get(course_id)
            curriculum = with_lessons(course.curriculum, change) if course else []
            if course and curriculum != course.curriculum:
                await self._put_outline(course, curriculum, course.revision)

        await self._database.transaction(work)

    async def _put_outline(self, course: Course, curriculum: Sequence[Section], revision: int) -> Course:
        """Called in a transaction."""
        changed = await self._change(course, outline_fields(curriculum), revision)
        for told in self._on_outline_changed:
            await told(course, changed)
        return changed

    async def _change(self, course: Course, fields: dict[str, object], revision: int | None) -> Course:
        async def work() -> Course:
            changed = await self._repository.change(course.id, revision, {**fields, "updated_at": self._clock.now()})
            if changed is None:
                raise VersionConflict("courses", course.id)
            self._announce(tags.changed_by_makers(course, changed))
            return changed

        return await self._database.transaction(work)

    def _announce(self, changed: Sequence[str]) -> None:
        """Called in a transaction, so that whoever waits for the change finds no page from before it."""
        self._database.after_commit(lambda: self._cache.invalidate_tags(changed))


def may_edit(course: Course, visitor: Principal | None) -> bool:
    """Whether a visitor is an admin, or one of the course's makers who is still an instructor."""
    if visitor is None or not visitor.may_act_as(Role.INSTRUCTOR):
        return False
    return visitor.role is Role.ADMIN or visitor.user_id in course.instructor_ids
