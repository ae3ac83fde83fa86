"""The demo academy's texts: read from `texts/`, checked, and typed."""

import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

from academy.features.courses.model import LessonKind, Level
from academy.infrastructure.security.principal import Role


class DemoCategory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A category of the catalogue."""

    slug: str
    name: str


class DemoPerson(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A made-up person; `key` names them in the courses."""

    key: str
    name: str
    email: str
    role: Role
    headline: str = ""
    bio: str = ""
    links: list[str] = []


class DemoLesson(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lesson: the Markdown of `file`, and for a video its slides (heading, text) and length in seconds."""

    title: str
    kind: LessonKind
    file: str
    free_preview: bool = False
    slides: list[tuple[str, str]] = []
    seconds: float = 0.0


class DemoSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A titled group of lessons."""

    title: str
    lessons: list[DemoLesson]


class DemoReview(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A review; `author` is a person's key."""

    author: str
    stars: int
    text: str


class DemoCourse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A course. `price` is in minor units of the academy's currency; `instructor` is a person's key."""

    title: str
    subtitle: str
    category: str
    level: Level
    language: str
    price: int
    instructor: str
    published_days_ago: int
    tags: list[str]
    outcomes: list[str]
    requirements: list[str]
    description: str
    sections: list[DemoSection]
    reviews: list[DemoReview]


class DemoContent(msgspec.Struct, frozen=True):
    """Everything; `courses` by slug, `texts` by (slug, file)."""

    categories: list[DemoCategory]
    people: list[DemoPerson]
    courses: dict[str, DemoCourse]
    texts: dict[tuple[str, str], str]


class _Academy(msgspec.Struct, forbid_unknown_fields=True):
    categories: list[DemoCategory]
    people: list[DemoPerson]


def read_content() -> DemoContent:
    """Returns the demo academy. Raises msgspec.ValidationError or KeyError when its files contradict the classes."""
    root = files("academy.demo") / "texts"
    academy = msgspec.convert(_toml(root / "academy.toml"), _Academy)
    courses: dict[str, DemoCourse] = {}
    texts: dict[tuple[str, str], str] = {}
    for folder in sorted((root / "courses").iterdir(), key=lambda one: one.name):
        course = msgspec.convert(_toml(folder / "course.toml"), DemoCourse)
        courses[folder.name] = course
        for section in course.sections:
            for lesson in section.lessons:
                texts[folder.name, lesson.file] = (folder / lesson.file).read_text("utf-8")
    return DemoContent(academy.categories, academy.people, courses, texts)


def _toml(file: Traversable) -> dict[str, object]:
    return tomllib.loads(file.read_text("utf-8"))
