"""The collection door over SQLite: JSON documents in a table; SQL finds them, Python changes them."""

from collections.abc import Callable, Sequence
from datetime import datetime
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
from academy.infrastructure.database.checker import Checker, stored_value
from academy.infrastructure.database.document import Document
from academy.infrastructure.database.errors import InvalidCursor, UnsupportedQuery, VersionConflict
from academy.infrastructure.database.search import document_words, score, searched_words
from academy.infrastructure.database.sqlite_connection import Connection, Row
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
        return sql, [*bound, limit]

    async def page(self, query: Filter, *, sort: Sort = (), limit: int = 20, cursor: str | None = None) -> Page[D]:
        """Returns one page of the matches."""
        keys = self._checker.sort(sort)
        where, bound = self._queries.where(self._checker.filter(query))
        if cursor is not None:
            values, last_id = self._checker.read_cursor(cursor, keys)
            beyond, more = self._queries.after(keys, values, last_id)
            where, bound = f"{where} AND {beyond}", [*bound, *more]
        order = self._queries.order(keys)
        sql = f"SELECT body FROM {self._table} WHERE {where} ORDER BY {order} LIMIT ?"  # noqa: S608
        rows = await self._runner.read(self._name, lambda connection: connection.rows(sql, [*bound, limit + 1]))
        items = [self._load(row) for row in rows[:limit]]
        marker = None
        if len(rows) > limit:
            values = [_value_at(items[-1], field) for field, _ in keys]
            marker = self._checker.write_cursor(keys, values, items[-1].id)
        return Page(items, marker)

    async def search(
        self, text: str, query: Filter, *, sort: Sort = (), limit: int = 20, cursor: str | None = None
    ) -> SearchPage[D]:
        """Returns one page of the documents that contain the words of `text`."""
        searched = searched_words(text)
        keys = self._checker.sort(sort)
        checked = self._checker.filter(query)
        if not self._type.__search__:
            raise UnsupportedQuery(f"{self._name} declares no searchable fields")
        if not searched:
            return SearchPage([], None, 0)
        skipped = self._offset(cursor)
        where, bound = self._queries.where(checked)
        wanted = " AND ".join(f'"{word}"' for word in searched) + "*"
        index = quoted(search_table(self._name))
        sql = (
            f"SELECT body FROM {self._table} WHERE number IN (SELECT rowid FROM {index} WHERE {index} MATCH ?)"  # noqa: S608
            f" AND {where} ORDER BY id DESC LIMIT {SEARCH_CANDIDATES}"
        )

        def work(connection: Connection) -> tuple[list[Row], int]:
            candidates = connection.rows(sql, [wanted, *bound])
            ranked: list[tuple[int, str, Row]] = []
            for row in candidates:
                stored = msgspec.json.decode(str(row[0]))
                points = score(self._type, stored, searched)
                if points:
                    ranked.append((points, stored["id"], row))
            ranked.sort(key=lambda one: (one[0], one[1]), reverse=True)
            return [row for _, _, row in ranked], len(ranked)

        rows, total = await self._runner.read(self._name, work)
        found = [self._load(row) for row in rows]
        if keys:
            # Sorting is stable: the last key first, the id before all.
            for field, descending in [("id", False), *reversed(keys)]:
                found.sort(key=lambda one, name=field: _null_first(_value_at(one, name)), reverse=descending)
        shown = found[skipped : skipped + limit]
        more = skipped + limit < total
        return SearchPage(shown, self._marker(skipped + limit) if more else None, total)

    def _offset(self, cursor: str | None) -> int:
        if cursor is None:
            return 0
        values, _ = self._checker.read_cursor(cursor, [("search", False)])
        if not isinstance(values[0], int) or not 0 <= values[0] <= SEARCH_CANDIDATES:
            raise InvalidCursor
        return values[0]

    def _marker(self, offset: int) -> str:
        return self._checker.write_cursor([("search", False)], [offset], "")

    async def count(self, query: Filter) -> int:
        """Returns how many documents match."""
        where, bound = self._queries.where(self._checker.filter(query))
        sql = f"SELECT count(*) FROM {self._table} WHERE {where}"  # noqa: S608
        rows = await self._runner.read(self._name, lambda connection: connection.rows(sql, bound))
        return int(str(rows[0][0]))

    async def group(self, query: Filter, *, by: str | None = None, sums: Sequence[str] = ()) -> list[Group]:
        """Counts and sums the matches by a field."""
        where, bound = self._queries.where(self._checker.filter(query))
        key = column(self._checker.plain_field(by)) if by is not None else "NULL"
        totals = "".join(f", ifnull(sum({column(self._checker.plain_field(field))}), 0)" for field in sums)
        having = "GROUP BY 1 ORDER BY 1" if by is not None else "HAVING count(*) > 0"
        sql = f"SELECT {key}, count(*){totals} FROM {self._table} WHERE {where} {having}"  # noqa: S608
        rows = await self._runner.read(self._name, lambda connection: connection.rows(sql, bound))
        shape = [{"key": k, "count": n, "sums": dict(zip(sums, rest, strict=True))} for k, n, *rest in rows]
        return msgspec.convert(shape, list[Group])

    async def explain(self, query: Filter, *, sort: Sort = (), limit: int = 20) -> Plan:
        """Returns how SQLite would run `find`."""
        sql, bound = self._select(query, sort, limit)
        rows = await self._runner.read(self._name, lambda c: c.rows(f"EXPLAIN QUERY PLAN {sql}", bound))
        steps = [str(row[3]) for row in rows]
        used = [step.split(" INDEX ", 1)[1].split(" ", 1)[0] for step in steps if " INDEX " in step]
        tables = (self._name, f"{self._name} ")
        scans = any(
            step.startswith("SCAN ") and step[5:].startswith(tables) and " INDEX " not in step for step in steps
        )
        return Plan(tuple(used), scans, any("TEMP B-TREE FOR ORDER BY" in step for step in steps))

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
        return bool(await self._update(query, update, (), 1))

    async def update_many(self, query: Filter, update: Update) -> int:
        """Changes every match."""
        return len(await self._update(query, update, (), -1))

    async def find_and_update(
        self, query: Filter, update: Update, *, sort: Sort = (), insert: D | None = None
    ) -> D | None:
        """Changes the first match and returns it, or stores `insert`."""
        changed = await self._update(query, update, sort, 1, insert=insert)
        return self._decoder.decode(changed[0]) if changed else None

    async def _update(
        self, query: Filter, update: Update, sort: Sort, limit: int, insert: D | None = None
    ) -> list[str]:
        select, bound = self._numbered(query, sort, limit)
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
        return bool(await self._delete(query, 1))

    async def delete_many(self, query: Filter) -> int:
        """Removes every match."""
        return await self._delete(query, -1)

    async def _delete(self, query: Filter, limit: int) -> int:
        select, bound = self._numbered(query, (), limit)

        def work(connection: Connection) -> int:
            rows = connection.rows(select, bound)
            for number, _ in rows:
                self._side.remove(connection, number)
                connection.rows(f"DELETE FROM {self._table} WHERE number = ?", (number,))  # noqa: S608
            return len(rows)

        return await self._runner.write(self._name, work)

    def _numbered(self, query: Filter, sort: Sort, limit: int) -> tuple[str, Bound]:
        where, bound = self._queries.where(self._checker.filter(query))
        order = self._queries.order(self._checker.sort(sort))
        sql = f"SELECT number, body FROM {self._table} WHERE {where} ORDER BY {order} LIMIT {limit}"  # noqa: S608
        return sql, bound

    def _insert(self, connection: Connection, stored: Stored) -> str:
        body = msgspec.json.encode(stored).decode()
        connection.rows(f"INSERT INTO {self._table} (id, body) VALUES (?, ?)", (stored["id"], body))  # noqa: S608
        self._side.add(connection, connection.last_number, stored)
        return body

    def _put(
        self, connection: Connection, number: object, stored: Stored, before: tuple[set[str], dict[str, set[object]]]
    ) -> str:
        body = msgspec.json.encode(stored).decode()
        connection.rows(f"UPDATE {self._table} SET body = ? WHERE number = ?", (body, number))  # noqa: S608
        if before != (self._side.words(stored), self._side.values(stored)):
            self._side.remove(connection, number)
            self._side.add(connection, number, stored)
        return body

    def _store(self, document: D) -> Stored:
        stored = stored_json(stored_value(document))
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


def _value_at(document: Document, path: str) -> object:
    value: object = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
    return stored_value(value)


def _null_first(value: object) -> tuple[bool, object]:
    return (value is not None, value if not isinstance(value, datetime) else value.timestamp())
