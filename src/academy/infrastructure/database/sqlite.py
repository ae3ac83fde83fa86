"""The database door over an embedded SQLite file (APSW, which brings its own current SQLite)."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

import apsw
import structlog

from academy.infrastructure.database.base import Collection, CollectionStats, Database, DatabaseStats, Health
from academy.infrastructure.database.document import Document
from academy.infrastructure.database.errors import DatabaseUnavailable, UniqueViolation, UnsupportedQuery
from academy.infrastructure.database.settings import DatabaseSettings
from academy.infrastructure.database.sqlite_collection import SqliteCollection, rebuild_side_tables
from academy.infrastructure.database.sqlite_connection import Connection, Threads, translate
from academy.infrastructure.database.sqlite_schema import Schema, quoted, schema_of
from academy.kit.errors import ForbiddenError

D = TypeVar("D", bound=Document)
T = TypeVar("T")
Callback = Callable[[], Awaitable[None]]

_SLOW_SECONDS = 0.1
_FIRST_PAUSE_SECONDS = 0.1


class _Transaction:
    """The open transaction of a task."""

    def __init__(self) -> None:
        self.callbacks: list[Callback] = []
        self.doomed = False


class _Write:
    """A single write that waits for its turn; several that wait together are committed together."""

    def __init__(self, work: Callable[[Connection], object]) -> None:
        self.work = work
        self.done: asyncio.Future[object] = asyncio.get_running_loop().create_future()


class SqliteDatabase(Database):
    """An academy's data in one file. What its methods promise stands in `base.py`.

    One connection writes: a transaction holds it from `BEGIN IMMEDIATE` to its commit. Readers have their own and never
    wait for it. Several processes may open the same file; they wait for each other up to SQLITE_TIMEOUT_SECONDS.
    """

    def __init__(self, path: Path, settings: DatabaseSettings, *, production: bool = False) -> None:
        self._path = path
        self._settings = settings
        self._production = production
        self._threads: Threads | None = None
        self._writer = asyncio.Lock()
        self._open: ContextVar[_Transaction | None] = ContextVar("sqlite_transaction", default=None)
        self._collections: dict[type[Document], Collection[Document]] = {}
        self._waiting: list[_Write] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._slow = 0

    async def connect(self) -> None:
        """Opens the file, retrying while another process holds it."""
        if self._threads is not None:
            return
        self._writer = asyncio.Lock()
        pause = _FIRST_PAUSE_SECONDS
        for attempt in range(1, self._settings.connect_attempts + 1):
            threads = Threads(self._path, self._settings)
            try:
                await threads.open()
            except (apsw.Error, OSError) as error:
                await threads.close()
                if attempt == self._settings.connect_attempts:
                    raise DatabaseUnavailable(f"{self._path} cannot be opened: {error}") from error
                await asyncio.sleep(pause)
                pause *= 2
            else:
                self._threads = threads
                return

    async def disconnect(self) -> None:
        """Finishes running work and closes the file."""
        if self._threads is None:
            return
        while self._tasks:
            await asyncio.wait(self._tasks)
        async with self._writer:
            threads, self._threads = self._threads, None
        await threads.close()

    @property
    def is_connected(self) -> bool:
        """Whether the file is open."""
        return self._threads is not None

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
        threads, begun = self._connected(), time.perf_counter()
        try:
            if self._own() is not None:
                return await threads.write(work)
            return await threads.read(work)
        except apsw.Error as error:
            raise translate(error, collection) from error
        finally:
            self._note(begun)

    async def write(self, collection: str, work: Callable[[Connection], T]) -> T:
        """Runs a write: as part of the open transaction, or as one of its own, durable when this returns."""
        begun = time.perf_counter()
        try:
            transaction = self._own()
            if transaction is None:
                return await self._write_alone(work)
            return await self._connected().write(work)
        except apsw.Error as error:
            translated = translate(error, collection)
            transaction = self._open.get()
            if transaction is not None and isinstance(translated, UniqueViolation | DatabaseUnavailable):
                transaction.doomed = True
            raise translated from error
        finally:
            self._note(begun)

    def _connected(self) -> Threads:
        if self._threads is None:
            raise DatabaseUnavailable("the database is not connected")
        return self._threads

    def _own(self) -> _Transaction | None:
        transaction = self._open.get()
        if transaction is not None and transaction.doomed:
            raise UnsupportedQuery("this transaction failed already; let its error leave the work")
        return transaction

    def _note(self, begun: float) -> None:
        if time.perf_counter() - begun > _SLOW_SECONDS:
            self._slow += 1

    async def _write_alone(self, work: Callable[[Connection], T]) -> T:
        """Puts a write in line; whoever gets the writer first commits all that wait by then with one sync to disk."""
        write = _Write(work)
        self._waiting.append(write)
        if len(self._waiting) == 1:
            self._start(self._commit_waiting())
        return await write.done  # type: ignore[return-value]  # it holds what the work returned

    async def _commit_waiting(self) -> None:
        async with self._writer:
            batch, self._waiting = self._waiting, []
            try:
                outcomes = await self._connected().write(lambda connection: _commit_together(connection, batch))
            except Exception as error:  # noqa: BLE001 - handed to everyone who waits
                outcomes = [error] * len(batch)
        for write, outcome in zip(batch, outcomes, strict=True):
            if write.done.done():
                continue
            if isinstance(outcome, Exception):
                write.done.set_exception(outcome)
            else:
                write.done.set_result(outcome)

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- transactions ---

    async def transaction(self, work: Callable[[], Awaitable[T]]) -> T:
        """Runs `work` as one transaction, or joins the open one. On SQLite it never has to run twice."""
        outer = self._own()
        if outer is not None:
            try:
                return await work()
            except BaseException:
                outer.doomed = True
                raise
        threads = self._connected()
        transaction = _Transaction()
        async with self._writer:
            token = self._open.set(transaction)
            try:
                await self._statement(threads, "BEGIN IMMEDIATE")
                answer = await work()
                if transaction.doomed:
                    raise UnsupportedQuery("a write of this transaction failed and its error was not let through")
                await self._statement(threads, "COMMIT")
            except BaseException:
                await threads.write(_roll_back)
                raise
            finally:
                self._open.reset(token)
        for callback in transaction.callbacks:
            await callback()
        return answer

    @staticmethod
    async def _statement(threads: Threads, sql: str) -> None:
        try:
            await threads.write(lambda connection: connection.rows(sql))
        except apsw.Error as error:
            raise translate(error) from error

    def after_commit(self, callback: Callback) -> None:
        """Runs `callback` after the open transaction commits; schedules it at once when none is open."""
        transaction = self._open.get()
        if transaction is not None:
            transaction.callbacks.append(callback)
        else:
            self._start(callback())

    # --- the whole database ---

    async def create_indexes(self, document_types: Sequence[type[Document]]) -> None:
        """Makes tables and indexes equal to the declarations."""
        schemas = {document_type: schema_of(document_type) for document_type in document_types}

        async def work() -> None:
            await self._connected().write(lambda connection: _apply_schemas(connection, schemas))

        try:
            await self.transaction(work)
        except apsw.Error as error:
            raise translate(error) from error

    async def stats(self) -> DatabaseStats:
        """Returns figures of the file."""

        def work(connection: Connection) -> dict[str, CollectionStats]:
            figures = {}
            for document_type in self._collections:
                name = document_type.__collection__
                count, size = connection.rows(f"SELECT count(*), ifnull(sum(length(body)), 0) FROM {quoted(name)}")[0]  # noqa: S608
                figures[name] = CollectionStats(documents=int(str(count)), bytes=int(str(size)))
            return figures

        return DatabaseStats(
            engine=f"sqlite {apsw.sqlite_lib_version()}",
            connections=self._connected().connections,
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
        except (DatabaseUnavailable, apsw.Error, TimeoutError) as error:
            structlog.get_logger().warning("database_unhealthy", error=repr(error))
            detail = f"The database file does not answer ({error!r}). Check the disk and ACADEMY_HOME."
        return Health(healthy=not detail, detail=detail, duration_ms=(time.perf_counter() - begun) * 1000)

    async def clear_database(self, *, confirm: str) -> None:
        """Removes every document. `confirm` is the file's name without its ending."""
        if self._production or confirm != self._path.stem:
            raise ForbiddenError("Clearing the database needs its name as confirmation, and never works in production.")
        for collection in self._collections.values():
            await collection.delete_many({})


def _commit_together(connection: Connection, batch: Sequence[_Write]) -> list[object]:
    """Runs several writes in one transaction, each of which may fail alone. Returns their answers or errors."""
    connection.rows("BEGIN IMMEDIATE")
    outcomes: list[object] = []
    try:
        for write in batch:
            connection.rows("SAVEPOINT one")
            try:
                outcomes.append(write.work(connection))
            except Exception as error:
                if not connection.in_transaction:
                    raise
                connection.rows("ROLLBACK TO one")
                outcomes.append(error)
            connection.rows("RELEASE one")
        connection.rows("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise
    return outcomes


def _roll_back(connection: Connection) -> None:
    if connection.in_transaction:
        connection.rows("ROLLBACK")


def _apply_schemas(connection: Connection, schemas: dict[type[Document], Schema]) -> None:
    """Makes what is declared and drops what no longer is; fills side and search tables that were made anew."""
    for document_type, schema in schemas.items():
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
