"""Removes any number of documents in units so small that other writers never wait long, nor a time limit is reached."""

from typing import TypeVar

from academy.infrastructure.database.base import Collection, Filter, Sort
from academy.infrastructure.database.document import Document

D = TypeVar("D", bound=Document)

BATCH = 500


async def delete_in_batches(collection: Collection[D], query: Filter, *, sort: Sort) -> int:
    """Removes every match, up to `BATCH` in each transaction; not to be called inside one.

    `sort` names the index that finds the matches: without it, they would be sorted by id for every batch. Returns how
    many were removed. When it is stopped half-way, what it removed stays removed.
    """
    removed = 0
    while True:
        found = await collection.find(query, sort=sort, limit=BATCH)
        if found:
            # With the query again: what has changed since it was found may not match any more.
            removed += await collection.delete_many({**query, "id": {"$in": [document.id for document in found]}})
        if len(found) < BATCH:
            return removed
