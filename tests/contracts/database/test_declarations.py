"""Collections equal what their classes declare; plans tell which index serves a query."""

import asyncio
from typing import ClassVar

import pytest

from academy.infrastructure.database.base import Collection, Database, Filter, Plan, Sort
from academy.infrastructure.database.document import Document, Index, SearchField
from academy.infrastructure.database.errors import UniqueViolation, UnsupportedQuery
from tests.contracts.database.documents import NOW, Book, Counter, Part, Size, book, counter
from tests.contracts.database.places import Place


class Bare(Document):
    """The counters without any declaration."""

    __collection__ = "counters"

    name: str
    count: int = 0


class Named(Document):
    """The counters with an index, a unique index and search."""

    __collection__ = "counters"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(fields=("name",), unique=True, name="one_name"),
        Index(fields=("-count",)),
    )
    __search__: ClassVar[tuple[SearchField, ...]] = (SearchField("name"),)

    name: str
    count: int = 0


class Renamed(Document):
    """The counters with the same index over another field."""

    __collection__ = "counters"
    __indexes__: ClassVar[tuple[Index, ...]] = (Index(fields=("created_at",), name="one_name"),)

    name: str
    count: int = 0


async def test_declarations_come_and_go_with_documents_there(database: Database) -> None:
    await database.collection(Counter).insert_many([counter(f"Ünder the {n} moon", n) for n in range(1203)])
    plain = database.collection(Bare)
    for _ in range(2):
        await database.create_indexes([Named])
        named = database.collection(Named)
        assert (await named.explain({"name": "x"})).indexes == ("one_name",)
        assert (await named.explain({"count": {"$gt": 3}}, sort=("-count",))).indexes == ("count",)
        found = await named.search("under moo", {}, sort=("-count",), limit=5)
        assert found.total == 1000
        # Of the newest thousand; the oldest 203 are not considered.
        assert len(found.items) == 5
        with pytest.raises(UniqueViolation) as caught:
            await named.insert(Named(created_at=NOW, updated_at=NOW, name="Ünder the 7 moon"))
        assert (caught.value.collection, caught.value.index) == ("counters", "one_name")
    await database.create_indexes([Renamed])
    assert (await plain.explain({"name": "x"})).scans_collection
    assert (await plain.explain({"created_at": NOW})).indexes == ("one_name",)
    await plain.insert(Bare(created_at=NOW, updated_at=NOW, name="Ünder the 7 moon"))
    await database.create_indexes([Bare])
    assert (await plain.explain({"created_at": NOW})).scans_collection
    assert await plain.update_many({}, {"$inc": {"count": 1}}) == 1204


async def test_a_unique_index_over_doubles_is_reported(database: Database) -> None:
    counters = database.collection(Counter)
    await counters.insert_many([counter("x"), counter("x")])
    with pytest.raises(UniqueViolation) as caught:
        await database.create_indexes([Named])
    assert (caught.value.collection, caught.value.index) == ("counters", "one_name")
    assert await counters.count({"name": "x"}) == 2


async def test_several_processes_make_indexes_at_once(place: Place) -> None:
    databases = [place.database() for _ in range(4)]
    await asyncio.gather(*(one.connect() for one in databases))
    await asyncio.gather(*(one.create_indexes([Book, Named]) for one in databases))
    books = databases[0].collection(Book)
    await books.insert(book("one"))
    with pytest.raises(UniqueViolation):
        await databases[3].collection(Book).insert(book("one"))
    assert (await books.explain({"shelf": "a"}, sort=("-stars",))).indexes == ("shelf_stars",)
    for one in databases:
        await one.disconnect()


async def test_list_and_search_indexes_are_filled_for_old_documents(place: Place) -> None:
    class Old(Document):
        __collection__ = "books"

        slug: str
        title: str = ""
        tags: list[str] = []
        parts: list[Part] = []

    database = place.database()
    await database.connect()
    await database.create_indexes([Old])
    made = [Old(created_at=NOW, updated_at=NOW, slug=f"s{n}", title="moon", tags=[f"t{n}"]) for n in range(9)]
    await database.collection(Old).insert_many(made)
    await database.create_indexes([Book])
    books = database.collection(Book)
    # Fields that came later have their defaults, and sort as nulls until they are written.
    assert [one.slug for one in await books.find({"tags": "t3"})] == ["s3"]
    assert (await books.search("moon", {})).total == 9
    await books.insert(book("fresh", stars=3))
    walked, cursor = [], None
    while True:
        page = await books.page({}, sort=("-stars",), limit=2, cursor=cursor)
        walked += [one.slug for one in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert walked[0] == "fresh"
    assert sorted(walked) == sorted([*(one.slug for one in made), "fresh"])
    await database.disconnect()


@pytest.mark.parametrize(
    "index",
    [
        Index(("unknown",)),
        Index(("name", "tags")),
        Index(("parts",)),
        Index(("parts.title",)),
        Index(("size",)),
        Index(("maybe",), unique=True),
        Index(("tags",), unique=True),
        Index(("tags",), present="maybe"),
        Index(("name",), present="tags"),
        Index(("name",), present="unknown"),
    ],
    ids=str,
)
async def test_indexes_that_cannot_be_are_refused(database: Database, index: Index) -> None:
    class Odd(Document):
        __collection__ = "odd"
        __indexes__ = (index,)

        name: str
        size: Size
        maybe: str | None = None
        tags: list[str] = []
        parts: list[Part] = []

    with pytest.raises(UnsupportedQuery):
        await database.create_indexes([Odd])


PLANS: list[tuple[Filter, Sort, Plan]] = [
    ({"id": "x"}, (), Plan(("_id",), scans_collection=False, sorts_in_memory=False)),
    ({"slug": "x"}, ("-stars",), Plan(("slug",), scans_collection=False, sorts_in_memory=False)),
    ({"shelf": "a"}, ("-stars",), Plan(("shelf_stars",), scans_collection=False, sorts_in_memory=False)),
    ({"shelf": "a", "stars": {"$gt": 3}}, ("-stars",), Plan(("shelf_stars",), False, False)),
    ({"shelf": {"$gte": "a"}}, ("shelf", "-stars"), Plan(("shelf_stars",), False, False)),
    ({"isbn": "x"}, (), Plan(("by_isbn",), False, False)),
    ({"isbn": {"$gte": "x"}}, ("isbn",), Plan(("by_isbn",), False, False)),
    ({"due_at": {"$lte": NOW}}, ("due_at",), Plan(("by_due",), False, False)),
    ({"due_at": {"$ne": None}}, ("due_at",), Plan(("by_due",), False, False)),
    ({}, (), Plan(("_id",), False, False)),
    ({}, ("slug",), Plan(("slug",), False, False)),
    # An index that gives only the order finds nothing: the whole collection is read.
    ({"price": 1.0}, (), Plan(("_id",), scans_collection=True, sorts_in_memory=False)),
    ({"price": 1.0}, ("slug",), Plan(("slug",), scans_collection=True, sorts_in_memory=False)),
    ({"$or": [{"slug": "x"}, {"price": 1.0}]}, ("price",), Plan((), scans_collection=True, sorts_in_memory=True)),
    ({}, ("price",), Plan((), scans_collection=True, sorts_in_memory=True)),
]


async def test_plans(books: Collection[Book]) -> None:
    told = [(query, sort, await books.explain(query, sort=sort)) for query, sort, _ in PLANS]
    assert told == PLANS
    everything = [await books.explain(query, limit=None) for query in ({"stars": 1}, {"due_at": {"$lt": NOW}}, {})]
    assert [one.scans_collection for one in everything] == [True, False, True]
    by_tag = await books.explain({"tags": "red"})
    assert (by_tag.indexes[-1], by_tag.scans_collection) == ("tags", False)
