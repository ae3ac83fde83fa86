"""Use cases of the reviews."""

from collections.abc import Awaitable, Callable, Iterable

import msgspec

from academy.features.courses import tags
from academy.features.courses.errors import CourseNotFound, OnlyLearnersReview
from academy.features.courses.model import Course, CourseReviewed, CourseStatus, Rating, Review
from academy.features.courses.repository import CourseRepository, ReviewRepository
from academy.infrastructure.cache.base import Cache
from academy.infrastructure.cache.dependencies import depends_on
from academy.infrastructure.database.base import Database, Page
from academy.infrastructure.jobs.base import JobQueue
from academy.infrastructure.security.principal import Principal
from academy.kit.clock import Clock
from academy.kit.errors import ForbiddenError, InvalidError

IsEnrolled = Callable[[str, str], Awaitable[bool]]
"""Asks a higher feature: has this user (id) access to this course (id)?"""

MOST_STARS = 5
LONGEST_REVIEW = 4_000


def rating_of(stars: dict[int, int]) -> Rating:
    """Returns the rating of a course from how many reviews give how many stars."""
    count = sum(stars.values())
    total = sum(value * number for value, number in stars.items())
    return Rating(
        count=count,
        total=total,
        average=round(total / count, 2) if count else 0.0,
        **{f"stars_{value}": stars.get(value, 0) for value in range(1, MOST_STARS + 1)},
    )


class ReviewService:
    """Reviews: one per learner and course; the course's rating is always exactly theirs."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        is_enrolled: IsEnrolled,
        cache: Cache,
        queue: JobQueue,
    ) -> None:
        self._database = database
        self._clock = clock
        self._queue = queue
        self._is_enrolled = is_enrolled
        self._cache = cache
        self._repository = ReviewRepository(database)
        self._courses = CourseRepository(database)

    async def of_course(self, course: Course, *, limit: int = 10, cursor: str | None = None) -> Page[Review]:
        """Returns a course's reviews, newest first. Raises InvalidCursor."""
        depends_on(tags.page_tag(course.id))
        return await self._repository.of_course(course.id, limit, cursor)

    async def mine(self, principal: Principal, course: Course) -> Review | None:
        """Returns the review that `principal` wrote."""
        return await self._repository.of_user(course.id, principal.user_id)

    async def best(self, limit: int = 3) -> list[Review]:
        """Returns the newest five-star reviews, for the landing page."""
        depends_on(tags.BEST_REVIEWS)
        return await self._repository.best(limit)

    async def write(self, principal: Principal, slug: str, stars: int, text: str) -> Review:
        """Writes or rewrites the review of `principal`, and the course's rating with it.

        The makers of a course do not review it, also when they are enrolled. Raises CourseNotFound,
        OnlyLearnersReview, ForbiddenError, InvalidError.
        """
        if not 1 <= stars <= MOST_STARS:
            raise InvalidError("Give one to five stars.", fields={"stars": "Give one to five stars."})
        if len(text) > LONGEST_REVIEW:
            shorten = f"Shorten the text to at most {LONGEST_REVIEW} characters."
            raise InvalidError(shorten, fields={"text": shorten})

        course = await self._courses.by_slug(slug)
        if course is None or course.status is CourseStatus.DRAFT:
            raise CourseNotFound

        async def work() -> Review:
            # The course is touched first: two reviewers of one course then wait for each other, and the rating that is
            # computed below has seen every review before it.
            locked = await self._repository.course_for_update(course.id)
            if locked is None:
                raise CourseNotFound
            if principal.user_id in locked.instructor_ids:
                raise ForbiddenError("You teach this course, so you cannot review it.")
            if not await self._is_enrolled(principal.user_id, course.id):
                raise OnlyLearnersReview
            review = await self._store(principal, course, stars, text)
            locked.rating = rating_of(await self._repository.stars_of(course.id))
            await self._repository.set_rating(locked)
            self._announce([course.id])
            return review

        return await self._database.transaction(work)

    async def _store(self, principal: Principal, course: Course, stars: int, text: str) -> Review:
        now = self._clock.now()
        old = await self._repository.of_user(course.id, principal.user_id)
        if old is not None:
            changed = msgspec.structs.replace(
                old, stars=stars, text=text.strip(), author_name=principal.name, updated_at=now
            )
            return await self._repository.replace(changed)
        review = Review(
            course_id=course.id,
            user_id=principal.user_id,
            author_name=principal.name,
            stars=stars,
            text=text.strip(),
            created_at=now,
            updated_at=now,
        )
        await self._repository.insert(review)
        await self._queue.publish(
            CourseReviewed(course_id=course.id, user_id=principal.user_id, review_id=review.id, stars=stars)
        )
        return review

    async def export(self, user_id: str) -> dict[str, object]:
        """Returns the reviews a person wrote, for the export of their data."""
        written = await self._repository.by_user(user_id)
        return {
            "reviews": [
                {"course_id": r.course_id, "stars": r.stars, "text": r.text, "created_at": r.created_at}
                for r in written
            ]
        }

    async def forget_author(self, user_id: str) -> None:
        """Takes the name off a deleted account's reviews; the stars stay, since others relied on them."""
        reviewed = [review.course_id for review in await self._repository.by_user(user_id)]
        await self._repository.rename_author(user_id, "Former learner")
        self._announce(reviewed)

    def _announce(self, course_ids: Iterable[str]) -> None:
        changed = tags.changed_by_reviews(course_ids)
        self._database.after_commit(lambda: self._cache.invalidate_tags(changed))
