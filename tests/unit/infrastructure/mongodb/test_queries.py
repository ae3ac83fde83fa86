"""Plans and pages: what is asked uses the declared indexes."""

import pytest

from academy.infrastructure.database.base import Filter, Plan, Sort
from academy.infrastructure.database.errors import UnsupportedQuery
from academy.infrastructure.database.mongodb import MongoDatabase
from tests.unit.infrastructure.mongodb.documents import NOW, Book, book


@pytest.mark.parametrize(
    ("query", "sort", "index"),
    [
        ({"id": "x"}, (), "_id"),
        ({"slug": "x"}, ("-stars",), "slug"),
        ({"shelf": "a"}, ("-stars",), "shelf_stars"),
        ({"shelf": "a", "stars": {"$gt": 3}}, ("-stars",), "shelf_stars"),
        ({}, ("slug",), "slug"),
        ({"isbn": "x"}, (), "by_isbn"),
        ({"isbn": {"$in": ["x", "y"]}}, ("isbn",), "by_isbn"),
        ({"due_at": {"$lte": NOW}}, ("due_at",), "by_due"),
        ({"due_at": {"$ne": None}}, ("due_at",), "by_due"),
        ({"tags": "red"}, (), "tags"),
        ({}, (), "_id"),
    ],
)
async def test_indexes_are_used(database: MongoDatabase, query: Filter, sort: Sort, index: str) -> None:
    plan = await database.collection(Book).explain(query, sort=sort)
    assert plan == Plan(indexes=(index,), scans_collection=False, sorts_in_memory=False)


async def test_a_scan_and_a_sort_are_told(database: MongoDatabase) -> None:
    plan = await database.collection(Book).explain({"price": 1.0}, sort=("price",))
    assert plan == Plan(indexes=(), scans_collection=True, sorts_in_memory=True)


@pytest.mark.parametrize("sort", [("due_at",), ("-due_at",), ("shelf", "-due_at"), ("-isbn", "due_at"), ("-id",), ()])
async def test_pages_walk_every_document_once(database: MongoDatabase, sort: tuple[str, ...]) -> None:
    books = database.collection(Book)
    made = [
        book(
            f"s{n}",
            shelf="ab"[n % 2],
            due_at=NOW.replace(minute=n % 7) if n % 3 else None,
            isbn=f"i{n}" if n % 4 else None,
        )
        for n in range(40)
    ]
    await books.insert_many(made)
    expected = [one.id for one in await books.find({}, sort=sort)]
    walked: list[str] = []
    cursor = None
    while True:
        page = await books.page({}, sort=sort, limit=7, cursor=cursor)
        walked += [one.id for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert walked == expected
    assert sorted(walked) == sorted(one.id for one in made)


async def test_limits_below_one_are_refused(database: MongoDatabase) -> None:
    with pytest.raises(UnsupportedQuery, match="limit"):
        await database.collection(Book).find({}, limit=0)


async def test_search_words_follow_every_write(database: MongoDatabase) -> None:
    books = database.collection(Book)

    async def found(text: str) -> int:
        return (await books.search(text, {})).total

    one = book("a", title="Linear algebra")
    await books.insert(one)
    assert [await found("alg"), await found("algebra lin"), await found("linear alg")] == [1, 1, 1]
    assert await books.update_one({"slug": "a"}, {"$set": {"title": "Group theory"}})
    assert [await found("alg"), await found("the")] == [0, 1]
    assert (
        await books.update_many({"slug": "a"}, {"$push": {"parts": {"title": "Extraordinarily-longwordedness"}}}) == 1
    )
    assert [await found("extraordinarily"), await found("extraordinari"), await found("theory extra")] == [1, 1, 1]
    read = await books.get(one.id)
    assert read is not None
    assert read.version == 3
    read.title = "Rings"
    read.parts = []
    await books.replace(read)
    assert [await found("theory"), await found("ring"), await found("extra")] == [0, 1, 0]
    changed = await books.find_and_update({"slug": "a"}, {"$set": {"title": "Fields"}})
    assert changed is not None
    assert [await found("rings"), await found("fields")] == [0, 1]
    inserted = await books.find_and_update({"slug": "b"}, {"$set": {"title": "x"}}, insert=book("b", title="Modules"))
    assert inserted is not None
    assert [await found("x"), await found("modul")] == [0, 1]
    assert await books.delete_many({}) == 2
    assert await found("modules") == 0


async def test_search_pages_by_rank_and_by_field(database: MongoDatabase) -> None:
    books = database.collection(Book)
    made = [book(f"s{n}", title="sea" if n % 2 else "land", parts=[{"title": "sea side"}], stars=n) for n in range(20)]
    await books.insert_many(made)
    for sort, expected in (
        ((), sorted(made, key=lambda one: (one.title == "sea", one.id), reverse=True)),
        (("-stars",), made[::-1]),
    ):
        walked: list[str] = []
        cursor = None
        while True:
            page = await books.search("side sea", {}, sort=sort, limit=6, cursor=cursor)
            assert page.total == 20
            walked += [one.slug for one in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert walked == [one.slug for one in expected]
