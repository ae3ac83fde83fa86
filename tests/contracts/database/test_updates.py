"""Every update operator, every writing method, versions."""

from datetime import timedelta

import msgspec
import pytest

from academy.infrastructure.database.base import Collection, Database, Update
from academy.infrastructure.database.errors import UniqueViolation, VersionConflict
from tests.contracts.database.documents import NOW, Book, Counter, Level, Note, Part, Size, book, counter

LATER = NOW + timedelta(hours=1)

# What the update is applied to; ids and version stand apart.
BEFORE: dict[str, object] = {
    "title": "t",
    "stars": 5,
    "price": 1.5,
    "isbn": "1",
    "due_at": NOW,
    "size": Size(1, 2.0),
    "tags": ["a", "b", "a"],
    "years": [1, 2],
    "parts": [Part("x", 1), Part("y", 2)],
    "notes": {"one": Note("n", 1)},
}

CASES: list[tuple[Update, dict[str, object]]] = [
    ({"$set": {"title": "\0 $x {}", "stars": -1}}, {"title": "\0 $x {}", "stars": -1}),
    ({"$set": {"price": 2}}, {"price": 2.0}),
    ({"$set": {"isbn": None, "due_at": None}}, {"isbn": None, "due_at": None}),
    ({"$set": {"due_at": LATER + timedelta(microseconds=1)}}, {"due_at": LATER}),
    ({"$set": {"level": Level.HARD, "lent": True}}, {"level": Level.HARD, "lent": True}),
    ({"$set": {"level": "hard"}}, {"level": Level.HARD}),
    ({"$set": {"size.width": 9}}, {"size": Size(9, 2.0)}),
    ({"$set": {"size": Size(7)}}, {"size": Size(7, 0.0)}),
    ({"$set": {"size": {"width": 7}}}, {"size": Size(7, 0.0)}),
    ({"$set": {"tags": []}}, {"tags": []}),
    ({"$set": {"parts": [Part("z"), {"title": "w", "minutes": 3}]}}, {"parts": [Part("z", 0), Part("w", 3)]}),
    ({"$set": {"notes.one.seen": 2}}, {"notes": {"one": Note("n", 2)}}),
    ({"$set": {"notes.two.text": "m"}}, {"notes": {"one": Note("n", 1), "two": Note("m", 0)}}),
    ({"$set": {"notes.two": Note("m")}}, {"notes": {"one": Note("n", 1), "two": Note("m", 0)}}),
    ({"$set": {"notes": {}}}, {"notes": {}}),
    ({"$set": {"extra": {"deep": [1, {"x": None}]}}}, {"extra": {"deep": [1, {"x": None}]}}),
    ({"$unset": {"isbn": "", "due_at": "ignored"}}, {"isbn": None, "due_at": None}),
    ({"$unset": {"notes.one": ""}}, {"notes": {}}),
    ({"$unset": {"notes.none": ""}}, {}),
    ({"$inc": {"stars": 2, "price": -0.25}}, {"stars": 7, "price": 1.25}),
    ({"$inc": {"price": 1}}, {"price": 2.5}),
    ({"$inc": {"stars": 0}}, {}),
    ({"$inc": {"stars": (1 << 63) - 6}}, {"stars": (1 << 63) - 1}),
    ({"$inc": {"size.width": -1, "notes.one.seen": 1}}, {"size": Size(0, 2.0), "notes": {"one": Note("n", 2)}}),
    ({"$inc": {"notes.two.seen": 3}}, {"notes": {"one": Note("n", 1), "two": Note("", 3)}}),
    ({"$min": {"stars": 4, "price": 9.0}}, {"stars": 4}),
    ({"$max": {"stars": 4, "price": 9.0, "due_at": LATER}}, {"price": 9.0, "due_at": LATER}),
    ({"$min": {"title": "\uffff"}}, {}),
    ({"$max": {"title": "😀"}}, {"title": "😀"}),
    ({"$push": {"tags": "c"}}, {"tags": ["a", "b", "a", "c"]}),
    ({"$push": {"tags": {"$each": ["c", "d"]}}}, {"tags": ["a", "b", "a", "c", "d"]}),
    ({"$push": {"tags": {"$each": ["c"], "$slice": -2}}}, {"tags": ["a", "c"]}),
    ({"$push": {"tags": {"$each": ["c"], "$slice": 2}}}, {"tags": ["a", "b"]}),
    ({"$push": {"tags": {"$each": [], "$slice": 0}}}, {"tags": []}),
    ({"$push": {"parts": {"title": "z"}}}, {"parts": [Part("x", 1), Part("y", 2), Part("z", 0)]}),
    ({"$pull": {"tags": "a", "years": 3}}, {"tags": ["b"]}),
    ({"$pull": {"parts": Part("x", 1)}}, {"parts": [Part("y", 2)]}),
    ({"$pull": {"parts": {"title": "x"}}}, {}),
    ({"$addToSet": {"tags": "a", "years": 3}}, {"years": [1, 2, 3]}),
    ({"$addToSet": {"parts": {"minutes": 2, "title": "y"}}}, {}),
    ({"$addToSet": {"parts": Part("y", 3)}}, {"parts": [Part("x", 1), Part("y", 2), Part("y", 3)]}),
    ({"$setOnInsert": {"title": "never"}, "$inc": {"stars": 1}}, {"stars": 6}),
    ({"$setOnInsert": {"title": "never"}}, {}),
]


async def test_operators(books: Collection[Book]) -> None:
    for update, change in CASES:
        await books.delete_many({})
        stored = book("one")
        for name, value in BEFORE.items():
            setattr(stored, name, value)
        await books.insert_many([stored, book("two", isbn="2")])
        expected = msgspec.structs.replace(stored, version=2, **change)
        assert await books.find_and_update({"slug": "one"}, update) == expected, update
        assert await books.get(stored.id) == expected, update
        assert await books.update_one({"slug": "two"}, update) is True, update


async def test_update_one_changes_the_lowest_id(books: Collection[Book]) -> None:
    await books.insert_many([book("b", id="2"), book("a", id="1"), book("c", id="3")])
    assert await books.update_one({"stars": 0}, {"$inc": {"stars": 1}}) is True
    assert [(one.id, one.stars, one.version) for one in await books.find({})] == [
        ("1", 1, 2),
        ("2", 0, 1),
        ("3", 0, 1),
    ]
    assert await books.update_one({"stars": 9}, {"$inc": {"stars": 1}}) is False


async def test_update_many_counts_every_match(books: Collection[Book]) -> None:
    await books.insert_many([book(f"s{number}", shelf="ab"[number % 2]) for number in range(300)])
    assert await books.update_many({"shelf": "a"}, {"$set": {"shelf": "a"}}) == 150
    assert await books.update_many({"shelf": "c"}, {"$set": {"shelf": "a"}}) == 0
    assert await books.update_many({}, {"$push": {"tags": "x"}, "$set": {"shelf": "b"}}) == 300
    assert await books.count({"shelf": "b", "tags": "x", "version": 3}) == 150
    assert await books.count({"shelf": "b", "tags": "x", "version": 2}) == 150


async def test_update_many_is_one_unit(books: Collection[Book]) -> None:
    await books.insert_many([book("a"), book("b"), book("c", isbn="1")])
    stored = await books.find({})
    with pytest.raises(UniqueViolation) as caught:
        await books.update_many({}, {"$set": {"isbn": "1"}})
    assert caught.value.index == "by_isbn"
    assert await books.find({}) == stored


async def test_find_and_update_takes_the_first_in_order(books: Collection[Book]) -> None:
    await books.insert_many([book("a", stars=1), book("b", stars=3), book("c", stars=2)])
    changed = await books.find_and_update({"stars": {"$lt": 9}}, {"$inc": {"stars": 10}}, sort=("-stars",))
    assert changed is not None
    assert (changed.slug, changed.stars, changed.version) == ("b", 13, 2)
    assert await books.find_and_update({"slug": "none"}, {"$inc": {"stars": 10}}) is None


async def test_find_and_update_inserts_what_is_not_there(
    database: Database, books: Collection[Book], counters: Collection[Counter]
) -> None:
    fresh = book("one", stars=1)
    change: Update = {"$inc": {"stars": 1}, "$setOnInsert": {"title": "never"}}
    assert await books.find_and_update({"slug": "one"}, change, insert=fresh) == fresh
    changed = await books.find_and_update({"slug": "one"}, change, insert=book("one", stars=1))
    assert changed == msgspec.structs.replace(fresh, stars=2, version=2)
    assert await books.find({}) == [changed]
    with pytest.raises(UniqueViolation) as caught:
        await books.find_and_update({"slug": "one", "stars": 9}, change, insert=book("one"))
    assert (caught.value.collection, caught.value.index) == ("books", "slug")
    # Without a unique index that would forbid a second one.
    for number in range(3):
        stored = await counters.find_and_update({"name": "c"}, {"$inc": {"count": 1}}, insert=counter("c", 1))
        assert stored is not None
        assert stored.count == number + 1

    async def work() -> Counter | None:
        return await counters.find_and_update({"name": "d"}, {"$inc": {"count": 1}}, insert=counter("d", 5))

    inserted = await database.transaction(work)
    assert inserted is not None
    assert await counters.get(inserted.id) == inserted


async def test_updates_keep_unique_indexes(books: Collection[Book]) -> None:
    await books.insert_many([book("a", isbn="1"), book("b", isbn="2"), book("c"), book("d")])
    stored = await books.find({})
    for query, update, index in (
        ({"slug": "a"}, {"$set": {"slug": "b"}}, "slug"),
        ({"slug": "c"}, {"$set": {"isbn": "2"}}, "by_isbn"),
    ):
        for call in (books.update_one(query, update), books.find_and_update(query, update)):
            with pytest.raises(UniqueViolation) as caught:
                await call
            assert (caught.value.collection, caught.value.index) == ("books", index)
    assert await books.find({}) == stored
    assert await books.update_many({"isbn": {"$ne": None}}, {"$unset": {"isbn": ""}}) == 2
    assert await books.update_one({"slug": "d"}, {"$set": {"isbn": "2"}})


async def test_replace_compares_versions(books: Collection[Book]) -> None:
    first = book("one")
    await books.insert(first)
    second = await books.replace(msgspec.structs.replace(first, title="second", tags=["new"]))
    assert second == msgspec.structs.replace(first, title="second", tags=["new"], version=2)
    assert await books.get(first.id) == second
    assert await books.find({"tags": "new"}) == [second]
    with pytest.raises(VersionConflict) as caught:
        await books.replace(msgspec.structs.replace(first, title="stale"))
    assert (caught.value.collection, caught.value.document_id) == ("books", first.id)
    await books.update_one({}, {"$inc": {"stars": 1}})
    with pytest.raises(VersionConflict):
        await books.replace(second)
    with pytest.raises(VersionConflict):
        await books.replace(book("unknown"))
    assert [(one.title, one.version) for one in await books.find({})] == [("second", 3)]
    other = book("two")
    await books.insert(other)
    with pytest.raises(UniqueViolation) as violated:
        await books.replace(msgspec.structs.replace(other, slug="one"))
    assert violated.value.index == "slug"
    assert await books.get(other.id) == other
    await books.delete_one({"id": other.id})
    with pytest.raises(VersionConflict):
        await books.replace(other)
    assert await books.count({}) == 1


async def test_deletions(books: Collection[Book]) -> None:
    await books.insert_many([book(str(number), id=str(number), tags=["x"]) for number in range(6)])
    assert await books.delete_one({"tags": "x"}) is True
    assert await books.delete_one({"id": "0"}) is False
    assert await books.delete_many({"id": {"$in": ["1", "2", "none"]}}) == 2
    assert [one.id for one in await books.find({"tags": "x"})] == ["3", "4", "5"]
    assert await books.delete_many({}) == 3
    assert await books.delete_many({}) == 0
    assert await books.find({"tags": "x"}) == []
    # A removed document leaves nothing behind in any index.
    await books.insert(book("0", id="0"))
    assert await books.count({}) == 1
