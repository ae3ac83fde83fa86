"""Academies to measure: filled with courses, served as an operator would, on either engine."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psutil

from academy.composition import build_academy
from academy.features.accounts.administration import COMMAND_LINE
from academy.features.courses.model import Category, Course, CourseStatus, Lesson, LessonKind, Level, Rating, Section
from academy.infrastructure.security.principal import Role
from academy.kit.clock import SystemClock
from academy.kit.ids import new_id
from academy.kit.money import Money
from academy.settings import load_settings
from tests.servers.academy import ServedAcademy, served_academy

PASSWORD = "measured and found quick"
INSTRUCTOR, LEARNER = "instructor@example.com", "learner@example.com"
_CATEGORIES = ("programming", "design", "data", "business")
_BATCH = 1_000
_WORDS = ("practical", "clear", "python", "pricing", "colour", "networks", "essays", "gardens", "statistics", "sound")


def courses(count: int, instructor_id: str) -> Iterator[list[Course]]:
    """Yields `count` published courses in batches; realistic in size (about 4 kB each)."""
    now = SystemClock().now()
    for start in range(0, count, _BATCH):
        yield [
            _course(number, now - timedelta(minutes=number), instructor_id)
            for number in range(start, min(start + _BATCH, count))
        ]


def _course(number: int, published_at: object, instructor_id: str) -> Course:
    words = [_WORDS[(number // 7**power) % len(_WORDS)] for power in range(4)]
    lessons = [
        Lesson(title=f"Lesson {index}: {words[index % 4]}", kind=LessonKind.TEXT, duration_seconds=300, has_text=True)
        for index in range(12)
    ]
    return Course(
        slug=f"course-{number}",
        title=f"{words[0].capitalize()} {words[1]} {number}",
        subtitle=f"Everything about {words[2]} and {words[3]} that fits into an afternoon",
        description=f"A {words[0]} course about {words[1]}. " * 12,
        category=_CATEGORIES[number % 4],
        level=list(Level)[number % 3],
        price=Money(amount=0 if number % 3 else 99_900, currency="INR"),
        is_free=bool(number % 3),
        tags=words,
        outcomes=[f"Use {word}" for word in words],
        instructor_ids=[instructor_id],
        status=CourseStatus.PUBLISHED,
        published_at=published_at,  # type: ignore[arg-type]
        curriculum=[Section(title="All", lessons=lessons)],
        lesson_count=len(lessons),
        duration_seconds=3600,
        rating=Rating(count=10, total=40 + number % 11, stars_4=10, average=round(4 + number % 11 / 10, 2)),
        enrolment_count=number % 997,
        created_at=published_at,  # type: ignore[arg-type]
        updated_at=published_at,  # type: ignore[arg-type]
    )


async def fill(environment: dict[str, str], count: int) -> None:
    """Puts `count` courses, the categories and two accounts into the academy of an environment."""
    academy = build_academy(load_settings(environment))
    await academy.start(work=False)
    try:
        teacher = await academy.administration.create(
            COMMAND_LINE, INSTRUCTOR, "Ira Teacher", Role.INSTRUCTOR, PASSWORD
        )
        await academy.administration.create(COMMAND_LINE, LEARNER, "Lal Learner", Role.ADMIN, PASSWORD)
        now = SystemClock().now()
        for position, slug in enumerate(_CATEGORIES):
            category = Category(slug=slug, name=slug.capitalize(), position=position, created_at=now, updated_at=now)
            await academy.database.collection(Category).insert(category)
        for batch in courses(count, teacher.id):
            await academy.database.collection(Course).insert_many(batch)
    finally:
        await academy.stop()


@contextmanager
def filled_academy(
    folder: Path, count: int, *, mongodb_uri: str = "", cache_seconds: int = 0
) -> Iterator[ServedAcademy]:
    """Gives a served academy with `count` courses, on MongoDB when a URI is given."""
    variables = {"RESPONSE_CACHE_SECONDS": str(cache_seconds), "BCRYPT_ROUNDS": "10"}
    if mongodb_uri:
        variables |= {"MONGODB_URI": mongodb_uri, "MONGODB_DATABASE": f"bench-{new_id()}"}
    home = folder / f"home-{new_id()}"
    home.mkdir()
    asyncio.run(fill({"ACADEMY_HOME": str(home), **variables}, count))
    with served_academy(home, variables=variables) as academy:
        yield academy


def resident_memory(pid: int) -> int:
    """Bytes of memory that a process and its children hold (proportional share of what they share)."""
    parent = psutil.Process(pid)
    return sum(process.memory_full_info().pss for process in [parent, *parent.children(recursive=True)])
