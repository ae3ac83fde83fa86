"""How many queries a page made anew costs, and that each of the catalogue's is served by an index; on both engines."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest

from academy.features.courses.model import Category, Course, Level, Review
from academy.features.courses.repository import CatalogueFilter, CourseSort
from academy.infrastructure.database.base import Collection
from academy.kit.money import Money
from tests.academies.courses import enrolled_learner
from tests.api.courses.makers import Makers

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUERIES = ("get", "find_one", "find", "page", "search", "count", "group")


class Queries:
    """Counts the queries to the database; those that a query makes inside belong to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, engine: type[Collection[Any]]) -> None:
        self.count = 0
        self._inside: ContextVar[bool] = ContextVar("inside", default=False)
        for name in QUERIES:
            monkeypatch.setattr(engine, name, self._counted(getattr(engine, name)))

    def _counted(self, query: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def counting(*arguments: object, **options: object) -> object:
            if self._inside.get():
                return await query(*arguments, **options)
            self.count += 1
            token = self._inside.set(True)
            try:
                return await query(*arguments, **options)
            finally:
                self._inside.reset(token)

        return counting


@pytest.fixture
def queries(makers: Makers, monkeypatch: pytest.MonkeyPatch) -> Queries:
    return Queries(monkeypatch, type(makers.academy.academy.database.collection(Course)))


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/", 6),
        ("/courses", 3),
        ("/courses?category=programming&level=beginner&sort=rating", 3),
        ("/courses?q=course", 2),
        ("/courses/{slug}", 4),
        ("/api/v1/courses", 2),
        ("/api/v1/courses/{slug}", 2),
        ("/api/v1/courses/{slug}/reviews", 2),
    ],
)
async def test_a_public_page_stays_in_its_budget(makers: Makers, queries: Queries, path: str, most: int) -> None:
    course = await makers.published()
    learner = await enrolled_learner(makers.academy, course)
    await makers.academy.academy.reviews.write(learner, course.slug, 5, "Well said.")
    browser = makers.academy.browser()
    await makers.academy.academy.courses.facets()
    queries.count = 0
    answer = await browser.get(path.format(slug=course.slug))
    assert answer.status_code == 200
    assert queries.count <= most
    assert queries.count > 0


async def test_a_learner_s_course_page_stays_in_its_budget(makers: Makers, queries: Queries) -> None:
    course = await makers.published()
    browser = await makers.academy.signed_in_browser(person=await enrolled_learner(makers.academy, course))
    await makers.academy.academy.courses.facets()
    queries.count = 0
    assert "Begin" in (await browser.get(f"/courses/{course.slug}")).text
    # Who asks is two, where the learner stands is three.
    assert queries.count <= 10


FILTERS = [
    CatalogueFilter(),
    CatalogueFilter(category="programming"),
    CatalogueFilter(level=Level.BEGINNER),
    CatalogueFilter(language="en"),
    CatalogueFilter(price="free"),
    CatalogueFilter(min_rating=4.0),
]
NARROW = CatalogueFilter(category="programming", level=Level.BEGINNER, language="en", price="paid", min_rating=3.0)


@pytest.mark.parametrize("sort", list(CourseSort))
@pytest.mark.parametrize("wanted", [*FILTERS, NARROW])
async def test_every_list_of_the_catalogue_is_served_by_an_index(
    makers: Makers, wanted: CatalogueFilter, sort: CourseSort
) -> None:
    courses = makers.academy.academy.database.collection(Course)
    keys = {
        CourseSort.NEWEST: "-published_at",
        CourseSort.POPULAR: "-enrolment_count",
        CourseSort.RATING: "-rating.average",
        CourseSort.PRICE: "price.amount",
    }
    plan = await courses.explain(wanted.query(), sort=(keys[sort],))
    assert plan.indexes
    assert not plan.scans_collection
    # Where many filters leave few courses, sorting those is as good.
    assert not plan.sorts_in_memory or wanted is NARROW


async def test_the_other_queries_are_served_by_an_index(makers: Makers) -> None:
    database = makers.academy.academy.database
    course = await makers.published(price=Money(amount=0, currency="INR"))
    courses, reviews = database.collection(Course), database.collection(Review)
    plans = [
        await courses.explain({"slug": course.slug}),
        await courses.explain({"id": {"$in": [course.id]}}),
        await courses.explain({}, sort=("-updated_at",)),
        await courses.explain({"status": "published", "language": {"$gt": "en"}}, sort=("language", "-published_at")),
        await reviews.explain({"course_id": course.id}, sort=("-created_at",)),
        await reviews.explain({"course_id": course.id, "user_id": "x"}),
        await reviews.explain({"stars": 5, "text": {"$ne": ""}}, sort=("-created_at",)),
        await database.collection(Category).explain({}, sort=("position",)),
    ]
    taught = await courses.explain({"instructor_ids": makers.teacher.user_id}, sort=("-updated_at",))
    assert taught.indexes
    assert not taught.scans_collection
    for plan in plans:
        assert plan.indexes, plan
        assert not plan.scans_collection, plan
        assert not plan.sorts_in_memory, plan
