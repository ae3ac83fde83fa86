"""Validators, indexes and search words equal what the classes declare."""

from datetime import UTC, datetime
from typing import ClassVar

import pytest
from bson.decimal128 import Decimal128
from pymongo.errors import WriteError

from academy.infrastructure.database.document import Document, Index, SearchField
from academy.infrastructure.database.errors import UniqueViolation, UnsupportedQuery
from academy.infrastructure.database.mongodb import MongoDatabase
from academy.infrastructure.database.mongodb_errors import DOCUMENT_VALIDATION_FAILURE
from academy.infrastructure.database.mongodb_schema import SEARCH_FIELD, index_plans, validator
from academy.infrastructure.database.settings import DatabaseSettings
from tests.contracts.database.documents import NOW, Book, Counter, book, counter
from tests.unit.infrastructure.mongodb.conftest import Raw

BOOK_INDEXES = {"_id_", "slug", "shelf_stars", "by_isbn", "by_due", "tags", SEARCH_FIELD}


def test_index_plans_end_with_the_id_unless_unique() -> None:
    plans = {plan.name: plan for plan in index_plans(Book)}
    assert plans["shelf_stars"].key == (("shelf", 1), ("stars", -1), ("_id", 1))
    assert plans["slug"].key == (("slug", 1),)
    assert plans["by_isbn"].condition == {"isbn": {"$gte": ""}}
    assert plans["by_due"].condition == {"due_at": {"$gte": datetime.min.replace(tzinfo=UTC)}}


def test_validator_lists_exactly_the_declared_fields() -> None:
    schema = validator(Counter)["$jsonSchema"]
    assert isinstance(schema, dict)
    assert set(schema["properties"]) == {"_id", "version", "created_at", "updated_at", "name", "count"}
    assert set(schema["required"]) == {"_id", "created_at", "updated_at", "name"}
    assert schema["additionalProperties"] is False


async def _indexes(raw: Raw, settings: DatabaseSettings, name: str) -> set[str]:
    return set(await raw[settings.mongodb_database][name].index_information())


async def test_indexes_are_made_and_undeclared_ones_removed(
    database: MongoDatabase, raw: Raw, settings: DatabaseSettings
) -> None:
    books = raw[settings.mongodb_database]["books"]
    await books.create_index("price", name="forgotten")
    await books.drop_index("slug")
    await books.create_index("slug", name="slug")  # same name, not unique
    await database.create_indexes([Book])
    assert await _indexes(raw, settings, "books") == BOOK_INDEXES
    assert (await books.index_information())["slug"]["unique"] is True


async def test_nothing_is_rebuilt_when_all_is_there(
    database: MongoDatabase, raw: Raw, settings: DatabaseSettings
) -> None:
    books = raw[settings.mongodb_database]["books"]

    async def built() -> dict[object, object]:
        since = {"$project": {"name": 1, "since": "$accesses.since"}}
        statistics = await (await books.aggregate([{"$indexStats": {}}, since])).to_list()
        return {index["name"]: index["since"] for index in statistics}

    before = await built()
    await database.create_indexes([Book, Counter])
    assert await built() == before
    assert set(before) == BOOK_INDEXES


async def test_validators_come_to_collections_that_exist(settings: DatabaseSettings, raw: Raw) -> None:
    counters = raw[settings.mongodb_database]["counters"]
    await counters.insert_one({"_id": "1", "old": True})
    database = MongoDatabase(settings)
    await database.connect()
    await database.create_indexes([Counter])
    found = await (await raw[settings.mongodb_database].list_collections(filter={"name": "counters"})).to_list()
    assert found[0]["options"]["validator"] == validator(Counter)
    await database.disconnect()


async def test_a_document_of_another_shape_is_refused_loudly(database: MongoDatabase) -> None:
    class Impostor(Document):
        __collection__ = "counters"

        name: int
        surprise: str = ""

    with pytest.raises(UnsupportedQuery, match=r"shape(.|\n)*surprise"):
        await database.collection(Impostor).insert(Impostor(created_at=NOW, updated_at=NOW, name=1))


async def test_old_documents_get_search_words_when_search_is_declared(
    database: MongoDatabase, raw: Raw, settings: DatabaseSettings
) -> None:
    class Named(Document):
        __collection__ = "counters"
        __search__: ClassVar[tuple[SearchField, ...]] = (SearchField("name"),)

        name: str
        count: int = 0

    await database.collection(Counter).insert_many([counter(f"Ünder the {n} moon") for n in range(1203)])
    await database.create_indexes([Named])
    found = await database.collection(Named).search("under moo", {}, limit=5)
    assert (found.total, len(found.items)) == (1000, 5)
    await database.create_indexes([Counter])
    assert await raw[settings.mongodb_database]["counters"].count_documents({SEARCH_FIELD: {"$exists": True}}) == 0
    assert await database.collection(Counter).update_many({}, {"$inc": {"count": 1}}) == 1203


async def test_two_unique_indexes_over_the_same_fields_are_told_apart(database: MongoDatabase) -> None:
    class Twice(Document):
        __collection__ = "twice"
        __indexes__ = (
            Index(fields=("name",), unique=True, present="mark", name="marked"),
            Index(fields=("name",), unique=True, present="other", name="othered"),
        )

        name: str
        mark: str | None = None
        other: str | None = None

    await database.create_indexes([Twice])
    twice = database.collection(Twice)
    await twice.insert(Twice(created_at=NOW, updated_at=NOW, name="x", mark="1"))
    await twice.insert(Twice(created_at=NOW, updated_at=NOW, name="x", other="1"))
    with pytest.raises(UniqueViolation) as caught:
        await twice.insert(Twice(created_at=NOW, updated_at=NOW, name="x", other="2"))
    assert (caught.value.collection, caught.value.index) == ("twice", "othered")


async def test_stored_documents_use_id_and_milliseconds(
    database: MongoDatabase, raw: Raw, settings: DatabaseSettings
) -> None:
    moment = datetime(2026, 5, 6, 7, 8, 9, 123_999, tzinfo=UTC)
    one = book("x", title="A b", due_at=moment, extra={"big": 1 << 40, "list": [1, {"a": None}]})
    await database.collection(Book).insert(one)
    found = await raw[settings.mongodb_database]["books"].find_one({})
    assert found is not None
    assert found["_id"] == one.id
    assert found[SEARCH_FIELD] == ["a", "a*", "b", "b*"]
    read = await database.collection(Book).get(one.id)
    assert read is not None
    assert read.due_at == moment.replace(microsecond=123_000)
    assert type(read.extra["big"]) is int


NONSENSE: list[dict[str, object]] = [
    {"_id": 7},
    {"_id": None},
    {"version": "1"},
    {"version": 1.5},
    {"created_at": "2026-01-01"},
    {"created_at": None},
    {"slug": None},
    {"slug": {"$ne": None}},
    {"stars": "5"},
    {"stars": 5.5},
    {"price": "1"},
    {"price": float("nan")},
    {"price": float("inf")},
    {"price": Decimal128("1")},
    {"lent": 1},
    {"level": "odd"},
    {"isbn": 7},
    {"due_at": 7},
    {"size": {"width": "x"}},
    {"size": {"surprise": 1}},
    {"tags": "red"},
    {"tags": [1]},
    {"parts": [{"minutes": 1}]},
    {"parts": [{"title": "x", "surprise": 1}]},
    {"notes": {"x": {"seen": "x"}}},
    {"notes": []},
    {"surprise": 1},
    {"title": b"bytes"},
]


async def test_nonsense_of_other_programs_is_refused(
    database: MongoDatabase, raw: Raw, settings: DatabaseSettings
) -> None:
    good = book("good", tags=["x"], parts=[{"title": "x"}])
    await database.collection(Book).insert(good)
    books = raw[settings.mongodb_database]["books"]
    stored = await books.find_one({})
    assert stored is not None
    accepted: list[object] = []
    reasons: set[int | None] = set()
    for spoilt in NONSENSE:
        inserted = {**stored, "_id": "other", "slug": "other", **spoilt}
        changed = {"$set": spoilt} if "_id" not in spoilt else {"$unset": {"slug": ""}}
        for write in (books.insert_one(inserted), books.update_one({"_id": good.id}, changed)):
            try:
                await write
            except WriteError as error:
                reasons.add(error.code)
            else:
                accepted.append(spoilt)
    assert accepted == []
    assert reasons == {DOCUMENT_VALIDATION_FAILURE}
    assert await database.collection(Book).find({}) == [good]
    await books.insert_one({**stored, "_id": "other", "slug": "other"})
    assert await database.collection(Book).count({}) == 2
