"""The database door over an embedded SQLite file (APSW, which brings its own current SQLite)."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import apsw

from academy.infrastructure.database.base import Collection, CollectionStats, Database, DatabaseStats, Health
from academy.infrastructure.database.completion import Callback, run_callbacks
from academy.infrastructure.database.document import Document
from academy.infrastructure.database.errors import DatabaseUnavailable
from academy.infrastructure.database.settings import DatabaseSettings
from academy.infrastructure.database.sqlite_collection import SqliteCollection, rebuild_side_tables
from academy.infrastructure.database.sqlite_connection import Connection, Threads, translated
from academy.infrastructure.database.sqlite_schema import Schema, quoted, schema_of
from academy.infrastructure.database.sqlite_transactions import Transactions, Unit
from academy.kit.errors import ForbiddenError

D = TypeVar("D", bound=Document)
T = TypeVar("T")

_SLOW_SECONDS = 0.1
_FIRST_PAUSE_SECONDS = 0.1


class _Open:
    """What there is while the file is open."""

    def __init__(self, threads: Threads, timeout_seconds: float) -> None:
        self.threads = threads
        self.transactions = Transactions(threads, timeout_seconds)


class SqliteDatabase(Database):
    """An academy's data in one file. What its methods promise stands in `base.py`.

    One connection writes: a transaction holds it from `BEGIN IMMEDIATE` to its commit. Readers have their own and never
    wait for it. Several processes may open the same file; they wait for each other up to SQLITE_TIMEOUT_SECONDS.
    """

    def __init__(self, path: Path, settings: DatabaseSettings, *, production: bool = False) -> None:
        self._path = path
        self._settings = settings
        self._production = production
        self._opened: _Open | None = None
        self._collections: dict[type[Document], Collection[Document]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slow = 0

    async def connect(self) -> None:
        """Opens the file, retrying while another process holds it."""
        if self._opened is not None:
            return
        pause = _FIRST_PAUSE_SECONDS
        for attempt in range(1, self._settings.connect_attempts + 1):
            threads = Threads(self._path, self._settings)
            try:
                await threads.open()
            except (apsw.Error, OSError) as error:
                await threads.close()
                if attempt == self._settings.connect_attempts:
                    raise DatabaseUnavailable(f"{self._path} cannot be opened: {error}") from error
                await asyncio.sleep(pause * (0.5 + secrets.SystemRandom().random() / 2))
                pause *= 2
            else:
                self._opened = _Open(threads, self._settings.sqlite_timeout_seconds)
                return

    async def disconnect(self) -> None:
        """Finishes running work and closes the file."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.transactions.close()
            await opened.threads.close()

    @property
    def is_connected(self) -> bool:
        """Whether the file is open."""
        return self._opened is not None

    def collection(self, document_type: type[D]) -> Collection[D]:
        """Returns the collection of a document class."""
        found = self._collections.get(document_type)
        if found is None:
            made: Collection[D] = SqliteCollection(self, document_type)
            self._collections[document_type] = made  # type: ignore[assignment]  # one type per key
            return made
        return found  # type: ignore[return-value]  # one type per key

    # --- running statements, for the collections ---

    async def read(self, collection: str, work: Callable[[Connection], T]) -> T:
        """Runs a read: on the writer inside a transaction, so that it sees its own writes; else on a reader."""
        opened, begun = self._connection(), time.perf_counter()
        unit = opened.transactions.current()
        try:
            with translated(collection):
                if unit is None:
                    return await opened.threads.read(work)
                unit.check()
                return await opened.threads.write(work)
        finally:
            self._note(begun)

    async def write(self, collection: str, work: Callable[[Connection], T]) -> T:
        """Runs a write: as part of the open transaction, or as one of its own, durable when this returns."""
        opened, begun = self._connection(), time.perf_counter()
        unit = opened.transactions.current()
        try:
            with translated(collection):
                if unit is None:
                    return await opened.transactions.alone(work)
                return await opened.transactions.call(unit, work)
        finally:
            self._note(begun)

    def _connection(self) -> _Open:
        if self._opened is None:
            raise DatabaseUnavailable("the database is not connected")
        return self._opened

    def _unit(self) -> Unit | None:
        return self._opened.transactions.current() if self._opened is not None else None

    def _note(self, begun: float) -> None:
        if time.perf_counter() - begun > _SLOW_SECONDS:
            self._slow += 1

    # --- transactions ---

    async def transaction(self, work: Callable[[], Awaitable[T]]) -> T:
        """Runs `work` as one transaction, or joins the open one. On SQLite it never has to run twice."""
        transactions = self._connection().transactions
        unit = transactions.current()
        if unit is not None:
            return await transactions.join(unit, work)
        with translated():
            return await transactions.run(work)

    def after_commit(self, callback: Callback) -> None:
        """Runs `callback` after the open transaction commits; schedules it at once when none is open."""
        unit = self._unit()
        if unit is not None:
            unit.callbacks.append(callback)
            return
        task = asyncio.get_running_loop().create_task(run_callbacks([callback]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- the whole database ---

    async def create_indexes(self, document_types: Sequence[type[Document]]) -> None:
        """Makes tables and indexes equal to the declarations."""
        schemas = {document_type: schema_of(document_type) for document_type in document_types}
        await self.write("", lambda connection: _apply_schemas(connection, schemas))

    async def stats(self) -> DatabaseStats:
        """Returns figures of the file."""

        def work(connection: Connection) -> dict[str, CollectionStats]:
            figures = {}
            for name in _collection_names(connection):
                count, size = connection.rows(f"SELECT count(*), ifnull(sum(length(body)), 0) FROM {quoted(name)}")[0]  # noqa: S608
                figures[name] = CollectionStats(documents=int(str(count)), bytes=int(str(size)))
            return figures

        return DatabaseStats(
            engine=f"sqlite {apsw.sqlite_lib_version()}",
            connections=self._connection().threads.connections,
            collections=await self.read("", work),
            slow_operations=self._slow,
        )

    async def health_check(self, *, timeout_seconds: float = 2.0) -> Health:
        """Reads from the file within the time limit."""
        begun = time.perf_counter()
        detail = ""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self.read("", lambda connection: connection.rows("SELECT count(*) FROM sqlite_schema"))
        except Exception as error:  # noqa: BLE001 - a health check answers, whatever is wrong
            reason = error.detail if isinstance(error, DatabaseUnavailable) else repr(error)
            detail = f"The database file does not answer ({reason}). Check the disk and ACADEMY_HOME."
        return Health(healthy=not detail, detail=detail, duration_ms=(time.perf_counter() - begun) * 1000)

    async def clear_database(self, *, confirm: str) -> None:
        """Removes every document. `confirm` is the file's name without its ending."""
        if self._production or confirm != self._path.stem:
            raise ForbiddenError("Clearing the database needs its name as confirmation, and never works in production.")

        def work(connection: Connection) -> None:
            for name in _tables(connection):
                connection.rows(f"DELETE FROM {quoted(name)}")  # noqa: S608

        await self.write("", work)


def _tables(connection: Connection) -> list[str]:
    """Returns the tables of collections, and those that stand beside them; not those that SQLite keeps inside them."""
    rows = connection.rows("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual')")
    return [str(name) for (name,) in rows if not str(name).startswith("sqlite_")]


def _collection_names(connection: Connection) -> list[str]:
    return [name for name in _tables(connection) if "__" not in name]


def _apply_schemas(connection: Connection, schemas: dict[type[Document], Schema]) -> None:
    """Makes what is declared and drops what no longer is; fills side and search tables that were made anew."""
    for document_type, schema in schemas.items():
        with translated(document_type.__collection__):
            _apply_schema(connection, document_type, schema)


def _apply_schema(connection: Connection, document_type: type[Document], schema: Schema) -> None:
    connection.rows(schema.table)
    prefix = f"{document_type.__collection__}\\_\\_%"
    held = {
        str(name): sql
        for name, sql in connection.rows(
            "SELECT name, sql FROM sqlite_schema WHERE name LIKE ? ESCAPE '\\' AND sql IS NOT NULL"
            " AND name NOT LIKE '%\\_\\_search\\_%' ESCAPE '\\'",
            (prefix,),
        )
    }
    for name, sql in held.items():
        if schema.objects.get(name) != sql:
            is_index = str(sql).startswith(("CREATE INDEX", "CREATE UNIQUE"))
            connection.rows(f"DROP {'INDEX' if is_index else 'TABLE'} IF EXISTS {quoted(name)}")
    present = {str(row[0]) for row in connection.rows("SELECT name FROM sqlite_schema")}
    made = [name for name in schema.objects if name not in present]
    for name in made:
        connection.rows(schema.objects[name])
    if any(not schema.objects[name].startswith(("CREATE INDEX", "CREATE UNIQUE")) for name in made):
        rebuild_side_tables(connection, document_type, schema)
