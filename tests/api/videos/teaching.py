"""Courses to put media into, and what lies in the storage."""

from pathlib import Path

from academy.features.courses.curriculum import LessonDraft, SectionDraft
from academy.features.courses.model import Course, CourseDetails, LessonKind
from academy.infrastructure.security.principal import Principal
from academy.kit.money import Money
from tests.academies.in_process import TestAcademy


async def make_course(academy: TestAcademy, teacher: Principal, *, free_preview: bool = False) -> Course:
    """A complete draft but for its media: a lesson with a video, one with a file."""
    courses = academy.academy.courses
    await courses.add_category("programming", "Programming", 0)
    free = Money(amount=0, currency="INR")
    details = CourseDetails(title="Python", subtitle="Well", description="All", category="programming", price=free)
    course = await courses.create(teacher, details)
    lessons = [
        LessonDraft(title="Watch", kind=LessonKind.VIDEO, free_preview=free_preview),
        LessonDraft(title="Read", kind=LessonKind.FILE),
    ]
    return await courses.set_curriculum(teacher, course.slug, [SectionDraft(title="One", lessons=lessons)])


async def stored_keys(academy: TestAcademy) -> list[str]:
    return [found.key for found in await academy.academy.storage.list_files()]


def files_on_disk(academy: TestAcademy) -> list[Path]:
    """Everything in the storage's folder, half-written files too."""
    return [path for path in (academy.academy.settings.home.path / "files").rglob("*") if path.is_file()]
