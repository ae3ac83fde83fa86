"""Makes a collection of MongoDB equal what its class declares: validator, indexes, search words."""

import asyncio
import secrets
from collections.abc import Mapping

from pymongo import UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from academy.infrastructure.database.document import Document
from academy.infrastructure.database.mongodb_schema import SEARCH_FIELD, IndexPlan, index_plans, validator
from academy.infrastructure.database.mongodb_search import search_tokens, searchable_paths

Stored = dict[str, object]

# What the server says when another process changes the same collection: it or an index is there already or gone
# already, indexes conflict, an operation or index build is in the way.
RACED = frozenset({26, 27, 46, 48, 68, 85, 86, 112, 117, 276, 12586, 12587})
ATTEMPTS = 20
LONGEST_PAUSE_SECONDS = 0.5
BATCH = 500
FILLING = "being filled"


async def make_collection(database: AsyncDatabase[Stored], document_type: type[Document]) -> None:
    """Makes one collection; starts again when another process is at the same work. Raises the driver's errors."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            await _make_collection(database, document_type)
        except OperationFailure as error:
            if error.code not in RACED or attempt == ATTEMPTS:
                raise
            await asyncio.sleep(LONGEST_PAUSE_SECONDS * secrets.SystemRandom().random())
        else:
            return


async def _make_collection(database: AsyncDatabase[Stored], document_type: type[Document]) -> None:
    name = document_type.__collection__
    declared = validator(document_type)
    existing = [c async for c in await database.list_collections(filter={"name": name})]
    if not existing:
        await database.create_collection(name, check_exists=False, validator=declared)
    elif (present := _options(existing[0]).get("validator")) != declared:
        await _change_validator(database, document_type, present, declared)
    await _make_indexes(database, name, index_plans(document_type))


async def _change_validator(
    database: AsyncDatabase[Stored], document_type: type[Document], present: object, declared: Stored
) -> None:
    name = document_type.__collection__
    change: Stored = {"collMod": name, "validationLevel": "strict", "validationAction": "error"}
    if not document_type.__search__:
        await database[name].update_many({SEARCH_FIELD: {"$exists": True}}, {"$unset": {SEARCH_FIELD: ""}})
    elif _search_note(present) != _search_note(declared):
        # Marked as unfinished until every document has its words, so that a killed process leaves it to be done.
        unfinished = validator(document_type, search_note=FILLING)
        await database.command({**change, "validator": unfinished})
        await _fill_search(database, document_type)
    await database.command({**change, "validator": declared})


async def _fill_search(database: AsyncDatabase[Stored], document_type: type[Document]) -> None:
    """Gives every document its search words. A document that changes meanwhile gets them from whoever changes it."""
    collection = database[document_type.__collection__]
    fields = dict.fromkeys([*searchable_paths(document_type), "version"], 1)
    last: object = ""
    while True:
        batch = await collection.find({"_id": {"$gt": last}}, fields).sort("_id", 1).limit(BATCH).to_list()
        if not batch:
            return
        last = batch[-1]["_id"]
        await collection.bulk_write(
            [
                UpdateOne(
                    {"_id": stored["_id"], "version": stored["version"]},
                    {"$set": {SEARCH_FIELD: search_tokens(document_type, stored)}},
                )
                for stored in batch
            ],
            ordered=False,
        )


async def _make_indexes(database: AsyncDatabase[Stored], name: str, plans: list[IndexPlan]) -> None:
    # The driver's own `list_indexes` reads times without their zone.
    reply = await database.command(
        "listIndexes", name, cursor={"batchSize": 1000}, codec_options=database.codec_options
    )
    present = [_read_index(description) for description in reply["cursor"]["firstBatch"]]
    for index in present:
        if index.name != "_id_" and index not in plans:
            await database.command("dropIndexes", name, index=index.name)
    missing = [plan.command() for plan in plans if plan not in present]
    if missing:
        await database.command("createIndexes", name, indexes=missing)


def _read_index(description: Mapping[str, object]) -> IndexPlan:
    key, condition = description["key"], description.get("partialFilterExpression", {})
    if not isinstance(key, Mapping) or not isinstance(condition, Mapping):
        raise TypeError(f"MongoDB describes an index in an unknown way: {description}")
    # Text and geometry indexes, which nobody declares, have words here in place of directions.
    directions = tuple((field, int(way) if isinstance(way, int | float) else 0) for field, way in key.items())
    return IndexPlan(str(description["name"]), directions, bool(description.get("unique", False)), dict(condition))


def _options(description: Mapping[str, object]) -> Mapping[str, object]:
    options = description.get("options")
    return options if isinstance(options, Mapping) else {}


def _search_note(found: object) -> object:
    for name in ("$jsonSchema", "properties", SEARCH_FIELD, "description"):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
