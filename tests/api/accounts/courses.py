"""A course to enrol in."""

from academy.features.courses.curriculum import LessonDraft, SectionDraft
from academy.features.courses.model import Course, CourseDetails, LessonKind
from academy.infrastructure.security.principal import Principal
from academy.kit.money import Money
from tests.academies.in_process import TestAcademy


async def published_course(academy: TestAcademy, teacher: Principal, title: str = "Counting") -> Course:
    """A published free course of one lesson."""
    courses = academy.academy.courses
    await courses.add_category("programming", "Programming", 0)
    details = CourseDetails(
        title=title,
        subtitle="From one to ten",
        description="Everything about the first ten numbers.",
        category="programming",
        price=Money(amount=0, currency="INR"),
    )
    course = await courses.create(teacher, details)
    lesson = LessonDraft(title="One", kind=LessonKind.YOUTUBE, youtube_id="dQw4w9WgXcQ")
    await courses.set_curriculum(teacher, course.slug, [SectionDraft(title="Numbers", lessons=[lesson])])
    return await courses.publish(teacher, course.slug)
