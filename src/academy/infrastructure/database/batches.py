"""Removes or changes any number of documents in units so small that no writer waits long, nor a time limit is met."""

from typing import TypeVar

from academy.infrastructure.database.base import Collection, Filter, Sort, Update
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


async def update_in_batches(collection: Collection[D], query: Filter, update: Update, *, sort: Sort) -> int:
    """Changes every match, up to `BATCH` in each transaction, so that it matches no more; not to be called inside one.

    `sort` names the index, see `delete_in_batches`. Returns how many were changed. When it is stopped half-way, what it
    changed stays changed.
    """
    changed = 0
    while True:
        found = await collection.find(query, sort=sort, limit=BATCH)
        if found:
            changed += await collection.update_many({**query, "id": {"$in": [one.id for one in found]}}, update)
        if len(found) < BATCH:
            return changed
