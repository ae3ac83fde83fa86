"""What is stored is read back, and filters and sorts find what the promise says."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest

from academy.infrastructure.database.base import Collection, Filter, Group, Sort
from academy.infrastructure.database.errors import UniqueViolation
from tests.contracts.database.documents import NOW, Book, Level, Note, Part, Size, book

HOUR = timedelta(hours=1)
GREATEST = (1 << 63) - 1

# Six books that differ in every field that filters ask for.
SHELF = (
    book(
        "ant",
        title="Ant",
        stars=3,
        price=1.5,
        tags=["red", "old"],
        years=[1990, 2001],
        parts=[{"title": "x", "minutes": 5}, {"title": "y", "minutes": 1}],
    ),
    book("bee", title="bee", stars=1, price=0.1 + 0.2, level="hard", isbn="978-0", due_at=NOW, size={"width": 2}),
    book("cat", title="Ca\0t", shelf="b", stars=2, lent=True, isbn="", due_at=NOW + HOUR, tags=["old"]),
    book("dog", title="ñandú 😀", shelf="b", stars=GREATEST, price=1e300, notes={"one": {"text": "n", "seen": 2}}),
    book("eel", title="\uffff", shelf="", stars=-GREATEST, price=-0.0, parts=[{"title": "x", "minutes": 1}]),
    book(
        "fox", title="😀", shelf="$where", stars=3, isbn="978-1", due_at=NOW - HOUR, years=[2001], size={"depth": 0.5}
    ),
)
for one in SHELF:
    one.id = one.slug
ALL = [one.slug for one in SHELF]


@pytest.fixture
async def shelf(books: Collection[Book]) -> Collection[Book]:
    await books.insert_many(SHELF)
    return books


CASES: list[tuple[Filter, Sequence[str]]] = [
    ({}, ALL),
    ({"slug": "bee"}, ["bee"]),
    ({"slug": "none"}, []),
    ({"id": "cat"}, ["cat"]),
    ({"id": {"$in": ["fox", "ant", "none"]}}, ["ant", "fox"]),
    ({"stars": 3}, ["ant", "fox"]),
    ({"stars": {"$eq": 3}, "shelf": "a"}, ["ant"]),
    ({"stars": {"$ne": 3}}, ["bee", "cat", "dog", "eel"]),
    ({"stars": {"$gt": 2}}, ["ant", "dog", "fox"]),
    ({"stars": {"$gte": GREATEST}}, ["dog"]),
    ({"stars": {"$lt": -(1 << 53)}}, ["eel"]),
    ({"stars": {"$gt": 1, "$lte": 3}}, ["ant", "cat", "fox"]),
    ({"stars": {"$in": [1, 2]}}, ["bee", "cat"]),
    ({"stars": {"$in": []}}, []),
    ({"stars": {"$nin": [3, 1]}}, ["cat", "dog", "eel"]),
    ({"stars": {"$nin": []}}, ALL),
    ({"price": 0.30000000000000004}, ["bee"]),
    ({"price": {"$lt": 0.30000000000000004}}, ["cat", "eel", "fox"]),
    ({"price": 1e300}, ["dog"]),
    ({"price": 0}, ["cat", "eel", "fox"]),
    ({"price": {"$gt": 1}}, ["ant", "dog"]),
    ({"lent": True}, ["cat"]),
    ({"lent": {"$ne": True}}, ["ant", "bee", "dog", "eel", "fox"]),
    ({"level": Level.HARD}, ["bee"]),
    ({"level": {"$in": ["hard", "easy"]}}, ALL),
    ({"title": "Ca\0t"}, ["cat"]),
    ({"title": "Ca"}, []),
    ({"title": "ñandú 😀"}, ["dog"]),
    ({"title": {"$gt": "ñ"}}, ["dog", "eel", "fox"]),
    # By code point: an emoji stands after U+FFFF, whatever UTF-16 says.
    ({"title": {"$gt": "\uffff"}}, ["fox"]),
    ({"title": {"$lt": "Ca\0u"}}, ["ant", "cat"]),
    ({"shelf": ""}, ["eel"]),
    ({"shelf": "$where"}, ["fox"]),
    ({"isbn": None}, ["ant", "dog", "eel"]),
    ({"isbn": {"$ne": None}}, ["bee", "cat", "fox"]),
    ({"isbn": ""}, ["cat"]),
    ({"isbn": {"$in": [None, ""]}}, ["ant", "cat", "dog", "eel"]),
    ({"isbn": {"$nin": [None, ""]}}, ["bee", "fox"]),
    ({"isbn": {"$gt": "978"}}, ["bee", "fox"]),
    ({"isbn": {"$lt": "978"}}, ["cat"]),
    ({"isbn": {"$not": {"$gt": "978"}}}, ["ant", "cat", "dog", "eel"]),
    ({"isbn": {"$exists": True}}, ALL),
    ({"due_at": NOW}, ["bee"]),
    ({"due_at": {"$lte": NOW}}, ["bee", "fox"]),
    ({"due_at": {"$gt": NOW}}, ["cat"]),
    ({"due_at": NOW.astimezone(timezone(-HOUR)) + timedelta(microseconds=999)}, ["bee"]),
    ({"due_at": None, "stars": {"$gt": 0}}, ["ant", "dog"]),
    ({"size.width": 2}, ["bee"]),
    ({"size.depth": {"$gt": 0}}, ["fox"]),
    ({"size": Size(width=2)}, ["bee"]),
    ({"notes.one.seen": 2}, ["dog"]),
    ({"notes.one.seen": {"$exists": True}}, ["dog"]),
    ({"notes.one": {"$exists": False}}, ["ant", "bee", "cat", "eel", "fox"]),
    ({"notes.one.text": None}, ["ant", "bee", "cat", "eel", "fox"]),
    ({"tags": "old"}, ["ant", "cat"]),
    ({"tags": {"$in": ["red", "blue"]}}, ["ant"]),
    ({"tags": {"$nin": ["red", "blue"]}}, ["bee", "cat", "dog", "eel", "fox"]),
    ({"tags": {"$ne": "old"}}, ["bee", "dog", "eel", "fox"]),
    ({"tags": {"$all": ["old", "red"]}}, ["ant"]),
    ({"tags": {"$gt": "old"}}, ["ant"]),
    ({"tags": {"$not": {"$gte": "old"}}}, ["bee", "dog", "eel", "fox"]),
    ({"years": 2001}, ["ant", "fox"]),
    # Each bound may be met by another element.
    ({"years": {"$gt": 1995, "$lt": 2000}}, ["ant"]),
    ({"years": {"$exists": True}}, ALL),
    ({"parts.title": "x"}, ["ant", "eel"]),
    ({"parts.title": "x", "parts.minutes": 1}, ["ant", "eel"]),
    ({"parts": {"$elemMatch": {"title": "x", "minutes": 1}}}, ["eel"]),
    ({"parts": {"$elemMatch": {"title": {"$gt": "x"}, "minutes": {"$lt": 5}}}}, ["ant"]),
    ({"parts": {"$not": {"$elemMatch": {"title": "x"}}}}, ["bee", "cat", "dog", "fox"]),
    ({"parts": Part("y", 1)}, ["ant"]),
    ({"parts": {"$in": [Part("y", 1), Part("none")]}}, ["ant"]),
    ({"parts": {"$nin": [Part("y", 1), Part("x", 1)]}}, ["bee", "cat", "dog", "fox"]),
    ({"size": {"$in": [Size(width=2), Size(depth=0.5)]}}, ["bee", "fox"]),
    ({"parts": {"$all": [Part("x", 5), Part("y", 1)]}}, ["ant"]),
    ({"$or": [{"slug": "ant"}, {"stars": 1}]}, ["ant", "bee"]),
    ({"$and": [{"stars": 3}, {"shelf": "a"}]}, ["ant"]),
    ({"shelf": "b", "$or": [{"lent": True}, {"$and": [{"price": {"$gt": 1}}, {"stars": {"$gt": 5}}]}]}, ["cat", "dog"]),
    ({"$or": [{}, {"slug": "none"}]}, ALL),
]


async def test_filters(shelf: Collection[Book]) -> None:
    found = [(query, [one.slug for one in await shelf.find(query)]) for query, _ in CASES]
    assert found == CASES
    counted = [(query, await shelf.count(query)) for query, _ in CASES]
    assert counted == [(query, len(slugs)) for query, slugs in CASES]


SORTS: list[tuple[Sort, str]] = [
    ((), "ant bee cat dog eel fox"),
    (("id",), "ant bee cat dog eel fox"),
    (("-id",), "fox eel dog cat bee ant"),
    (("stars",), "eel bee cat ant fox dog"),
    (("-stars",), "dog ant fox cat bee eel"),
    (("-stars", "-slug"), "dog fox ant cat bee eel"),
    (("price", "slug"), "cat eel fox bee ant dog"),
    (("title",), "ant cat bee dog eel fox"),
    (("-title",), "fox eel dog bee cat ant"),
    (("isbn",), "ant dog eel cat bee fox"),
    (("-isbn",), "fox bee cat ant dog eel"),
    (("due_at", "-slug"), "eel dog ant fox bee cat"),
    (("-due_at",), "cat bee fox ant dog eel"),
    (("shelf", "lent"), "eel fox ant bee dog cat"),
    (("-size.width", "-size.depth"), "bee fox ant cat dog eel"),
    (("-notes.one.seen",), "dog ant bee cat eel fox"),
]


async def test_sorts(shelf: Collection[Book]) -> None:
    for sort, slugs in SORTS:
        order = slugs.split()
        assert [one.slug for one in await shelf.find({}, sort=sort)] == order, sort
        assert [one.slug for one in await shelf.find({}, sort=sort, limit=2)] == order[:2], sort
        first = await shelf.find_one({"slug": {"$ne": order[0]}}, sort=sort)
        assert first is not None
        assert first.slug == order[1], sort
    assert await shelf.find_one({"slug": "none"}) is None


async def test_a_document_is_read_as_it_was_written(books: Collection[Book]) -> None:
    written = book(
        "\n",
        title="\0 \\ \" ' % _ \u2028 \u200f \ud7ff \U0010ffff é é",
        price=5e-324,
        stars=-GREATEST,
        isbn="x" * 100_000,
        due_at=datetime(1, 1, 1, tzinfo=UTC),
        tags=["", "\0", "😀" * 1000],
        years=[GREATEST, 0],
        parts=[{"title": "'; DROP TABLE books; --"}],
        notes={"a.b": {"seen": 1}, "": {}, "ключ": {}, '"': {}, "\\": {}, "'": {}},
        extra={"none": None, "list": [1, [2.5, {"deep": [True]}]], "big": 1 << 40},
    )
    written.updated_at = NOW.astimezone(timezone(3 * HOUR)) + timedelta(microseconds=999)
    await books.insert(written)
    written.updated_at = NOW
    read = await books.get(written.id)
    assert read == written
    assert read is not None
    assert read.updated_at.utcoffset() == timedelta(0)
    assert type(read.extra["big"]) is int
    assert type(read.notes["a.b"]) is Note
    assert await books.find_one({"title": written.title, "isbn": written.isbn}) == written
    assert await books.get("none") is None
    assert await books.get("") is None


@pytest.mark.parametrize("value", [1e-310, 1.7976931348623157e308, 0.1, 1 / 3, 123456789.12345679, 5e-324])
async def test_floats_keep_every_bit(books: Collection[Book], value: float) -> None:
    await books.insert(book("x", price=value))
    found = await books.find_one({"price": value})
    assert found is not None
    assert found.price.hex() == value.hex()
    assert await books.count({"price": {"$lt": value}}) == await books.count({"price": {"$gt": value}}) == 0


async def test_many_values_in_one_filter(books: Collection[Book]) -> None:
    made = [book(f"s{number}", tags=[f"t{number}"]) for number in range(3)]
    await books.insert_many(made)
    many = [f"none{number}" for number in range(2_000)]
    assert await books.count({"id": {"$in": [*many, *(one.id for one in made)]}}) == 3
    assert await books.count({"tags": {"$in": [*many, "t1"]}}) == 1
    assert await books.count({"slug": {"$nin": [*many, "s1"]}}) == 2
    assert await books.count({"$or": [{"slug": one} for one in [*many[:200], "s2"]]}) == 1


async def test_groups(shelf: Collection[Book]) -> None:
    assert await shelf.group({"stars": {"$lt": 100, "$gt": 0}}, by="shelf", sums=["stars", "price"]) == [
        Group("$where", 1, {"stars": 3, "price": 0.0}),
        Group("a", 2, {"stars": 4, "price": 1.8}),
        Group("b", 1, {"stars": 2, "price": 0.0}),
    ]
    by_isbn = await shelf.group({}, by="isbn")
    assert [(one.key, one.count) for one in by_isbn] == [(None, 3), ("", 1), ("978-0", 1), ("978-1", 1)]
    assert [(one.key, one.count) for one in await shelf.group({}, by="stars")] == [
        (-GREATEST, 1),
        (1, 1),
        (2, 1),
        (3, 2),
        (GREATEST, 1),
    ]
    by_lent = await shelf.group({}, by="lent")
    assert [(one.key, one.count) for one in by_lent] == [(False, 5), (True, 1)]
    assert all(isinstance(one.key, bool) for one in by_lent)
    assert await shelf.group({}, by="size.width", sums=["size.depth"]) == [
        Group(0, 5, {"size.depth": 0.5}),
        Group(2, 1, {"size.depth": 0.0}),
    ]
    assert await shelf.group({}, sums=["size.width"]) == [Group(None, 6, {"size.width": 2})]
    assert await shelf.group({"slug": "none"}, sums=["stars"]) == []
    assert await shelf.group({"slug": "none"}, by="shelf") == []
    with_missing = await shelf.group({}, by="notes.one.text", sums=["notes.one.seen"])
    assert with_missing == [Group(None, 5, {"notes.one.seen": 0}), Group("n", 1, {"notes.one.seen": 2})]


async def test_a_unique_violation_names_its_index(books: Collection[Book]) -> None:
    first = book("one", isbn="1")
    await books.insert_many([first, book("two"), book("three")])
    doubles = {
        "_id": book("other"),
        "slug": book("one"),
        "by_isbn": book("other", isbn="1"),
    }
    doubles["_id"].id = first.id
    for index, double in doubles.items():
        for call in (books.insert(double), books.insert_many([book("fresh"), double])):
            with pytest.raises(UniqueViolation) as caught:
                await call
            assert (caught.value.collection, caught.value.index) == ("books", index)
    assert await books.count({}) == 3
    await books.insert_many([])
    with pytest.raises(UniqueViolation):
        await books.insert_many([book("twice"), book("twice")])
    assert await books.count({}) == 3


@pytest.mark.parametrize(("at_most", "counted"), [(1, 1), (5, 5), (6, 6), (7, 6)])
async def test_counting_stops_where_it_is_told_to(shelf: Collection[Book], at_most: int, counted: int) -> None:
    assert await shelf.count({}, at_most=at_most) == counted
    assert await shelf.count({"stars": 3}, at_most=at_most) == min(at_most, 2)
