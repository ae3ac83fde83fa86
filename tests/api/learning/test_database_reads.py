"""How often the hot pages ask the database; the first two reads of each are those of signing in."""

from collections.abc import Callable
from typing import TypeVar

import pytest

from academy.infrastructure.database.sqlite import SqliteDatabase
from academy.infrastructure.database.sqlite_connection import Connection
from tests.academies.in_process import TestAcademy
from tests.unit.features.learning.taught import course_of_everything, published_course

T = TypeVar("T")
SIGNING_IN = ["sessions", "users"]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The collections that were read, in order."""
    noted: list[str] = []
    read = SqliteDatabase.read

    async def note(self: SqliteDatabase, collection: str, work: Callable[[Connection], T]) -> T:
        noted.append(collection)
        return await read(self, collection, work)

    monkeypatch.setattr(SqliteDatabase, "read", note)
    return noted


async def test_pages_ask_the_database_little(embedded_academy: TestAcademy, film: bytes, reads: list[str]) -> None:
    taught, locked = await course_of_everything(embedded_academy, film), await published_course(embedded_academy)
    await embedded_academy.work()
    learner = await taught.learner()
    await embedded_academy.academy.learning.record(learner, taught.slug, taught.lesson("Read").id, completed=True)
    browser = await embedded_academy.signed_in_browser(person=learner)

    async def read_by(path: str, status: int = 200) -> list[str]:
        reads.clear()
        assert (await browser.get(path)).status_code == status
        assert reads[:2] == SIGNING_IN
        return reads[2:]

    lesson = f"/learn/{taught.slug}/"
    opening = ["courses", "enrolments", "course_progress"]
    searchable = "captions"
    assert await read_by(lesson + taught.lesson("Watch").id) == [*opening, "videos", "captions", searchable]
    assert await read_by(lesson + taught.lesson("Read").id) == [*opening, "lesson_texts", searchable]
    assert await read_by(lesson + taught.lesson("File").id) == [*opening, searchable]
    assert await read_by(f"/learn/{locked.slug}/{locked.lesson('One').id}", 403) == ["courses", "enrolments", "courses"]
    assert await read_by("/dashboard") == ["enrolments", "courses", "course_progress"]
