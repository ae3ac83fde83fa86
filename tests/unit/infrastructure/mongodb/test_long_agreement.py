"""Property: whatever documents, filters, sorts and updates are drawn, both engines answer alike, errors included."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from academy.infrastructure.database.base import Database, Filter, Update
from academy.infrastructure.database.errors import UnsupportedQuery
from academy.infrastructure.database.mongodb import MongoDatabase
from academy.infrastructure.database.settings import DatabaseSettings
from academy.infrastructure.database.sqlite import SqliteDatabase
from academy.kit.errors import AcademyError
from tests.unit.infrastructure.mongodb.conftest import Raw
from tests.unit.infrastructure.mongodb.documents import NOW, Book, book

Strategy = st.SearchStrategy[object]

_TEXTS = st.one_of(st.sampled_from(["", "a", "A", "ä", "b", "zz", "😀", "\uffff"]), st.text(max_size=3))
_INTS = st.one_of(st.integers(-3, 3), st.sampled_from([1 << 31, -(1 << 40), (1 << 63) - 1]))
_FLOATS = st.one_of(st.sampled_from([0.0, 0.5, -1.5, 1e300]), st.floats(-5, 5), st.integers(-3, 3))
_TIMES = st.timedeltas(timedelta(-2), timedelta(2)).map(lambda gap: NOW + gap)
_PARTS = st.fixed_dictionaries({"title": _TEXTS, "minutes": st.integers(0, 3)})

# What each field may hold and be compared with.
_VALUES: dict[str, Strategy] = {
    "title": _TEXTS,
    "shelf": _TEXTS,
    "stars": _INTS,
    "price": _FLOATS,
    "level": st.sampled_from(["easy", "hard"]),
    "isbn": st.one_of(st.none(), _TEXTS),
    "due_at": st.one_of(st.none(), _TIMES),
    "tags": _TEXTS,
    "parts.title": _TEXTS,
    "parts.minutes": st.integers(0, 3),
}
_SORTABLE = ["title", "shelf", "stars", "price", "level", "isbn", "due_at", "id", "slug"]

_BOOKS = st.fixed_dictionaries(
    {},
    optional={
        **{name: values for name, values in _VALUES.items() if "." not in name and name != "tags"},
        "tags": st.lists(_TEXTS, max_size=3),
        "parts": st.lists(_PARTS, max_size=3),
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
def element_matches(draw: st.DrawFn) -> Filter:
    title = {"title": {draw(st.sampled_from(["$gt", "$lte", "$ne"])): draw(_TEXTS)}}
    minutes = {"minutes": draw(st.integers(0, 3))}
    return {"parts": {"$elemMatch": {**title, **minutes}}}


_FILTERS: st.SearchStrategy[Filter] = st.recursive(
    st.one_of(conditions(), conditions(), element_matches(), st.just({})),
    lambda inner: st.one_of(
        st.builds(
            lambda kind, parts: {kind: parts}, st.sampled_from(["$and", "$or"]), st.lists(inner, min_size=1, max_size=3)
        ),
        st.builds(lambda one, other: {**one, **other}, inner, inner),
    ),
    max_leaves=4,
)

_CHANGES: list[st.SearchStrategy[Update]] = [
    st.builds(lambda field, data: {"$set": {field: data}}, st.sampled_from(["title", "shelf"]), _TEXTS),
    st.builds(lambda data: {"$set": {"due_at": data}}, st.one_of(st.none(), _TIMES)),
    st.builds(lambda data: {"$set": {"parts": data}}, st.lists(_PARTS, max_size=2)),
    st.builds(lambda data: {"$set": {"extra.key": data}}, st.one_of(st.none(), _TEXTS, st.booleans())),
    st.builds(lambda field: {"$unset": {field: ""}}, st.sampled_from(["isbn", "due_at", "extra.key", "title"])),
    st.builds(lambda by: {"$inc": {"stars": by}}, st.integers(-2, 2)),
    st.builds(lambda by: {"$inc": {"price": by}}, st.sampled_from([1, 0.5])),
    st.builds(
        lambda way, field, data: {way: {field: data}},
        st.sampled_from(["$min", "$max"]),
        st.just("stars"),
        st.integers(-3, 3),
    ),
    st.builds(lambda way, data: {way: {"due_at": data}}, st.sampled_from(["$min", "$max"]), _TIMES),
    st.builds(lambda way, data: {way: {"tags": data}}, st.sampled_from(["$push", "$pull", "$addToSet"]), _TEXTS),
    st.builds(
        lambda each, cut: {"$push": {"tags": {"$each": each, "$slice": cut}}},
        st.lists(_TEXTS, max_size=2),
        st.integers(-3, 3),
    ),
    st.builds(lambda way, data: {way: {"parts": data}}, st.sampled_from(["$push", "$pull", "$addToSet"]), _PARTS),
    st.builds(lambda data: {"$pull": {"parts": {"title": data}}}, _TEXTS),
    st.builds(lambda data: {"$setOnInsert": {"title": data}, "$set": {"shelf": data}}, _TEXTS),
]
_SORTS = st.lists(
    st.builds(lambda way, field: way + field, st.sampled_from(["", "-"]), st.sampled_from(_SORTABLE)),
    max_size=2,
    unique_by=lambda key: key.lstrip("-"),
)


@pytest.fixture
async def engines(tmp_path: Path, mongodb_uri: str, raw: Raw) -> AsyncIterator[Sequence[Database]]:
    name = f"test_{uuid4().hex}"
    chosen = DatabaseSettings(mongodb_uri=mongodb_uri, mongodb_database=name)
    engines = [MongoDatabase(chosen), SqliteDatabase(tmp_path / "agreement.sqlite3", chosen)]
    for engine in engines:
        await engine.connect()
        await engine.create_indexes([Book])
    yield engines
    for engine in engines:
        await engine.disconnect()
    await raw.drop_database(name)


async def _answer(call: Callable[[], Awaitable[object]]) -> object:
    """Returns what a call answers: its value, or the kind of its error."""
    try:
        return await call()
    except (AcademyError, UnsupportedQuery) as error:
        return type(error).__name__


async def _compare(engines: Sequence[Database], call: Callable[[Database], Awaitable[object]]) -> object:
    answers = [await _answer(lambda engine=engine: call(engine)) for engine in engines]  # type: ignore[misc]
    assert answers[0] == answers[1]
    return answers[0]


async def _scenario(
    engines: Sequence[Database],
    contents: list[dict[str, object]],
    queries: list[Filter],
    sort: list[str],
    changes: list[Update],
) -> None:
    documents = [book(f"s{number}", **fields) for number, fields in enumerate(contents)]
    for engine in engines:
        await engine.collection(Book).delete_many({})
    await _compare(engines, lambda engine: engine.collection(Book).insert_many(documents))
    for query in queries:
        await _compare(engines, lambda engine, q=query: engine.collection(Book).find(q, sort=sort))  # type: ignore[misc]
        await _compare(engines, lambda engine, q=query: engine.collection(Book).count(q))  # type: ignore[misc]
        for field in ("shelf", "stars", "isbn"):
            await _compare(
                engines,
                lambda engine, q=query, f=field: engine.collection(Book).group(q, by=f, sums=["price"]),  # type: ignore[misc]
            )
    walked = await _walk(engines, sort)
    assert walked == sorted(set(walked), key=walked.index)
    for query, change in zip(queries, changes, strict=False):
        await _compare(
            engines,
            lambda engine, q=query, c=change: engine.collection(Book).find_and_update(q, c, sort=sort),  # type: ignore[misc]
        )
        await _compare(engines, lambda engine, q=query, c=change: engine.collection(Book).update_many(q, c))  # type: ignore[misc]
        await _compare(engines, lambda engine: engine.collection(Book).find({}))
        for text in ("a", "zz", "ä b"):
            await _compare(engines, lambda engine, t=text: engine.collection(Book).search(t, {}, limit=50))  # type: ignore[misc]
    await _compare(engines, lambda engine: engine.collection(Book).delete_one(queries[0]))
    await _compare(engines, lambda engine: engine.collection(Book).delete_many(queries[-1]))
    await _compare(engines, lambda engine: engine.collection(Book).find({}))


async def _walk(engines: Sequence[Database], sort: list[str]) -> list[str]:
    walks: list[list[str]] = []
    for engine in engines:
        ids: list[str] = []
        cursor: str | None = None
        while True:
            page = await engine.collection(Book).page({}, sort=sort, limit=2, cursor=cursor)
            ids += [one.id for one in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        walks.append(ids)
    assert walks[0] == walks[1]
    return walks[0]


async def test_both_engines_answer_alike(engines: Sequence[Database]) -> None:
    loop = asyncio.get_running_loop()

    @settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(
        contents=st.lists(_BOOKS, max_size=6),
        queries=st.lists(_FILTERS, min_size=1, max_size=4),
        sort=_SORTS,
        changes=st.lists(st.one_of(_CHANGES), min_size=1, max_size=3),
    )
    def check(contents: list[dict[str, object]], queries: list[Filter], sort: list[str], changes: list[Update]) -> None:
        run = _scenario(engines, contents, queries, sort, changes)
        asyncio.run_coroutine_threadsafe(run, loop).result(60)

    await asyncio.to_thread(check)
