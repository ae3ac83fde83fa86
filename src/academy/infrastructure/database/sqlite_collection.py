"""The collection door over SQLite: JSON documents in a table; SQL finds them, Python changes them."""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import msgspec

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
from academy.infrastructure.database.search import document_words, searched_words
from academy.infrastructure.database.search_pages import SearchPages
from academy.infrastructure.database.sqlite_connection import Connection, Row
from academy.infrastructure.database.sqlite_explain import read_plan
from academy.infrastructure.database.sqlite_queries import Bound, Queries, bindable, stored_json
from academy.infrastructure.database.sqlite_schema import (
    Schema,
    column,
    list_table,
    quoted,
    schema_of,
    search_table,
)
from academy.infrastructure.database.updates import apply_update

D = TypeVar("D", bound=Document)
T = TypeVar("T")
Stored = dict[str, object]

# As on MongoDB.
_LARGEST_BODY = 16 * 1024 * 1024


class Runner(Protocol):
    """What a collection needs of its database."""

    async def read(self, collection: str, work: Callable[[Connection], T]) -> T:
        """Runs a read beside the event loop."""
        ...

    async def write(self, collection: str, work: Callable[[Connection], T]) -> T:
        """Runs a write beside the event loop, in the open transaction or as one of its own."""
        ...


class SqliteCollection(Collection[D], Generic[D]):
    """A collection in the file. What its methods promise stands in `base.py`."""

    def __init__(self, runner: Runner, document_type: type[D]) -> None:
        self._runner = runner
        self._type = document_type
        self._name = document_type.__collection__
        self._table = quoted(self._name)
        self._checker = Checker(document_type)
        self._side = SideTables(document_type, schema_of(document_type))
        self._queries = Queries(document_type, self._side.lists)
        self._decoder = msgspec.json.Decoder(document_type)

    # --- reading ---

    async def get(self, document_id: str) -> D | None:
        """Returns the document with this id."""
        return await self.find_one({"id": document_id})

    async def find_one(self, query: Filter, *, sort: Sort = ()) -> D | None:
        """Returns the first match."""
        found = await self.find(query, sort=sort, limit=1)
        return found[0] if found else None

    async def find(self, query: Filter, *, sort: Sort = (), limit: int = LARGEST_PAGE) -> list[D]:
        """Returns the first matches."""
        sql, bound = self._select(query, sort, limit)
        rows = await self._runner.read(self._name, lambda connection: connection.rows(sql, bound))
        return [self._load(row) for row in rows]

    def _select(self, query: Filter, sort: Sort, limit: int) -> tuple[str, Bound]:
        where, bound = self._queries.where(self._checker.filter(query))
        order = self._queries.order(self._checker.sort(sort))
        sql = f"SELECT body FROM {self._table} WHERE {where} ORDER BY {order} LIMIT ?"  # noqa: S608 - names are declared
        return sql, [*bound, self._checker.limit(limit)]

    async def page(self, query: Filter, *, sort: Sort = (), limit: int = 20, cursor: str | None = None) -> Page[D]:
        """Returns one page of the matches."""
        keys, limit = self._checker.sort(sort), self._checker.limit(limit)
        where, bound = self._queries.where(self._checker.filter(query))
        order = self._queries.order(keys)
        parts: list[tuple[str, Bound]] = [("1", [])]
        if cursor is not None:
            parts = self._queries.after(keys, *self._checker.read_cursor(cursor, keys))

        def work(connection: Connection) -> list[Row]:
            rows: list[Row] = []
            for part, more in parts:
                sql = f"SELECT body FROM {self._table} WHERE {where} AND {part} ORDER BY {order} LIMIT ?"  # noqa: S608
                rows += connection.rows(sql, [*bound, *more, limit + 1 - len(rows)])
                if len(rows) > limit:
                    break
            return rows

        rows = await self._runner.read(self._name, work)
        items = [self._load(row) for row in rows[:limit]]
        marker = None
        if len(rows) > limit:
            # Of what is stored: the document may be older than a field, which is null then, whatever its default.
            last: Stored = msgspec.json.decode(str(rows[limit - 1][0]))
            marker = self._checker.write_cursor(keys, self._checker.sort_values(keys, last), items[-1].id)
        return Page(items, marker)

    async def search(
        self, text: str, query: Filter, *, sort: Sort = (), limit: int = 20, cursor: str | None = None
    ) -> SearchPage[D]:
        """Returns one page of the documents that contain the words of `text`."""
        checked, keys = self._checker.filter(query), self._checker.sort(sort)
        searched, limit = searched_words(text), self._checker.limit(limit)
        if not self._type.__search__:
            raise UnsupportedQuery(f"{self._name} declares no searchable fields")
        if not searched:
            return SearchPage([], None, 0)
        where, bound = self._queries.where(checked)
        wanted = " AND ".join(f'"{word}"' for word in searched) + "*"
        index = quoted(search_table(self._name))
        sql = (
            f"SELECT body FROM {self._table} WHERE number IN (SELECT rowid FROM {index} WHERE {index} MATCH ?)"  # noqa: S608
            f" AND {where} ORDER BY id DESC LIMIT {SEARCH_CANDIDATES}"
        )
        pages = SearchPages(self._type, self._checker, keys)

        def work(connection: Connection) -> SearchPage[D]:
            rows = connection.rows(sql, [wanted, *bound])
            candidates: list[Stored] = [msgspec.json.decode(str(body)) for (body,) in rows]
            page = pages.cut(candidates, searched, limit, cursor)
            found = {stored["id"]: row for stored, row in zip(candidates, rows, strict=True)}
            return SearchPage([self._load(found[one]) for one in page.ids], page.next_cursor, page.total)

        return await self._runner.read(self._name, work)

    async def count(self, query: Filter, *, at_most: int | None = None) -> int:
        """Returns how many documents match, or `at_most`."""
        where, bound = self._queries.where(self._checker.filter(query))
        sql = f"SELECT count(*) FROM {self._table} WHERE {where}"  # noqa: S608
        if at_most is not None:
            sql = f"SELECT count(*) FROM (SELECT 1 FROM {self._table} WHERE {where} LIMIT {at_most:d})"  # noqa: S608
        rows = await self._runner.read(self._name, lambda connection: connection.rows(sql, bound))
        return int(str(rows[0][0]))

    async def group(self, query: Filter, *, by: str | None = None, sums: Sequence[str] = ()) -> list[Group]:
        """Counts and sums the matches by a field."""
        where, bound = self._queries.where(self._checker.filter(query))
        key = column(self._checker.grouped(by)) if by is not None else "NULL"
        totals = "".join(f", ifnull(sum({column(self._checker.summed(field))}), 0)" for field in sums)
        having = "GROUP BY 1 ORDER BY 1" if by is not None else "HAVING count(*) > 0"
        sql = f"SELECT {key}, count(*){totals} FROM {self._table} WHERE {where} {having}"  # noqa: S608
        rows = await self._runner.read(self._name, lambda connection: connection.rows(sql, bound))
        is_bool = by is not None and self._checker.is_bool(by)
        shape = [
            {
                "key": bool(k) if is_bool and k is not None else k,
                "count": n,
                "sums": dict(zip(sums, rest, strict=True)),
            }
            for k, n, *rest in rows
        ]
        return msgspec.convert(shape, list[Group])

    async def explain(self, query: Filter, *, sort: Sort = (), limit: int | None = 20) -> Plan:
        """Returns how SQLite would run `find`, or find all matches."""
        sql, bound = self._numbered(query) if limit is None else self._select(query, sort, limit)
        steps = await self._runner.read(self._name, lambda connection: connection.plan(sql, bound))
        return read_plan(self._type, steps, narrows=bool(query))

    # --- writing ---

    async def insert(self, document: D) -> None:
        """Stores a new document."""
        stored = self._store(document)
        await self._runner.write(self._name, lambda connection: self._insert(connection, stored))

    async def insert_many(self, documents: Sequence[D]) -> None:
        """Stores all documents or none."""
        stored = [self._store(document) for document in documents]

        def work(connection: Connection) -> None:
            for one in stored:
                self._insert(connection, one)

        await self._runner.write(self._name, work)

    async def update_one(self, query: Filter, update: Update) -> bool:
        """Changes the first match."""
        return bool(await self._update(query, update, ()))

    async def update_many(self, query: Filter, update: Update) -> int:
        """Changes every match."""
        return len(await self._update(query, update, None))

    async def find_and_update(
        self, query: Filter, update: Update, *, sort: Sort = (), insert: D | None = None
    ) -> D | None:
        """Changes the first match and returns it, or stores `insert`."""
        changed = await self._update(query, update, sort, insert=insert)
        return self._decoder.decode(changed[0]) if changed else None

    async def _update(self, query: Filter, update: Update, sort: Sort | None, insert: D | None = None) -> list[str]:
        select, bound = self._numbered(query, sort=sort)
        change = self._checker.update(update)
        fresh = self._store(insert) if insert is not None else None

        def work(connection: Connection) -> list[str]:
            changed = [self._change(connection, row, change) for row in connection.rows(select, bound)]
            return [self._insert(connection, fresh)] if not changed and fresh is not None else changed

        return await self._runner.write(self._name, work)

    def _change(self, connection: Connection, row: Row, change: dict[str, dict[str, object]]) -> str:
        number, body = row
        stored: Stored = msgspec.json.decode(str(body))
        before = self._side.words(stored), self._side.values(stored)
        apply_update(stored, stored_json(change))  # type: ignore[arg-type]  # a dict stays a dict
        return self._put(connection, number, stored, before)

    async def replace(self, document: D) -> D:
        """Stores `document` over the one with its id if the versions agree."""
        newer = msgspec.structs.replace(document, version=document.version + 1)
        stored = self._store(newer)

        def work(connection: Connection) -> str:
            rows = connection.rows(f"SELECT number, body FROM {self._table} WHERE id = ?", (document.id,))  # noqa: S608
            old: Stored = msgspec.json.decode(str(rows[0][1])) if rows else {}
            if old.get("version") != document.version:
                raise VersionConflict(self._name, document.id)
            return self._put(connection, rows[0][0], stored, (self._side.words(old), self._side.values(old)))

        return self._decoder.decode(await self._runner.write(self._name, work))

    async def delete_one(self, query: Filter) -> bool:
        """Removes the first match."""
        return bool(await self._delete(query, ()))

    async def delete_many(self, query: Filter) -> int:
        """Removes every match."""
        return await self._delete(query, None)

    async def _delete(self, query: Filter, sort: Sort | None) -> int:
        select, bound = self._numbered(query, sort=sort)

        def work(connection: Connection) -> int:
            rows = connection.rows(select, bound)
            for number, _ in rows:
                self._side.remove(connection, number)
                connection.rows(f"DELETE FROM {self._table} WHERE number = ?", (number,))  # noqa: S608
            return len(rows)

        return await self._runner.write(self._name, work)

    def _numbered(self, query: Filter, *, sort: Sort | None = None) -> tuple[str, Bound]:
        """Finds what is to be changed: the first match in order or, without one, all matches as they come."""
        where, bound = self._queries.where(self._checker.filter(query))
        sql = f"SELECT number, body FROM {self._table} WHERE {where}"  # noqa: S608
        if sort is not None:
            sql += f" ORDER BY {self._queries.order(self._checker.sort(sort))} LIMIT 1"
        return sql, bound

    def _insert(self, connection: Connection, stored: Stored) -> str:
        body = self._body(stored)
        connection.rows(f"INSERT INTO {self._table} (id, body) VALUES (?, ?)", (stored["id"], body))  # noqa: S608
        self._side.add(connection, connection.last_number, stored)
        return body

    def _put(
        self, connection: Connection, number: object, stored: Stored, before: tuple[set[str], dict[str, set[object]]]
    ) -> str:
        body = self._body(stored)
        connection.rows(f"UPDATE {self._table} SET body = ? WHERE number = ?", (body, number))  # noqa: S608
        if before != (self._side.words(stored), self._side.values(stored)):
            self._side.remove(connection, number)
            self._side.add(connection, number, stored)
        return body

    def _body(self, stored: Stored) -> str:
        body = msgspec.json.encode(stored)
        if len(body) > _LARGEST_BODY:
            raise UnsupportedQuery(f"{self._name}: documents cannot be larger than {_LARGEST_BODY} bytes")
        return body.decode()

    def _store(self, document: D) -> Stored:
        stored = stored_json(self._checker.document(document))
        if not isinstance(stored, dict):
            raise TypeError("a document is a Struct")
        return stored

    def _load(self, row: Row) -> D:
        return self._decoder.decode(str(row[0]))


class SideTables:
    """What stands beside a collection's table: the elements of indexed lists, and the words that can be searched."""

    def __init__(self, document_type: type[Document], schema: Schema) -> None:
        self._type = document_type
        self._name = document_type.__collection__
        self.lists = schema.lists
        self._tables = {path: quoted(list_table(self._name, path)) for path in schema.lists}
        self._search = quoted(search_table(self._name)) if document_type.__search__ else ""

    def words(self, stored: Stored) -> set[str]:
        """Returns the words of a document, none when it cannot be searched."""
        return document_words(self._type, stored) if self._search else set()

    def values(self, stored: Stored) -> dict[str, set[object]]:
        """Returns the elements of each indexed list."""
        return {path: {bindable(one) for one in _elements(stored, path)} for path in self.lists}

    def add(self, connection: Connection, number: object, stored: Stored) -> None:
        """Enters a document."""
        for path, values in self.values(stored).items():
            for value in values:
                connection.rows(f"INSERT INTO {self._tables[path]} VALUES (?, ?)", (value, number))  # noqa: S608
        if self._search:
            text = " ".join(sorted(self.words(stored)))
            connection.rows(f"INSERT INTO {self._search} (rowid, words) VALUES (?, ?)", (number, text))  # noqa: S608

    def remove(self, connection: Connection, number: object) -> None:
        """Takes a document out."""
        for table in self._tables.values():
            connection.rows(f"DELETE FROM {table} WHERE number = ?", (number,))  # noqa: S608
        if self._search:
            connection.rows(f"DELETE FROM {self._search} WHERE rowid = ?", (number,))  # noqa: S608


def rebuild_side_tables(connection: Connection, document_type: type[Document], schema: Schema) -> None:
    """Fills the side tables of a collection anew from its documents."""
    side = SideTables(document_type, schema)
    name = quoted(document_type.__collection__)
    for (number,) in connection.rows(f"SELECT number FROM {name}"):  # noqa: S608
        body = connection.rows(f"SELECT body FROM {name} WHERE number = ?", (number,))[0][0]  # noqa: S608
        side.remove(connection, number)
        side.add(connection, number, msgspec.json.decode(str(body)))


def _elements(stored: Stored, path: str) -> list[object]:
    value: object = stored
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, list) else []
