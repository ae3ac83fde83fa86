"""The free previews of the catalogue."""

from academy.features.courses.model import Course
from academy.features.courses.repository import CatalogueFilter, CourseSort
from academy.features.courses.service import CourseService

MOST_COURSES = 50


async def newest_with_previews(courses: CourseService) -> list[Course]:
    """Returns those of the newest 50 published courses that have a free preview."""
    newest = await courses.catalogue(CatalogueFilter(sort=CourseSort.NEWEST), limit=MOST_COURSES)
    return [course for course in newest.items if any(lesson.free_preview for lesson in course.lessons())]
