"""Removing many documents in small units."""

import pytest

from academy.infrastructure.database import batches
from academy.infrastructure.database.base import Collection, Database, Filter
from tests.contracts.database.documents import Book, book
from tests.contracts.database.recording import RecordingDatabase


@pytest.mark.parametrize("count", [0, 1, 2, 5])
async def test_documents_are_removed_in_batches(
    database: Database, books: Collection[Book], monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(batches, "BATCH", 2)
    kept = [book(f"kept{number}", shelf="b", stars=number) for number in range(3)]
    await books.insert_many([*kept, *(book(f"s{number}", stars=number) for number in range(count))])
    recording = RecordingDatabase(database)
    assert await batches.delete_in_batches(recording.collection(Book), {"shelf": "a"}, sort=("-stars",)) == count
    assert await books.find({}, sort=("slug",)) == kept
    units = [query for query in recording.queries if query.method == "delete_many"]
    assert len(units) == -(-count // 2)


async def test_a_document_that_no_longer_matches_stays(
    database: Database, books: Collection[Book], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that is found expired and then used must not be ended."""
    monkeypatch.setattr(batches, "BATCH", 2)
    await books.insert_many([book(f"s{number}", stars=number) for number in range(3)])
    delete_many, first = books.delete_many, True

    async def late(query: Filter) -> int:
        nonlocal first
        if first:
            first = False
            await books.update_one({"slug": "s0"}, {"$set": {"shelf": "b"}})
        return await delete_many(query)

    monkeypatch.setattr(books, "delete_many", late)
    assert await batches.delete_in_batches(books, {"shelf": "a"}, sort=("-stars",)) == 2
    assert [one.slug for one in await books.find({})] == ["s0"]
