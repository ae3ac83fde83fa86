"""Courses as admins name them, by the end of their address, and as the payments know them, by id."""

from collections.abc import Collection, Sequence

from academy.features.courses.errors import CourseNotFound
from academy.features.courses.model import Course
from academy.features.courses.service import CourseService
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import InvalidError

MOST_COURSES = 50


async def course_ids(courses: CourseService, admin: Principal, slugs: Sequence[str], field: str) -> list[str]:
    """Returns the ids of at most 50 courses. Raises InvalidError, naming `field`, for one that there is not."""
    if len(slugs) > MOST_COURSES:
        text = f"Name at most {MOST_COURSES} courses."
        raise InvalidError(text, fields={field: text})
    found = []
    for slug in dict.fromkeys(slugs):
        try:
            found.append((await courses.get(slug, admin)).id)
        except CourseNotFound as error:
            text = f"There is no course /courses/{slug}."
            raise InvalidError(text, fields={field: text}) from error
    return found


async def courses_of(courses: CourseService, ids: Collection[str]) -> dict[str, Course]:
    """Returns courses by id, without those that are deleted."""
    distinct = sorted(set(ids) - {""})
    found: dict[str, Course] = {}
    for start in range(0, len(distinct), 200):
        found |= await courses.many(distinct[start : start + 200])
    return found
