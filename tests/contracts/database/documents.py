"""Document classes that the tests of the database door store: one field of every kind that documents may have."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from academy.infrastructure.database.document import Document, Index, SearchField

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


class Level(StrEnum):
    EASY = "easy"
    HARD = "hard"


class Part(msgspec.Struct):
    title: str
    minutes: int = 0


class Size(msgspec.Struct):
    width: int = 0
    depth: float = 0.0


class Note(msgspec.Struct):
    text: str = ""
    seen: int = 0


class Book(Document):
    __collection__ = "books"
    __indexes__ = (
        Index(fields=("slug",), unique=True),
        Index(fields=("shelf", "-stars")),
        Index(fields=("isbn",), unique=True, present="isbn", name="by_isbn"),
        Index(fields=("due_at",), present="due_at", name="by_due"),
        Index(fields=("tags",)),
    )
    __search__ = (SearchField("title", 3), SearchField("parts.title"))

    slug: str
    title: str = ""
    shelf: str = "a"
    stars: int = 0
    price: float = 0.0
    lent: bool = False
    level: Level = Level.EASY
    isbn: str | None = None
    due_at: datetime | None = None
    size: Size = msgspec.field(default_factory=Size)
    tags: list[str] = []
    years: list[int] = []
    parts: list[Part] = []
    notes: dict[str, Note] = {}
    extra: dict[str, object] = {}


class Counter(Document):
    __collection__ = "counters"
    __indexes__: ClassVar[tuple[Index, ...]] = ()

    name: str
    count: int = 0


def book(slug: str, **fields: object) -> Book:
    return msgspec.convert({"created_at": NOW, "updated_at": NOW, "slug": slug, **fields}, Book)


def counter(name: str, count: int = 0) -> Counter:
    return Counter(created_at=NOW, updated_at=NOW, name=name, count=count)
