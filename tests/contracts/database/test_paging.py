"""Cursors: every document once, whatever happens to others meanwhile; nothing but the academy's own cursors."""

import base64
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Protocol

import msgspec
import pytest

from academy.infrastructure.database.base import Collection, Page, SearchPage, Sort
from academy.infrastructure.database.errors import InvalidCursor
from tests.contracts.database.documents import NOW, Book, Counter, book, counter

SORTS: list[Sort] = [
    (),
    ("id",),
    ("-id",),
    ("due_at",),
    ("-due_at",),
    ("shelf", "-due_at"),
    ("-isbn", "due_at"),
    ("lent", "-price", "title"),
    ("-level",),
    ("size.width",),
    ("-notes.one.seen", "slug"),
]


def many(count: int) -> list[Book]:
    """Books with few different values, so that most sort as equals, and nulls everywhere."""
    return [
        book(
            f"s{n:03}",
            title="äa\0😀"[n % 4],
            shelf="ab"[n % 2],
            stars=n,
            price=n % 3 / 2,
            lent=bool(n % 2),
            level="easy" if n % 5 else "hard",
            due_at=NOW + timedelta(minutes=n % 7) if n % 3 else None,
            isbn=f"i{n}" if n % 4 else None,
            size={"width": n % 4},
            notes={"one": {"seen": n % 2}} if n % 6 else {},
        )
        for n in range(count)
    ]


class Turn(Protocol):
    """Fetches the page after a cursor."""

    async def __call__(self, cursor: str | None) -> Page[Book] | SearchPage[Book]: ...


async def walk(turn: Turn, between: Callable[[int], object] | None = None) -> list[Book]:
    """Turns pages to the last and returns all their documents."""
    walked: list[Book] = []
    cursor: str | None = None
    while True:
        page = await turn(cursor)
        walked += page.items
        cursor = page.next_cursor
        if cursor is None:
            return walked
        assert page.items


@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: ",".join(sort) or "none")
async def test_pages_walk_every_document_once(books: Collection[Book], sort: Sort) -> None:
    made = many(40)
    await books.insert_many(made)
    expected = await books.find({}, sort=sort)
    for limit in (1, 7, 20, 40, 200):
        assert await walk(lambda cursor, n=limit: books.page({}, sort=sort, limit=n, cursor=cursor)) == expected
    assert sorted(one.id for one in expected) == sorted(one.id for one in made)
    narrowed = {"stars": {"$gte": 11}, "$or": [{"lent": True}, {"shelf": "a"}]}
    found = await walk(lambda cursor: books.page(narrowed, sort=sort, limit=3, cursor=cursor))
    assert found == await books.find(narrowed, sort=sort)


@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: ",".join(sort) or "none")
async def test_pages_never_repeat_or_skip_while_others_come_and_go(books: Collection[Book], sort: Sort) -> None:
    staying, leaving = many(40)[::2], many(40)[1::2]
    await books.insert_many([*staying, *leaving])
    coming = [msgspec.structs.replace(one, id=f"new{one.slug}", slug=f"new{one.slug}", isbn=None) for one in leaving]

    async def turn(cursor: str | None) -> Page[Book]:
        page = await books.page({}, sort=sort, limit=3, cursor=cursor)
        if page.items:
            # The document that the cursor stands on goes, and one with the same values comes.
            await books.delete_one({"id": page.items[-1].id, "slug": {"$in": [one.slug for one in leaving]}})
        if leaving and coming:
            await books.delete_one({"id": leaving.pop().id})
            await books.insert(coming.pop())
        return page

    walked = [one.id for one in await walk(turn)]
    assert len(walked) == len(set(walked))
    assert {one.id for one in staying} <= set(walked)


async def test_a_full_last_page_has_no_cursor(books: Collection[Book]) -> None:
    assert await books.page({}) == Page([], None)
    await books.insert_many(many(4))
    assert (await books.page({}, limit=4)).next_cursor is None
    assert (await books.page({}, limit=3)).next_cursor is not None


def with_values(values: object, inside: list[object]) -> object:
    """Returns the inside of a cursor with other sort values."""
    return [inside[0], values, inside[2]]


def altered(cursor: str, change: Callable[[list[object]], object]) -> str:
    """Returns a cursor whose inside was changed."""
    inside = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return encoded(change(inside))


def encoded(inside: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(inside)).decode().rstrip("=")


async def test_foreign_and_broken_cursors(books: Collection[Book], counters: Collection[Counter]) -> None:
    await books.insert_many(many(9))
    await counters.insert_many([counter(str(n)) for n in range(9)])
    sort = ("-stars",)
    good = (await books.page({}, sort=sort, limit=2)).next_cursor
    by_time = (await books.page({}, sort=("due_at",), limit=5)).next_cursor
    plain = (await books.page({}, limit=2)).next_cursor
    foreign = (await counters.page({}, limit=2)).next_cursor
    assert good is not None
    assert by_time is not None
    assert plain is not None
    assert foreign is not None
    spoilt: list[object] = ["x", None, [], [1, 2], ["1"], [1.5], [True], [1 << 63], [[1]], [["time", "x"]]]
    broken: list[str] = [
        "",
        "x",
        "=",
        "%00",
        "ä",
        "\ud800",
        "\0",
        good[:-1],
        good + "A",
        good.swapcase(),
        "A" * 100_000,
        plain,
        by_time,
        foreign,
        encoded(None),
        encoded([]),
        encoded({}),
        *(altered(good, partial(with_values, values)) for values in [*spoilt, [{"$ne": None}]]),
        altered(good, lambda inside: [inside[0], inside[1], None]),
        altered(good, lambda inside: [inside[0], inside[1], {"$gt": ""}]),
        altered(good, lambda inside: [inside[0], inside[1]]),
        altered(good, lambda inside: ["", inside[1], inside[2]]),
    ]
    for cursor in broken:
        with pytest.raises(InvalidCursor):
            await books.page({}, sort=sort, limit=2, cursor=cursor)
    with pytest.raises(InvalidCursor):
        await books.page({}, sort=("due_at",), cursor=good)
    with pytest.raises(InvalidCursor):
        await counters.page({}, cursor=plain)
    harmless = altered(good, lambda inside: [inside[0], [None], "\0 ' \" $ 😀"])
    assert (await books.page({}, sort=sort, cursor=harmless)).items == []


async def test_search_pages_by_rank_and_by_field(books: Collection[Book]) -> None:
    made = [book(f"s{n}", title="sea" if n % 2 else "land", parts=[{"title": "sea side"}], stars=n) for n in range(20)]
    for n, one in enumerate(made):
        one.due_at = NOW + timedelta(days=n % 5) if n % 3 else None
        one.id = f"id{n:02}"
    await books.insert_many([*made, book("other", title="sea")])
    orders: list[tuple[Sort, Sequence[Book]]] = [
        ((), sorted(made, key=lambda one: (one.title == "sea", one.id), reverse=True)),
        (("-stars",), made[::-1]),
        (("due_at", "-stars"), sorted(made, key=lambda one: (one.due_at or NOW - timedelta(1), -one.stars))),
    ]
    for sort, expected in orders:
        for limit in (1, 6, 50):
            pages = lambda cursor, s=sort, n=limit: books.search("side sea", {}, sort=s, limit=n, cursor=cursor)  # noqa: E731
            assert await walk(pages) == list(expected)
    first = await books.search("side sea", {}, limit=6)
    assert (first.total, len(first.items)) == (20, 6)
    assert first.next_cursor is not None
    # Of what was shown, some go; the rest of the walk neither repeats nor skips.
    await books.delete_many({"id": {"$in": [one.id for one in first.items[:3]]}})
    second = await books.search("side sea", {}, limit=50, cursor=first.next_cursor)
    assert second.items == list(orders[0][1][6:])
    listed = (await books.page({}, limit=2)).next_cursor
    by_stars = (await books.search("sea", {}, sort=("stars",), limit=2)).next_cursor
    for cursor in (listed, by_stars, "x", altered(first.next_cursor, lambda inside: [inside[0], ["x"], inside[2]])):
        with pytest.raises(InvalidCursor):
            await books.search("side sea", {}, cursor=cursor)
    with pytest.raises(InvalidCursor):
        await books.search("side sea", {}, sort=("stars",), cursor=first.next_cursor)
