"""The collection door over MongoDB."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec
from pymongo import ReturnDocument, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

from academy.infrastructure.database.base import (
    LARGEST_PAGE,
    SEARCH_CANDIDATES,
    Collection,
    Filter,
    Group,
    Page,
    Plan,
    SearchPage,
    Sort,
    Update,
)
from academy.infrastructure.database.checker import Checker
from academy.infrastructure.database.document import Document
from academy.infrastructure.database.errors import UnsupportedQuery, VersionConflict
from academy.infrastructure.database.mongodb_explain import read_plan
from academy.infrastructure.database.mongodb_queries import Queries, after
from academy.infrastructure.database.mongodb_schema import SEARCH_FIELD, stored_name
from academy.infrastructure.database.mongodb_search import (
    search_filter,
    search_tokens,
    searchable_paths,
    touches_search,
)
from academy.infrastructure.database.search import searched_words
from academy.infrastructure.database.search_pages import SearchPages

D = TypeVar("D", bound=Document)
T = TypeVar("T")

Stored = dict[str, object]

# One document per collection that was ever locked for a find-or-insert without a unique index.
LOCKS = "_locks"


class Call(NamedTuple):
    """What a driver call needs: the driver's collection, and the session of the open transaction, if any."""

    collection: AsyncCollection[Stored]
    session: AsyncClientSession | None


class Connection(Protocol):
    """What a collection needs of its database."""

    def call(self, document_type: type[Document]) -> AbstractAsyncContextManager[Call]:
        """Surrounds driver calls and translates their errors."""
        ...

    async def transaction(self, work: Callable[[], Awaitable[T]]) -> T:
        """Runs `work` as one transaction."""
        ...


class MongoCollection(Collection[D], Generic[D]):
    """A collection of MongoDB. What its methods promise stands in `base.py`."""

    def __init__(self, connection: Connection, document_type: type[D]) -> None:
        self._connection = connection
        self._type = document_type
        self._checker = Checker(document_type)
        self._queries = Queries(document_type)
        self._visible = {SEARCH_FIELD: 0} if document_type.__search__ else None

    async def insert(self, document: D) -> None:
        """Stores a new document."""
        stored = self._store(document)
        async with self._connection.call(self._type) as call:
            await call.collection.insert_one(stored, session=call.session)

    async def insert_many(self, documents: Sequence[D]) -> None:
        """Stores all documents or none."""
        stored = [self._store(document) for document in documents]

        async def work() -> None:
            async with self._connection.call(self._type) as call:
                await call.collection.insert_many(stored, session=call.session)

        if stored:
            await self._connection.transaction(work)

    async def get(self, document_id: str) -> D | None:
        """Returns the document with this id."""
        return await self.find_one({"id": document_id})

    async def find_one(self, query: Filter, *, sort: Sort = ()) -> D | None:
        """Returns the first match."""
        found = await self.find(query, sort=sort, limit=1)
        return found[0] if found else None

    async def find(self, query: Filter, *, sort: Sort = (), limit: int = LARGEST_PAGE) -> list[D]:
        """Returns the first matches."""
        checked, keys = self._checker.filter(query), self._checker.sort(sort)
        order = self._queries.sort(keys, checked)
        found = await self._find(self._queries.filter(checked), order, self._checker.limit(limit))
        return [self._load(stored) for stored in found]

    async def page(self, query: Filter, *, sort: Sort = (), limit: int = 20, cursor: str | None = None) -> Page[D]:
        """Returns one page of the matches."""
        checked, keys = self._checker.filter(query), self._checker.sort(sort)
        wanted = self._queries.filter(checked)
        if cursor is not None:
            values, last_id = self._checker.read_cursor(cursor, keys)
            wanted = {"$and": [wanted, after(keys, values, last_id)]}
        found = await self._find(wanted, self._queries.sort(keys, checked), self._checker.limit(limit) + 1)
        marker = None
        if len(found) > limit:
            last = found[limit - 1]
            marker = self._checker.write_cursor(keys, self._checker.sort_values(keys, last), str(last["id"]))
        return Page([self._load(stored) for stored in found[:limit]], marker)

    async def search(
        self, text: str, query: Filter, *, sort: Sort = (), limit: int = 20, cursor: str | None = None
    ) -> SearchPage[D]:
        """Returns one page of the documents that contain the words of `text`."""
        checked, keys = self._checker.filter(query), self._checker.sort(sort)
        searched, limit = searched_words(text), self._checker.limit(limit)
        if not self._type.__search__:
            raise UnsupportedQuery(f"{self._type.__collection__} declares no searchable fields")
        if not searched:
            return SearchPage([], None, 0)
        matching: Stored = {"$and": [self._queries.filter(checked), search_filter(searched)]}
        needed = [field.field for field in self._type.__search__] + [field for field, _ in keys]
        candidates = await self._find(matching, [("_id", -1)], SEARCH_CANDIDATES, needed)
        pages = SearchPages(self._type, self._checker, keys)
        # A thousand long texts take tens of milliseconds, too long for the event loop.
        ids, marker, total = await asyncio.to_thread(pages.cut, candidates, searched, limit, cursor)
        found = {str(stored["id"]): stored for stored in await self._find({"_id": {"$in": ids}}, [], len(ids) or 1)}
        return SearchPage([self._load(found[one]) for one in ids if one in found], marker, total)

    async def count(self, query: Filter, *, at_most: int | None = None) -> int:
        """Returns how many documents match, or `at_most`."""
        wanted = self._queries.filter(self._checker.filter(query))
        limit = {} if at_most is None else {"limit": at_most}
        async with self._connection.call(self._type) as call:
            return await call.collection.count_documents(wanted, session=call.session, **limit)

    async def group(self, query: Filter, *, by: str | None = None, sums: Sequence[str] = ()) -> list[Group]:
        """Counts and sums the matches by a field."""
        wanted = self._queries.filter(self._checker.filter(query))
        key = {"$ifNull": [f"${stored_name(self._checker.grouped(by))}", None]} if by is not None else None
        # Sums get plain names: a field's own may have dots.
        totals = {f"sum{number}": {"$sum": f"${self._checker.summed(field)}"} for number, field in enumerate(sums)}
        steps: list[Stored] = [
            {"$match": wanted},
            {"$group": {"_id": key, "count": {"$sum": 1}, **totals}},
            {"$sort": {"_id": 1}},
        ]
        async with (
            self._connection.call(self._type) as call,
            await call.collection.aggregate(steps, session=call.session) as found,
        ):
            rows = await found.to_list()
        shape = [
            {
                "key": row["_id"],
                "count": row["count"],
                "sums": {field: self._sum(field, row[f"sum{number}"]) for number, field in enumerate(sums)},
            }
            for row in rows
        ]
        return msgspec.convert(shape, list[Group])

    def _sum(self, field: str, value: object) -> object:
        """Returns a sum as the server told it; it turns one of integers beyond 64 bits into a rounded float."""
        if isinstance(value, float) and not self._checker.is_float(field):
            raise UnsupportedQuery(f"{self._type.__collection__}: the sum of {field} is beyond 64 bits")
        return value

    async def update_one(self, query: Filter, update: Update) -> bool:
        """Changes the first match."""
        return await self._find_and_update(query, update, (), fields={"_id": 1}) is not None

    async def update_many(self, query: Filter, update: Update) -> int:
        """Changes every match."""
        checked, change = self._checker.filter(query), self._checker.update(update)
        wanted, operators = self._queries.filter(checked), self._queries.update(change)

        async def work() -> int:
            if touches_search(self._type, change):
                return await self._update_many_and_search(wanted, operators)
            async with self._connection.call(self._type) as call:
                result = await call.collection.update_many(wanted, operators, session=call.session)
                return result.matched_count

        return await self._connection.transaction(work)

    async def find_and_update(
        self, query: Filter, update: Update, *, sort: Sort = (), insert: D | None = None
    ) -> D | None:
        """Changes the first match and returns it, or stores `insert`."""
        found = await self._find_and_update(query, update, sort, fields=self._visible)
        if found is None and insert is not None:
            checked, stored = self._checker.filter(query), self._store(insert)
            return await self._connection.transaction(lambda: self._find_or_insert(checked, update, sort, stored))
        return self._load(_read(found)) if found is not None else None

    async def replace(self, document: D) -> D:
        """Stores `document` over the one with its id if the versions agree."""
        newer = msgspec.structs.replace(document, version=document.version + 1)
        stored = self._store(newer)
        expected = {"_id": document.id, "version": document.version}
        async with self._connection.call(self._type) as call:
            result = await call.collection.replace_one(expected, stored, session=call.session)
        if result.matched_count == 0:
            raise VersionConflict(self._type.__collection__, document.id)
        return self._load(_read(stored))

    async def delete_one(self, query: Filter) -> bool:
        """Removes the first match."""
        checked = self._checker.filter(query)
        wanted, order = self._queries.filter(checked), self._queries.sort((), checked)
        async with self._connection.call(self._type) as call:
            removed = await call.collection.find_one_and_delete(
                wanted, {"_id": 1}, sort=order or None, session=call.session
            )
        return removed is not None

    async def delete_many(self, query: Filter) -> int:
        """Removes every match."""
        wanted = self._queries.filter(self._checker.filter(query))

        async def work() -> int:
            async with self._connection.call(self._type) as call:
                return (await call.collection.delete_many(wanted, session=call.session)).deleted_count

        return await self._connection.transaction(work)

    async def explain(self, query: Filter, *, sort: Sort = (), limit: int | None = 20) -> Plan:
        """Returns how MongoDB would run `find`, or find all matches."""
        checked, keys = self._checker.filter(query), self._checker.sort(sort)
        find: Stored = {"find": self._type.__collection__, "filter": self._queries.filter(checked)}
        if limit is not None:
            find["limit"] = self._checker.limit(limit)
            if order := self._queries.sort(keys, checked):
                find["sort"] = dict(order)
        async with self._connection.call(self._type) as call:
            explanation = await call.collection.database.command("explain", find, verbosity="queryPlanner")
        return read_plan(explanation, narrows=bool(checked))

    async def _find(
        self, wanted: Stored, order: list[tuple[str, int]], limit: int, fields: Sequence[str] = ()
    ) -> list[Stored]:
        async with self._connection.call(self._type) as call:
            found = call.collection.find(
                wanted,
                {stored_name(field): 1 for field in fields} if fields else self._visible,
                sort=order or None,
                limit=limit,
                batch_size=limit,
                session=call.session,
            )
            # Closed in any case: a cursor left open keeps memory of the server.
            async with found:
                return [_read(stored) for stored in await found.to_list()]

    async def _find_and_update(
        self, query: Filter, update: Update, sort: Sort, *, fields: Mapping[str, int] | None
    ) -> Stored | None:
        """Changes the first match; returns the given fields of it, as they are after the change."""
        checked, change = self._checker.filter(query), self._checker.update(update)
        wanted, order = self._queries.filter(checked), self._queries.sort(self._checker.sort(sort), checked)
        operators = self._queries.update(change)

        async def work() -> Stored | None:
            async with self._connection.call(self._type) as call:
                found = await call.collection.find_one_and_update(
                    wanted,
                    operators,
                    fields if not searched else None,
                    sort=order or None,
                    return_document=ReturnDocument.AFTER,
                    session=call.session,
                )
                if searched and found is not None:
                    tokens = search_tokens(self._type, _read(found))
                    await call.collection.update_one(
                        {"_id": found["_id"]}, {"$set": {SEARCH_FIELD: tokens}}, session=call.session
                    )
                return found

        searched = touches_search(self._type, change)
        return await (self._connection.transaction(work) if searched else work())

    async def _find_or_insert(self, checked: Mapping[str, object], update: Update, sort: Sort, stored: Stored) -> D:
        """Runs in a transaction: changes the first match or inserts.

        Two of these at once must not both insert. Where a unique index forbids that, one of them loses the race and
        runs again, and finds. Where none does, they are made to lose it by writing the same lock document.
        """
        if not self._queries.pins_one(checked, stored):
            async with self._connection.call(self._type) as call:
                locks = call.collection.database[LOCKS]
                await locks.update_one(
                    {"_id": self._type.__collection__}, {"$inc": {"taken": 1}}, upsert=True, session=call.session
                )
        found = await self._find_and_update(checked, update, sort, fields=self._visible)
        if found is not None:
            return self._load(_read(found))
        async with self._connection.call(self._type) as call:
            await call.collection.insert_one(stored, session=call.session)
        return self._load(_read(stored))

    async def _update_many_and_search(self, wanted: Stored, operators: Mapping[str, object]) -> int:
        """Runs in a transaction: changes every match and gives each its new search words."""
        fields = dict.fromkeys(searchable_paths(self._type), 1)
        async with self._connection.call(self._type) as call:
            matches = await call.collection.find(wanted, {"_id": 1}, session=call.session).to_list()
            if not matches:
                return 0
            ids = {"_id": {"$in": [match["_id"] for match in matches]}}
            await call.collection.update_many(ids, operators, session=call.session)
            changed = await call.collection.find(ids, fields, session=call.session).to_list()
            tokens = [
                UpdateOne({"_id": c["_id"]}, {"$set": {SEARCH_FIELD: search_tokens(self._type, c)}}) for c in changed
            ]
            await call.collection.bulk_write(tokens, session=call.session)
            return len(matches)

    def _store(self, document: D) -> Stored:
        """Returns a document as MongoDB holds it."""
        fields = self._checker.document(document)
        stored = {stored_name(name): value for name, value in fields.items()}
        if self._type.__search__:
            stored[SEARCH_FIELD] = search_tokens(self._type, fields)
        return stored

    def _load(self, stored: Stored) -> D:
        return msgspec.convert(stored, self._type)


def _read(found: Stored) -> Stored:
    """Returns what MongoDB holds with the names of the class."""
    stored = dict(found)
    stored["id"] = stored.pop("_id")
    return stored
