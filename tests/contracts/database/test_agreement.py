"""Property: whatever documents, filters, sorts and updates are drawn, both engines answer alike, errors included."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from academy.infrastructure.database.base import Collection, Filter, Update
from academy.infrastructure.database.errors import UnsupportedQuery
from academy.kit.errors import AcademyError
from tests.contracts.database.documents import NOW, Book, Part, Size, book
from tests.contracts.database.places import ENGINES, new_place

Strategy = st.SearchStrategy[object]
Books = Collection[Book]

_TEXTS = st.one_of(
    st.sampled_from(
        ["", "a", "A", "ä", "a b", "b", "zz", "😀", "\uffff", "\0", "a\0", "\ud7ff", "$x", "'", '"', "\\", "%"]
    ),
    st.text(max_size=3),
)
_INTS = st.one_of(st.integers(-3, 3), st.sampled_from([1 << 31, -(1 << 40), (1 << 53) + 1, (1 << 63) - 1]))
_FLOATS = st.one_of(st.sampled_from([0.0, -0.0, 0.5, -1.5, 1e300, 5e-324]), st.floats(-5, 5), st.integers(-3, 3))
_TIMES = st.timedeltas(timedelta(-2), timedelta(2)).map(lambda gap: NOW + gap)
_PARTS = st.fixed_dictionaries({"title": _TEXTS, "minutes": st.integers(0, 3)})
_SIZES = st.fixed_dictionaries({}, optional={"width": st.integers(0, 2), "depth": _FLOATS})
_NOTES = st.fixed_dictionaries({}, optional={"text": _TEXTS, "seen": st.integers(0, 2)})

# What each field may hold and be compared with.
_VALUES: dict[str, Strategy] = {
    "title": _TEXTS,
    "shelf": _TEXTS,
    "stars": _INTS,
    "price": _FLOATS,
    "lent": st.booleans(),
    "level": st.sampled_from(["easy", "hard"]),
    "isbn": st.one_of(st.none(), _TEXTS),
    "due_at": st.one_of(st.none(), _TIMES),
    "size.width": st.integers(0, 2),
    "size.depth": _FLOATS,
    "tags": _TEXTS,
    "years": st.integers(0, 3),
    "parts.title": _TEXTS,
    "parts.minutes": st.integers(0, 3),
    "notes.one.text": st.one_of(st.none(), _TEXTS),
    "notes.one.seen": st.integers(0, 2),
}
_LISTS = ("tags", "years")
_SORTABLE = ["id", "slug", *(name for name in _VALUES if name not in _LISTS and not name.startswith("parts"))]
_GROUPED = ["shelf", "stars", "isbn", "lent", "level", "size.width", "notes.one.text"]

_BOOKS = st.fixed_dictionaries(
    {},
    optional={
        **{name: values for name, values in _VALUES.items() if "." not in name and name not in _LISTS},
        **{name: st.lists(_VALUES[name], max_size=3) for name in _LISTS},
        "size": _SIZES,
        "parts": st.lists(_PARTS, max_size=3),
        "notes": st.dictionaries(st.sampled_from(["one", "two", "a.b"]), _NOTES, max_size=2),
        "extra": st.dictionaries(st.sampled_from(["x", "y"]), st.one_of(_TEXTS, _INTS, st.none()), max_size=2),
    },
)


@st.composite
def conditions(draw: st.DrawFn) -> Filter:
    field = draw(st.sampled_from(sorted(_VALUES)))
    values = _VALUES[field]
    some = values.filter(lambda value: value is not None)
    operators: dict[str, Strategy] = {
        "$eq": values,
        "$ne": values,
        "$gt": some,
        "$gte": some,
        "$lt": some,
        "$lte": some,
        "$in": st.lists(values, max_size=3),
        "$nin": st.lists(values, max_size=3),
        "$exists": st.booleans(),
        "$all": st.lists(some, min_size=1, max_size=2),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(operators)), min_size=1, max_size=2, unique=True))
    condition = {operator: draw(operators[operator]) for operator in chosen}
    shape = draw(st.integers(0, 3))
    if shape == 0:
        return {field: draw(values)}
    return {field: {"$not": condition} if shape == 1 else condition}


@st.composite
def struct_conditions(draw: st.DrawFn) -> Filter:
    """Elements by several of their fields at once, and structs as a whole."""
    title = {"title": {draw(st.sampled_from(["$gt", "$lte", "$ne"])): draw(_TEXTS)}}
    shapes: list[Filter] = [
        {"parts": {"$elemMatch": {**title, "minutes": draw(st.integers(0, 3))}}},
        {"parts": {"$not": {"$elemMatch": title}}},
        {"parts": Part(draw(_TEXTS), draw(st.integers(0, 3)))},
        {"parts": {"$nin": [Part("a", 1), Part("", 0)]}},
        {"size": Size(draw(st.integers(0, 2)), draw(st.sampled_from([0, 0.5, -0.0])))},
        {"notes.one": {"$exists": draw(st.booleans())}},
    ]
    return draw(st.sampled_from(shapes))


_FILTERS: st.SearchStrategy[Filter] = st.recursive(
    st.one_of(conditions(), conditions(), struct_conditions(), st.just({})),
    lambda inner: st.one_of(
        st.builds(
            lambda kind, parts: {kind: parts}, st.sampled_from(["$and", "$or"]), st.lists(inner, min_size=1, max_size=3)
        ),
        st.builds(lambda one, other: {**one, **other}, inner, inner),
    ),
    max_leaves=4,
)


def _change(operator: str | Strategy, field: str | Strategy, value: Strategy) -> st.SearchStrategy[Update]:
    drawn = [st.just(one) if isinstance(one, str) else one for one in (operator, field)]
    return st.builds(lambda way, name, data: {way: {name: data}}, *drawn, value)


_CHANGES: list[st.SearchStrategy[Update]] = [
    _change("$set", st.sampled_from(["title", "shelf", "isbn", "slug"]), _TEXTS),
    _change("$set", "due_at", st.one_of(st.none(), _TIMES)),
    _change("$set", "parts", st.lists(_PARTS, max_size=2)),
    _change("$set", "size", _SIZES),
    _change("$set", st.sampled_from(["size.depth", "price"]), _FLOATS),
    _change("$set", st.sampled_from(["notes.one", "notes.two"]), _NOTES),
    _change("$set", "extra.key", st.one_of(st.none(), _TEXTS, st.booleans())),
    _change("$unset", st.sampled_from(["isbn", "due_at", "notes.one", "title"]), st.just("")),
    _change("$inc", st.sampled_from(["stars", "size.width", "notes.one.seen"]), st.integers(-2, 2)),
    _change("$inc", "price", st.sampled_from([1, 0.5, 1e308])),
    _change(st.sampled_from(["$min", "$max"]), "stars", st.integers(-3, 3)),
    _change(st.sampled_from(["$min", "$max"]), "title", _TEXTS),
    _change(st.sampled_from(["$min", "$max"]), "due_at", _TIMES),
    _change(st.sampled_from(["$push", "$pull", "$addToSet"]), "tags", _TEXTS),
    _change(st.sampled_from(["$push", "$pull", "$addToSet"]), "years", st.integers(0, 3)),
    _change(st.sampled_from(["$push", "$pull", "$addToSet"]), "parts", _PARTS),
    _change("$pull", "parts", st.fixed_dictionaries({"title": _TEXTS})),
    _change(
        "$push",
        "tags",
        st.fixed_dictionaries({"$each": st.lists(_TEXTS, max_size=2), "$slice": st.integers(-3, 3)}),
    ),
    st.builds(lambda data: {"$setOnInsert": {"title": data}, "$set": {"shelf": data}}, _TEXTS),
]
_SORTS = st.lists(
    st.builds(lambda way, field: way + field, st.sampled_from(["", "-"]), st.sampled_from(_SORTABLE)),
    max_size=3,
    unique_by=lambda key: key.lstrip("-"),
)


@pytest.fixture
async def both(tmp_path: Path, mongodb_uri: str) -> AsyncIterator[Sequence[Books]]:
    """The same collection on each engine."""
    with ExitStack() as stack:
        places = [stack.enter_context(new_place(engine, tmp_path, mongodb_uri)) for engine in ENGINES]
        databases = [place.database() for place in places]
        for database in databases:
            await database.connect()
            await database.create_indexes([Book])
        yield [database.collection(Book) for database in databases]
        for database in databases:
            await database.disconnect()


async def _answer(call: Awaitable[object]) -> object:
    """Returns what a call answers: its value, or the kind of its error and the index it names."""
    try:
        return await call
    except (AcademyError, UnsupportedQuery) as error:
        return type(error), getattr(error, "index", None)


async def _alike(both: Sequence[Books], call: Callable[[Books], Awaitable[object]]) -> object:
    answers = [await _answer(call(books)) for books in both]
    assert answers[0] == answers[1]
    return answers[0]


async def _scenario(
    both: Sequence[Books],
    contents: list[dict[str, object]],
    queries: list[Filter],
    sort: list[str],
    changes: list[Update],
) -> None:
    documents = [book(f"s{number}", **fields) for number, fields in enumerate(contents)]
    for books in both:
        await books.delete_many({})
    await _alike(both, lambda books: books.insert_many(documents))
    for query in queries:
        await _alike(both, partial(_questions, query=query, sort=sort))
    for query, change in zip(queries, changes, strict=False):
        await _alike(both, lambda books, q=query, c=change: books.find_and_update(q, c, sort=sort))  # type: ignore[misc]
        await _alike(both, lambda books, q=query, c=change: books.update_many(q, c))  # type: ignore[misc]
        await _alike(both, partial(_searches, query=query, sort=sort))
    await _alike(both, lambda books: books.delete_one(queries[0]))
    await _alike(both, lambda books: books.delete_many(queries[-1]))
    await _alike(both, lambda books: books.find({}))


async def _questions(books: Books, query: Filter, sort: list[str]) -> object:
    walked, cursor = [], None
    while True:
        page = await books.page(query, sort=sort, limit=2, cursor=cursor)
        walked += page.items
        if (cursor := page.next_cursor) is None:
            break
    assert walked == await books.find(query, sort=sort)
    assert len(walked) == await books.count(query)
    groups = [await books.group(query, by=field, sums=["size.width"]) for field in _GROUPED]
    return walked, groups, await books.find_one(query, sort=sort)


async def _searches(books: Books, query: Filter, sort: list[str]) -> object:
    found = [await books.search(text, query, sort=sort, limit=2) for text in ("a", "zz", "ä b")]
    return await books.find({}), [(one.items, one.total, one.next_cursor) for one in found]


async def test_both_engines_answer_alike(both: Sequence[Books]) -> None:
    loop = asyncio.get_running_loop()

    @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(
        contents=st.lists(_BOOKS, max_size=6),
        queries=st.lists(_FILTERS, min_size=1, max_size=4),
        sort=_SORTS,
        changes=st.lists(st.one_of(_CHANGES), min_size=1, max_size=3),
    )
    def check(contents: list[dict[str, object]], queries: list[Filter], sort: list[str], changes: list[Update]) -> None:
        run = _scenario(both, contents, queries, sort, changes)
        asyncio.run_coroutine_threadsafe(run, loop).result(60)

    await asyncio.to_thread(check)
