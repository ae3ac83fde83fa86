"""Tags of what the public is shown of the courses: who reads notes them, who changes invalidates them.

Kept answers (see `infrastructure.cache.dependencies`) are dropped by these names, so a change drops exactly what shows
it: another lesson in a course drops the pages and lists that show this course, not the rest of the catalogue.
"""

from collections.abc import Iterable

from academy.features.courses.model import Course, CourseStatus
from academy.features.courses.repository import CatalogueFilter, CourseSort

# Names and order of the categories.
CATEGORIES = "categories"
# The newest praise on the landing page.
BEST_REVIEWS = "reviews:best"
# The languages that published courses are in.
LANGUAGES = "languages"
# What there is to narrow the catalogue by.
FACETS = (CATEGORIES, LANGUAGES)
# Which courses a list holds, and in which order: by what their makers say of them, by learners, by stars.
_LISTS, _POPULARITY, _RATINGS = "lists", "lists:popularity", "lists:ratings"
# Fields that no list is narrowed, searched or ordered by; and those that others than the makers change.
_ONLY_SHOWN = frozenset(("curriculum", "lesson_count", "duration_seconds", "cover_key", "outcomes", "requirements"))
_OF_OTHERS = frozenset(("version", "revision", "updated_at", "rating", "enrolment_count"))


def page_tag(course_id: str) -> str:
    """What shows a course at length: its page, its reviews, its answer of the API."""
    return f"course:{course_id}"


def card_tag(course_id: str) -> str:
    """What shows a course among others."""
    return f"course:{course_id}:card"


def of_list(wanted: CatalogueFilter, shown: Iterable[Course]) -> list[str]:
    """What a list of the catalogue depends on, with the courses of which it shows more than the address."""
    tags = [_of_category(wanted.category) if wanted.category else _LISTS, *(card_tag(course.id) for course in shown)]
    if wanted.sort is CourseSort.POPULAR:
        tags.append(_POPULARITY)
    if wanted.sort is CourseSort.RATING or wanted.min_rating:
        tags.append(_RATINGS)
    return tags


def changed_by_makers(before: Course, after: Course) -> list[str]:
    """What shows what its makers changed of a course; nothing as long as nobody else can see it."""
    if before.status is CourseStatus.DRAFT and after.status is CourseStatus.DRAFT:
        return []
    changed = {name for name in Course.__struct_fields__ if getattr(before, name) != getattr(after, name)}
    tags = [page_tag(after.id), card_tag(after.id)]
    if not changed <= _ONLY_SHOWN | _OF_OTHERS:
        tags += [_LISTS, *sorted({_of_category(before.category), _of_category(after.category)})]
    if changed & {"status", "language"}:
        tags.append(LANGUAGES)
    return tags


def deleted(course: Course) -> list[str]:
    """What showed a course that is no more, and its reviews."""
    if course.status is CourseStatus.DRAFT:
        return []
    return [page_tag(course.id), card_tag(course.id), _LISTS, _of_category(course.category), LANGUAGES, BEST_REVIEWS]


def changed_by_learners(course_id: str) -> list[str]:
    """What shows that a course has another number of learners."""
    return [page_tag(course_id), _POPULARITY]


def changed_by_reviews(course_ids: Iterable[str]) -> list[str]:
    """What shows the reviews of courses, and their ratings."""
    return [BEST_REVIEWS, _RATINGS, *(tag for one in course_ids for tag in (page_tag(one), card_tag(one)))]


def _of_category(category: str) -> str:
    return f"lists:in:{category}"
