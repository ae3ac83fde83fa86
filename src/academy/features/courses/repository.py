"""Every query of the courses."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from academy.features.accounts.model import User
from academy.features.courses.model import Category, Course, CourseStatus, LessonText, Level, Review
from academy.infrastructure.database.base import SEARCH_CANDIDATES, Database, Page, SearchPage

# Nobody looks at so many; and counting all of a large academy would take longer than finding a page of it.
MOST_COUNTED = SEARCH_CANDIDATES


class CourseSort(StrEnum):
    """Orders of the catalogue."""

    NEWEST = "newest"
    POPULAR = "popular"
    RATING = "rating"
    PRICE = "price"


_SORT_KEYS = {
    CourseSort.NEWEST: ("-published_at",),
    CourseSort.POPULAR: ("-enrolment_count",),
    CourseSort.RATING: ("-rating.average",),
    CourseSort.PRICE: ("price.amount",),
}


class CatalogueFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What a visitor looks for. Empty values do not narrow.

    Attributes:
        q: words to search.
        price: `free` or `paid`.
        min_rating: least average of stars.
        sort: None orders a search by how well it matches, and everything else by newest.
    """

    q: str = ""
    category: str = ""
    level: Level | None = None
    language: str = ""
    price: str = ""
    min_rating: float = 0.0
    sort: CourseSort | None = None

    def query(self) -> dict[str, object]:
        """The database filter: published courses that fit."""
        query: dict[str, object] = {"status": CourseStatus.PUBLISHED.value}
        if self.category:
            query["category"] = self.category
        if self.level is not None:
            query["level"] = self.level.value
        if self.language:
            query["language"] = self.language
        if self.price:
            query["is_free"] = self.price == "free"
        if self.min_rating:
            # Not "$gte": an engine would walk the many well-rated ones by the index of ratings and sort them all.
            query["rating.average"] = {"$not": {"$lt": self.min_rating}}
        return query


class CourseList(msgspec.Struct, frozen=True):
    """One page of the catalogue, with the number of courses that fit in all, counted up to MOST_COUNTED."""

    items: list[Course]
    next_cursor: str | None
    total: int


class Facets(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to narrow by: the categories in their order, the languages (codes) of the published courses."""

    categories: list[Category]
    languages: list[str]


class CourseRepository:
    """Courses, their texts and categories."""

    def __init__(self, database: Database) -> None:
        self._courses = database.collection(Course)
        self._texts = database.collection(LessonText)
        self._reviews = database.collection(Review)
        self._users = database.collection(User)
        self._categories = database.collection(Category)

    async def catalogue(self, wanted: CatalogueFilter, limit: int, cursor: str | None) -> Page[Course]:
        """Returns a page of the published courses that fit."""
        if wanted.q.strip():
            found = await self._search(wanted, limit, cursor)
            return Page(found.items, found.next_cursor)
        sort = _SORT_KEYS[wanted.sort or CourseSort.NEWEST]
        return await self._courses.page(wanted.query(), sort=sort, limit=limit, cursor=cursor)

    async def counted_catalogue(self, wanted: CatalogueFilter, limit: int, cursor: str | None) -> CourseList:
        """Returns a page of the published courses that fit, and how many there are."""
        if wanted.q.strip():
            found = await self._search(wanted, limit, cursor)
            return CourseList(found.items, found.next_cursor, found.total)
        page, total = await asyncio.gather(
            self.catalogue(wanted, limit, cursor), self._courses.count(wanted.query(), at_most=MOST_COUNTED)
        )
        return CourseList(page.items, page.next_cursor, total)

    async def _search(self, wanted: CatalogueFilter, limit: int, cursor: str | None) -> SearchPage[Course]:
        sort = _SORT_KEYS[wanted.sort] if wanted.sort else ()
        return await self._courses.search(wanted.q, wanted.query(), sort=sort, limit=limit, cursor=cursor)

    async def facets(self) -> Facets:
        """Returns the categories, and the languages of the published courses."""
        categories, languages = await asyncio.gather(self.categories(), self._languages())
        return Facets(categories=categories, languages=languages)

    async def _languages(self) -> list[str]:
        """Jumps through the index from one language to the next: one query for each, however many courses there are."""
        found: list[str] = []
        while True:
            query: dict[str, object] = {"status": CourseStatus.PUBLISHED.value}
            if found:
                query["language"] = {"$gt": found[-1]}
            course = await self._courses.find_one(query, sort=("language", "-published_at"))
            if course is None:
                return found
            found.append(course.language)

    async def by_slug(self, slug: str) -> Course | None:
        """Returns the course at this address."""
        return await self._courses.find_one({"slug": slug})

    async def get(self, course_id: str) -> Course | None:
        """Returns the course with this id."""
        return await self._courses.get(course_id)

    async def many(self, course_ids: Sequence[str]) -> list[Course]:
        """Returns the courses with these ids (at most 200), in no promised order."""
        return await self._courses.find({"id": {"$in": list(course_ids)}}) if course_ids else []

    async def taught_by(self, user_id: str, limit: int, cursor: str | None) -> Page[Course]:
        """Returns the courses of an instructor, last changed first."""
        return await self._courses.page({"instructor_ids": user_id}, sort=("-updated_at",), limit=limit, cursor=cursor)

    async def all(self, limit: int, cursor: str | None) -> Page[Course]:
        """Returns all courses in every state, last changed first."""
        return await self._courses.page({}, sort=("-updated_at",), limit=limit, cursor=cursor)

    async def search_all(self, text: str, limit: int, cursor: str | None) -> Page[Course]:
        """Returns the courses in every state that match a search, best match first."""
        found = await self._courses.search(text, {}, limit=limit, cursor=cursor)
        return Page(found.items, found.next_cursor)

    async def count(self, status: CourseStatus | None = None) -> int:
        """Counts the courses, or those in one state."""
        return await self._courses.count({"status": status.value} if status else {})

    async def insert(self, course: Course) -> None:
        """Stores a new course. Raises UniqueViolation for a taken slug."""
        await self._courses.insert(course)

    async def change(self, course_id: str, revision: int | None, fields: dict[str, object]) -> Course | None:
        """Sets fields of a course and counts its revision; None when it has another revision than `revision` by now.

        Without `revision` the change is made in any case.
        """
        query: dict[str, object] = {"id": course_id}
        if revision is not None:
            query["revision"] = revision
        return await self._courses.find_and_update(query, {"$set": fields, "$inc": {"revision": 1}})

    async def delete(self, course: Course) -> None:
        """Removes a course with its texts and the reviews that learners left behind."""
        await self._courses.delete_one({"id": course.id})
        await self._texts.delete_many({"course_id": course.id})
        await self._reviews.delete_many({"course_id": course.id})

    async def count_enrolment(self, course_id: str, by: int) -> bool:
        """Adds `by` to the course's number of learners. Returns whether there is such a course."""
        return await self._courses.update_one({"id": course_id}, {"$inc": {"enrolment_count": by}})

    async def text(self, lesson_id: str) -> LessonText | None:
        """Returns the Markdown of a lesson."""
        return await self._texts.get(lesson_id)

    async def put_text(self, course_id: str, lesson_id: str, markdown: str, now: datetime) -> None:
        """Stores the Markdown of a lesson."""
        fresh = LessonText(id=lesson_id, course_id=course_id, markdown=markdown, created_at=now, updated_at=now)
        change = {"$set": {"markdown": markdown, "updated_at": now}}
        await self._texts.find_and_update({"id": lesson_id}, change, insert=fresh)

    async def delete_texts(self, lesson_ids: Sequence[str]) -> None:
        """Removes the Markdown of lessons."""
        if lesson_ids:
            await self._texts.delete_many({"id": {"$in": list(lesson_ids)}})

    async def people(self, user_ids: Sequence[str]) -> dict[str, User]:
        """Returns users (at most 200) by id."""
        users = await self._users.find({"id": {"$in": list(user_ids)}}) if user_ids else []
        return {user.id: user for user in users}

    async def categories(self) -> list[Category]:
        """Returns all categories in their order."""
        return await self._categories.find({}, sort=("position",))

    async def insert_category(self, category: Category) -> None:
        """Stores a new category. Raises UniqueViolation for a taken slug."""
        await self._categories.insert(category)

    async def rename_category(self, slug: str, name: str, now: datetime) -> bool:
        """Changes the name of a category. Returns whether there is such a one."""
        return await self._categories.update_one({"slug": slug}, {"$set": {"name": name, "updated_at": now}})

    async def delete_category(self, slug: str) -> bool:
        """Removes a category. Returns whether there was such a one."""
        return await self._categories.delete_one({"slug": slug})

    async def is_category_used(self, slug: str) -> bool:
        """Whether a course in any state is in a category."""
        states = [status.value for status in CourseStatus]  # The index begins with the state.
        return await self._courses.find_one({"status": {"$in": states}, "category": slug}) is not None


class ReviewRepository:
    """Reviews."""

    def __init__(self, database: Database) -> None:
        self._reviews = database.collection(Review)
        self._courses = database.collection(Course)

    async def of_course(self, course_id: str, limit: int, cursor: str | None) -> Page[Review]:
        """Returns a course's reviews, newest first."""
        return await self._reviews.page({"course_id": course_id}, sort=("-created_at",), limit=limit, cursor=cursor)

    async def of_user(self, course_id: str, user_id: str) -> Review | None:
        """Returns a learner's review of a course."""
        return await self._reviews.find_one({"course_id": course_id, "user_id": user_id})

    async def by_user(self, user_id: str) -> list[Review]:
        """Returns all reviews a person wrote (at most 200)."""
        return await self._reviews.find({"user_id": user_id})

    async def best(self, limit: int) -> list[Review]:
        """Returns the newest five-star reviews that say something."""
        return await self._reviews.find({"stars": 5, "text": {"$ne": ""}}, sort=("-created_at",), limit=limit)

    async def insert(self, review: Review) -> None:
        """Stores a new review. Raises UniqueViolation."""
        await self._reviews.insert(review)

    async def replace(self, review: Review) -> Review:
        """Stores a changed review. Raises VersionConflict."""
        return await self._reviews.replace(review)

    async def course_for_update(self, course_id: str) -> Course | None:
        """Returns the course after touching it, so that concurrent reviews of it wait for each other."""
        return await self._courses.find_and_update({"id": course_id}, {"$inc": {"rating.count": 0}})

    async def set_rating(self, course: Course) -> None:
        """Stores the course's rating."""
        rating = {f"rating.{name}": value for name, value in msgspec.structs.asdict(course.rating).items()}
        await self._courses.update_one({"id": course.id}, {"$set": rating})

    async def stars_of(self, course_id: str) -> dict[int, int]:
        """Counts a course's reviews by their stars."""
        groups = await self._reviews.group({"course_id": course_id}, by="stars")
        return {int(group.key): group.count for group in groups if group.key is not None}

    async def rename_author(self, user_id: str, name: str) -> None:
        """Puts another name on all reviews of a person."""
        await self._reviews.update_many({"user_id": user_id}, {"$set": {"author_name": name}})
