"""Connections to the SQLite file: one that writes, several that read, each used by one thread at a time."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import apsw

from academy.infrastructure.database.completion import completed
from academy.infrastructure.database.errors import DatabaseUnavailable, UniqueViolation, UnsupportedQuery
from academy.infrastructure.database.settings import DatabaseSettings

T = TypeVar("T")
Row = tuple[object, ...]

_UNAVAILABLE = (
    apsw.BusyError,
    apsw.LockedError,
    apsw.FullError,
    apsw.IOError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.NoMemError,
)
_CACHE_KIB = 8 * 1024


class Connection:
    """An open connection. Blocking: used inside one of the engine's threads only."""

    def __init__(self, path: Path, timeout_seconds: float, *, writes: bool) -> None:
        flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if writes else 0)
        self._connection = apsw.Connection(str(path), flags=flags, statementcachesize=200)
        self._wait_at_most(timeout_seconds)
        if writes:
            self.rows("PRAGMA journal_mode=WAL")
        # FULL: an acknowledged write survives a loss of power, as on MongoDB with its journal.
        self.rows("PRAGMA synchronous=FULL")
        self.rows(f"PRAGMA cache_size=-{_CACHE_KIB}")
        if not writes:
            self.rows("PRAGMA query_only=ON")

    def _wait_at_most(self, seconds: float) -> None:
        self._connection.set_busy_timeout(max(1, round(seconds * 1000)))

    def begin(self, wait_seconds: float) -> None:
        """Begins a transaction that may write, waiting for other processes that write."""
        self._wait_at_most(wait_seconds)
        self.rows("BEGIN IMMEDIATE")

    def rows(self, sql: str, bound: object = ()) -> list[Row]:
        """Runs a statement and returns all its rows; its cursor is closed then, so that no old state stays pinned."""
        return list(self._connection.execute(sql, bound))  # type: ignore[arg-type]

    def plan(self, sql: str, bound: object) -> list[str]:
        """Returns the steps by which a statement would run."""
        # SQLite looks for changes of the schema when a statement reads; one that is only explained does not.
        self.rows("SELECT 1 FROM sqlite_schema")
        explained = self._connection.execute(f"EXPLAIN QUERY PLAN {sql}", bound, can_cache=False)  # type: ignore[arg-type]
        return [str(row[3]) for row in explained]

    @property
    def last_number(self) -> int:
        """Row number of the last insert."""
        return self._connection.last_insert_rowid()

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._connection.in_transaction

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


def translate(error: apsw.Error, collection: str = "") -> Exception:
    """Returns the door's error for one of SQLite's."""
    if isinstance(error, apsw.ConstraintError):
        # "UNIQUE constraint failed: index 'users__email_key'", or "... users.id": SQLite tells the index nowhere else.
        _, quote, name = str(error).partition("index '")
        label = name.rstrip("'").removeprefix(f"{collection}__") if quote else "_id"
        return UniqueViolation(collection, label)
    if isinstance(error, _UNAVAILABLE):
        return DatabaseUnavailable(str(error))
    return UnsupportedQuery(f"{collection}: SQLite refuses this: {error}")


@contextmanager
def translated(collection: str = "") -> Iterator[None]:
    """Raises the door's errors in place of SQLite's."""
    try:
        yield
    except apsw.Error as error:
        raise translate(error, collection) from error


class Threads:
    """Runs work beside the event loop: the writer's thread, and a pool of readers with a connection each."""

    def __init__(self, path: Path, settings: DatabaseSettings) -> None:
        self._path = path
        self._settings = settings
        self._write_pool = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._read_pool = ThreadPoolExecutor(settings.sqlite_readers, thread_name_prefix="sqlite-reader")
        self._local = threading.local()
        self._opened: list[Connection] = []
        self._writer: Connection | None = None

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._opened)

    async def open(self) -> None:
        """Opens the file for writing, made when it is not there."""
        await self.write(lambda connection: None)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` in the writer's thread. A caller that is cancelled waits until it is done, then ends."""
        return await completed(asyncio.get_running_loop().run_in_executor(self._write_pool, self._write, work))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` in one of the readers' threads."""
        return await asyncio.get_running_loop().run_in_executor(self._read_pool, self._read, work)

    def _write(self, work: Callable[[Connection], T]) -> T:
        if self._writer is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._open(writes=True)
        return work(self._writer)

    def _read(self, work: Callable[[Connection], T]) -> T:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._open(writes=False)
        return work(connection)

    def _open(self, *, writes: bool) -> Connection:
        connection = Connection(self._path, self._settings.sqlite_timeout_seconds, writes=writes)
        self._opened.append(connection)
        return connection

    async def close(self) -> None:
        """Finishes what runs and closes all connections."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._write_pool.shutdown()
        self._read_pool.shutdown()
        for connection in reversed(self._opened):
            connection.close()
        self._opened.clear()
