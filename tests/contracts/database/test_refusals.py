"""What is outside the declared subset is refused by both engines, by every method, before anything is written."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial

import msgspec
import pytest

from academy.infrastructure.database.base import Collection, Filter, Sort, Update
from academy.infrastructure.database.errors import UnsupportedQuery
from tests.contracts.database.documents import NOW, Book, Counter, Part, Size, book

NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - what is refused
HUGE = 1 << 63

FILTERS: list[Filter] = [
    {"unknown": 1},
    {"": 1},
    {"Title": "x"},
    {"_id": "x"},
    {"title.x": 1},
    {"parts.0.title": "x"},
    {"parts.x": 1},
    {"size.x": 1},
    {"size..width": 1},
    {"$where": "1"},
    {"$nor": [{"stars": 1}]},
    {"$expr": {"$eq": [1, 1]}},
    {"$text": {"$search": "x"}},
    {"$comment": "x"},
    {"$and": []},
    {"$or": []},
    {"$or": {}},
    {"$or": "title"},
    {"$and": [{"unknown": 1}]},
    # A value from outside never becomes an operator where a class declares a scalar.
    {"slug": {"$ne": None}, "title": {"x": 1}},
    {"slug": {}},
    {"slug": {"x": "y"}},
    {"slug": {"$eq": {"$ne": None}}},
    {"slug": {"$in": [{"$gt": ""}]}},
    {"slug": {"$regex": ".*"}},
    {"slug": {"$type": "string"}},
    {"slug": {"$where": "1"}},
    {"slug": {"$not": "x"}},
    {"slug": {"$not": {}}},
    {"slug": {"$not": {"$regex": "x"}}},
    {"slug": {"$eq": "x", "x": 1}},
    {"slug": ["x"]},
    {"slug": 1},
    {"slug": True},
    {"slug": b"x"},
    {"slug": {"$in": "x"}},
    {"slug": {"$in": None}},
    {"slug": {"$nin": {"a": 1}}},
    {"slug": "\ud800"},
    {"stars": "1"},
    {"stars": 1.5},
    {"stars": True},
    {"stars": HUGE},
    {"stars": -HUGE - 1},
    {"stars": {"$gt": None}},
    {"stars": {"$mod": [2, 0]}},
    {"price": float("nan")},
    {"price": {"$lt": float("inf")}},
    {"price": False},
    {"lent": 1},
    {"lent": "true"},
    {"level": "odd"},
    {"level": {"$in": ["easy", "odd"]}},
    {"due_at": "2026-01-01"},
    {"due_at": 1},
    {"due_at": NAIVE},
    {"tags": None},
    {"tags": ["red"]},
    {"tags": {"$size": 1}},
    {"tags": {"$all": []}},
    {"tags": {"$elemMatch": {"$gt": "a"}}},
    {"tags": {"$in": [1]}},
    {"years": "1990"},
    {"parts": {"$elemMatch": {}}},
    {"parts": {"$elemMatch": {"unknown": 1}}},
    {"parts": {"title": "x"}},
    {"parts": {"$eq": {"title": 1}}},
    {"parts.title": {"$exists": True}},
    {"slug": {"$exists": 1}},
    {"slug": {"$elemMatch": {"x": 1}}},
    {"size": {"width": 1}},
    {"size": {"$gt": Size()}},
    {"parts": {"$lt": Part("x")}},
    {"slug": {"$in": ["x"] * 10_001}},
    {"$or": [{"slug": "x"}] * 501},
    {'notes.".text': "x"},
    {"extra.x": "x"},
    {"notes.$x.text": "x"},
    {"notes.a\0b.text": "x"},
]

UPDATES: list[Update] = [
    {},
    {"$set": {}},
    {"$rename": {"title": "slug"}},
    {"$mul": {"stars": 2}},
    {"$bit": {"stars": {"and": 1}}},
    {"$currentDate": {"due_at": True}},
    {"$pop": {"tags": 1}},
    {"$pullAll": {"tags": ["x"]}},
    {"title": {"x": "y"}},
    {"$set": {"unknown": 1}},
    {"$set": {"id": "x"}},
    {"$set": {"version": 7}},
    {"$inc": {"version": 1}},
    {"$set": {"title": {"$ne": None}}},
    {"$set": {"title": None}},
    {"$set": {"title": 1}},
    {"$set": {"title": "\ud800"}},
    {"$set": {"stars": 1.5}},
    {"$set": {"stars": HUGE}},
    {"$set": {"price": float("inf")}},
    {"$set": {"lent": 1}},
    {"$set": {"level": "odd"}},
    {"$set": {"due_at": NAIVE}},
    {"$set": {"tags": "x"}},
    {"$set": {"tags": None}},
    {"$set": {"tags": [None]}},
    {"$set": {"tags": [1]}},
    {"$set": {"tags.0": "x"}},
    {"$set": {"parts": [{"title": 1}]}},
    {"$set": {"parts": [{"minutes": 1}]}},
    {"$set": {"parts": [{"title": "x", "surprise": 1}]}},
    {"$set": {"parts.0.title": "x"}},
    {"$set": {"parts.title": "x"}},
    {"$set": {"size": {"width": "x"}}},
    {"$set": {"size": None}},
    {"$set": {"notes": {"$x": {}}}},
    {"$set": {"notes": {"x": {"seen": "x"}}}},
    {"$set": {"notes": {"x": 1}}},
    {"$set": {"notes.$x": {}}},
    {"$set": {'notes.".seen': 1}},
    {"$set": {"notes.x.y": 1}},
    {"$set": {"extra": {"x": {"$set": 1}}}},
    {"$set": {"extra": {"x\0": 1}}},
    {"$set": {"extra": {"x": NAIVE}}},
    {"$set": {"extra": {"x": object()}}},
    {"$set": {"extra": {"x": b"bytes"}}},
    {"$set": {"extra": {"x": float("nan")}}},
    {"$set": {"extra": {1: 2}}},
    {"$set": {"title": "x"}, "$unset": {"title": ""}},
    {"$set": {"size": {}, "size.width": 1}},
    {"$unset": {"slug": ""}},
    {"$unset": {"stars": ""}},
    {"$unset": {"size.width": ""}},
    {"$inc": {"title": 1}},
    {"$inc": {"stars": "1"}},
    {"$inc": {"stars": 1.5}},
    {"$inc": {"stars": True}},
    {"$inc": {"stars": None}},
    {"$inc": {"lent": 1}},
    {"$inc": {"due_at": 1}},
    {"$inc": {"tags": 1}},
    {"$inc": {"size": 1}},
    {"$min": {"stars": None}},
    {"$max": {"stars": "x"}},
    {"$min": {"tags": "x"}},
    {"$min": {"due_at": NOW}},
    {"$push": {"title": "x"}},
    {"$push": {"tags": 1}},
    {"$push": {"tags": None}},
    {"$push": {"tags": {"$each": "x"}}},
    {"$push": {"tags": {"$each": [1]}}},
    {"$push": {"tags": {"$each": ["x"], "$sort": 1}}},
    {"$push": {"tags": {"$each": ["x"], "$position": 0}}},
    {"$push": {"tags": {"$each": ["x"], "$slice": "1"}}},
    {"$push": {"tags": {"$each": ["x"], "$slice": True}}},
    {"$push": {"tags": {"$slice": 1}}},
    {"$addToSet": {"tags": {"$each": ["x"]}}},
    {"$addToSet": {"parts": {"surprise": 1}}},
    {"$pull": {"tags": {"$gt": "a"}}},
    {"$pull": {"parts": {"title": {"$ne": "x"}}}},
    {"$pull": {"title": "x"}},
]

SORTS: list[Sort] = [
    ("unknown",),
    ("",),
    ("-",),
    ("--stars",),
    ("tags",),
    ("parts.title",),
    ("size",),
    ("notes",),
    ("stars", "-stars"),
    ("$natural",),
]


Call = Callable[[], Awaitable[object]]


async def accepted(calls: Mapping[str, Call]) -> list[str]:
    """Runs the calls and tells which of them were not refused."""
    names: list[str] = []
    for name, call in calls.items():
        try:
            await call()
        except UnsupportedQuery:
            continue
        names.append(name)
    return names


@pytest.fixture
async def one(books: Collection[Book]) -> Book:
    stored = book("one", title="t", tags=["a"], parts=[{"title": "x"}], notes={"x": {}}, stars=5)
    await books.insert(stored)
    return stored


async def test_filters(books: Collection[Book], one: Book) -> None:
    for query in FILTERS:
        calls: dict[str, Call] = {
            "find": partial(books.find, query),
            "find_one": partial(books.find_one, {"$or": [{}, query]}),
            "page": partial(books.page, query),
            "search": partial(books.search, "t", query),
            "count": partial(books.count, query),
            "group": partial(books.group, query),
            "update_one": partial(books.update_one, query, {"$inc": {"stars": 1}}),
            "update_many": partial(books.update_many, query, {"$inc": {"stars": 1}}),
            "find_and_update": partial(books.find_and_update, query, {"$inc": {"stars": 1}}),
            "delete_one": partial(books.delete_one, query),
            "delete_many": partial(books.delete_many, {"$and": [{}, query]}),
            "explain": partial(books.explain, query),
        }
        assert await accepted(calls) == [], query
    assert await books.find({}) == [one]


async def test_updates(books: Collection[Book], one: Book) -> None:
    for update in UPDATES:
        calls: dict[str, Call] = {
            "update_one": partial(books.update_one, {}, update),
            "update_many": partial(books.update_many, {}, update),
            "nothing matches": partial(books.update_many, {"slug": "none"}, update),
            "find_and_update": partial(books.find_and_update, {}, update),
            "or insert": partial(books.find_and_update, {"slug": "two"}, update, insert=book("two")),
        }
        assert await accepted(calls) == [], update
    assert await books.find({}) == [one]


async def test_sorts_and_groups(books: Collection[Book], one: Book) -> None:
    for sort in SORTS:
        calls: dict[str, Call] = {
            "find": partial(books.find, {}, sort=sort),
            "find_one": partial(books.find_one, {}, sort=sort),
            "page": partial(books.page, {}, sort=sort),
            "search": partial(books.search, "t", {}, sort=sort),
            "find_and_update": partial(books.find_and_update, {}, {"$inc": {"stars": 1}}, sort=sort),
            "explain": partial(books.explain, {}, sort=sort),
        }
        assert await accepted(calls) == [], sort
    for field in ("unknown", "tags", "parts.title", "size", "notes", "due_at", "price", "$stars", ""):
        assert await accepted({"group": partial(books.group, {}, by=field)}) == [], field
    for field in ("unknown", "tags", "years", "size", "due_at", "title", "lent", "level", "$stars", ""):
        assert await accepted({"sum": partial(books.group, {}, sums=[field])}) == [], field
    assert await books.find({}) == [one]


async def test_limits_below_one(books: Collection[Book], one: Book) -> None:
    for limit in (0, -1):
        calls: dict[str, Call] = {
            "find": partial(books.find, {}, limit=limit),
            "page": partial(books.page, {}, limit=limit),
            "search": partial(books.search, "t", {}, limit=limit),
            "search nothing": partial(books.search, "", {}, limit=limit),
            "explain": partial(books.explain, {}, limit=limit),
        }
        assert await accepted(calls) == [], limit
    assert await books.get(one.id) == one


async def test_documents(books: Collection[Book], one: Book) -> None:
    wrong: list[dict[str, object]] = [
        {"stars": "5"},
        {"stars": None},
        {"stars": HUGE},
        {"price": float("nan")},
        {"title": "\ud800"},
        {"title": b"bytes"},
        {"level": "odd"},
        {"due_at": NAIVE},
        {"tags": [1]},
        {"tags": None},
        {"parts": [Part(title="x", minutes=HUGE)]},
        {"parts": [{"surprise": 1}]},
        {"extra": {"$x": 1}},
        {"extra": {"x": [{"$y": 1}]}},
        {"extra": {"x\0": 1}},
        {"extra": {"x": "\udfff"}},
        {"extra": {"x": object()}},
    ]
    for fields in wrong:
        spoilt = msgspec.structs.replace(one, id="other", slug="other", **fields)
        changed = msgspec.structs.replace(one, **fields)
        calls: dict[str, Call] = {
            "insert": partial(books.insert, spoilt),
            "insert_many": partial(books.insert_many, [book("fine"), spoilt]),
            "replace": partial(books.replace, changed),
            "find_and_update": partial(books.find_and_update, {"slug": "none"}, {"$inc": {"stars": 1}}, insert=spoilt),
        }
        assert await accepted(calls) == [], fields
    assert await books.find({}) == [one]


async def test_ids_and_texts_of_half_characters(books: Collection[Book]) -> None:
    assert await accepted({"get": partial(books.get, "\ud800")}) == []
    assert (await books.search("\ud800", {})).items == []


async def test_a_class_without_searched_fields_cannot_be_searched(counters: Collection[Counter]) -> None:
    with pytest.raises(UnsupportedQuery):
        await counters.search("x", {})


async def test_a_document_above_16_megabytes_is_refused(books: Collection[Book], one: Book) -> None:
    text = "x" * (17 * 1024 * 1024)
    with pytest.raises(UnsupportedQuery):
        await books.insert(book("two", title=text))
    with pytest.raises(UnsupportedQuery):
        await books.update_one({}, {"$set": {"isbn": text}})
    assert await books.find({}) == [one]


async def test_a_float_never_becomes_infinite(books: Collection[Book], one: Book) -> None:
    await books.update_one({}, {"$set": {"price": 1.7e308}})
    stored = await books.find({})
    with pytest.raises(UnsupportedQuery):
        await books.update_one({}, {"$inc": {"price": 1.7e308}})
    assert await books.find({}) == stored


async def test_a_sum_beyond_64_bits_is_refused(books: Collection[Book], one: Book) -> None:
    await books.update_one({}, {"$set": {"stars": HUGE - 1}})
    await books.insert(book("two", stars=1))
    stored = await books.find({})
    for call in (
        books.update_one({"slug": "one"}, {"$inc": {"stars": 1}}),
        books.update_many({}, {"$inc": {"stars": 1}}),
        books.find_and_update({"slug": "one"}, {"$inc": {"stars": HUGE - 1}}),
        books.group({}, sums=["stars"]),
    ):
        with pytest.raises(UnsupportedQuery):
            await call
    assert await books.find({}) == stored
