"""Courses for tests: made by a teacher through the courses' own service."""

from collections.abc import Sequence

from academy.features.courses.curriculum import LessonDraft, SectionDraft
from academy.features.courses.model import Course, CourseDetails, LessonKind, Level
from academy.infrastructure.security.principal import Principal, Role
from academy.kit.ids import new_id
from academy.kit.money import Money
from tests.academies.in_process import TestAcademy

FREE = Money(amount=0, currency="INR")
PAID = Money(amount=149_900, currency="INR")


def unique(word: str) -> str:
    """A name that no other test uses."""
    return f"{word} {new_id()}"


async def category(academy: TestAcademy, slug: str = "programming", name: str = "Programming") -> str:
    """Makes sure that there is a category, and returns its slug."""
    await academy.academy.courses.add_category(slug, name, 0)
    return slug


async def draft(
    academy: TestAcademy,
    teacher: Principal,
    title: str = "",
    *,
    slug: str = "",
    subtitle: str = "What it is about, in a line",
    description: str = "What it is about, at length.",
    category_slug: str = "programming",
    level: Level = Level.BEGINNER,
    language: str = "en",
    price: Money = FREE,
    tags: Sequence[str] = (),
    outcomes: Sequence[str] = ("Do it yourself",),
    requirements: Sequence[str] = ("A computer",),
    lessons: Sequence[str] = ("First steps", "Further on"),
) -> Course:
    """Makes a course that can be published: one section of text lessons, the first of which is a free preview."""
    await category(academy, category_slug, category_slug.capitalize())
    details = CourseDetails(
        title=title or unique("Course"),
        subtitle=subtitle,
        description=description,
        category=category_slug,
        level=level,
        language=language,
        price=price,
        tags=list(tags),
        outcomes=list(outcomes),
        requirements=list(requirements),
    )
    made = await academy.academy.courses.create(teacher, details, slug=slug)
    outline = [
        SectionDraft(
            title="Beginning",
            lessons=[
                LessonDraft(title=lesson, kind=LessonKind.TEXT, free_preview=number == 0)
                for number, lesson in enumerate(lessons)
            ],
        )
    ]
    texts = [[f"# {lesson}\n\nRead me." for lesson in lessons]]
    return await academy.academy.courses.set_curriculum(teacher, made.slug, outline, texts=texts)


async def published(academy: TestAcademy, teacher: Principal | None = None, title: str = "", **facts: object) -> Course:
    """Makes and publishes a course; `facts` are those of `draft`. Without a teacher, by a new one."""
    author = teacher or await academy.person(Role.INSTRUCTOR, name="Maya Rao")
    made = await draft(academy, author, title, **facts)  # type: ignore[arg-type]
    return await academy.academy.courses.publish(author, made.slug)


async def enrolled_learner(academy: TestAcademy, course: Course, name: str = "Asha Rao") -> Principal:
    """Makes an account that is enrolled in the course, whatever it costs."""
    learner = await academy.person(name=name)
    await academy.academy.enrolments.grant(learner, course)
    return learner


async def stored(academy: TestAcademy, course: Course) -> Course:
    """The course as it is in the database now."""
    found = await academy.academy.courses.by_id(course.id)
    assert found is not None
    return found
