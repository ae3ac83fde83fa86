"""The database door over MongoDB (a replica set: transactions need one)."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC
from typing import TypeVar

import pymongo
from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry
from bson.int64 import Int64
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError

from academy.infrastructure.database.base import Collection, CollectionStats, Database, DatabaseStats, Health
from academy.infrastructure.database.completion import Callback, run_callbacks
from academy.infrastructure.database.document import Document
from academy.infrastructure.database.errors import DatabaseUnavailable
from academy.infrastructure.database.mongodb_collection import LOCKS, Call, MongoCollection
from academy.infrastructure.database.mongodb_errors import translated
from academy.infrastructure.database.mongodb_indexes import make_collection
from academy.infrastructure.database.mongodb_transactions import Transactions
from academy.infrastructure.database.mongodb_watch import OpenConnections, SlowCommands
from academy.infrastructure.database.settings import DatabaseSettings
from academy.kit.errors import ForbiddenError

D = TypeVar("D", bound=Document)
T = TypeVar("T")

Stored = dict[str, object]


class _PlainIntegers(TypeDecoder):
    """Reads 64-bit integers as plain ones: the driver's own kind is refused by encoders when it leaves the engine."""

    bson_type = Int64

    def transform_bson(self, value: int) -> int:
        """Returns the plain integer."""
        return int(value)


_CODEC: CodecOptions[Stored] = CodecOptions(
    document_class=dict, tz_aware=True, tzinfo=UTC, type_registry=TypeRegistry([_PlainIntegers()])
)

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
# The server gave a clear answer; asking again does not change it: sign-in refused, unknown command, not allowed.
HOPELESS_CODES = frozenset({13, 18, 59, 8000})


class MongoDatabase(Database):
    """A database of a MongoDB replica set."""

    def __init__(self, settings: DatabaseSettings, *, production: bool = False) -> None:
        self._settings = settings
        self._production = production
        self._client: AsyncMongoClient[Stored] | None = None
        self._transactions = Transactions(settings.mongodb_timeout_seconds)
        self._connections = OpenConnections()
        self._slow = SlowCommands()
        self._version = ""
        self._running = 0
        self._idle = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def connect(self) -> None:
        """Opens the connection, as the door promises."""
        if self._client is not None:
            return
        for attempt in range(self._settings.connect_attempts):
            if attempt:
                pause = min(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), LONGEST_PAUSE_SECONDS)
                await asyncio.sleep(pause * (0.5 + secrets.SystemRandom().random() / 2))
            try:
                self._client = await self._open()
            except PyMongoError as error:
                hopeless = isinstance(error, ConfigurationError) or (
                    isinstance(error, OperationFailure) and error.code in HOPELESS_CODES
                )
                if hopeless or attempt == self._settings.connect_attempts - 1:
                    raise DatabaseUnavailable(f"MongoDB cannot be reached: {error}") from error
            else:
                return

    async def disconnect(self) -> None:
        """Waits for running work (at most the time limit of one operation) and closes the connection."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.mongodb_timeout_seconds):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        client, self._client = self._client, None
        if client is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.mongodb_timeout_seconds):
                while self._running:
                    self._idle.clear()
                    await self._idle.wait()
        await client.close()

    @property
    def is_connected(self) -> bool:
        """Whether the connection is open."""
        return self._client is not None

    def collection(self, document_type: type[D]) -> Collection[D]:
        """Returns the collection of a document class."""
        return MongoCollection(self, document_type)

    async def create_indexes(self, document_types: Sequence[type[Document]]) -> None:
        """Makes collections, validators and indexes, as the door promises. May take as long as the data is large."""
        database = self.handle
        for document_type in document_types:
            with translated(document_type.__collection__, document_type.__indexes__), pymongo.timeout(None):
                await make_collection(database, document_type)

    async def transaction(self, work: Callable[[], Awaitable[T]]) -> T:
        """Runs `work` as one transaction, as the door promises."""
        unit = self._transactions.current()
        if unit is not None:
            return await self._transactions.join(unit, work)
        async with self._busy() as client:
            return await self._transactions.run(client, work)

    def after_commit(self, callback: Callback) -> None:
        """Runs `callback` after the open transaction, or schedules it now."""
        unit = self._transactions.current()
        if unit is not None:
            unit.callbacks.append(callback)
            return
        task = asyncio.get_running_loop().create_task(run_callbacks([callback]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stats(self) -> DatabaseStats:
        """Returns figures of the connection and of each collection."""
        database = self.handle
        sizes: dict[str, CollectionStats] = {}
        with translated():
            for name in await self._collections(database):
                cursor = await database[name].aggregate([{"$collStats": {"storageStats": {"scale": 1}}}])
                parts = [part["storageStats"] for part in await cursor.to_list()]
                figures = [part for part in parts if isinstance(part, Mapping)]
                sizes[name] = CollectionStats(
                    documents=sum(int(part["count"]) for part in figures),
                    bytes=sum(int(part["size"]) for part in figures),
                )
        return DatabaseStats(
            engine=f"mongodb {self._version}",
            connections=self._connections.count,
            collections=sizes,
            slow_operations=self._slow.count,
        )

    async def health_check(self, *, timeout_seconds: float = 2.0) -> Health:
        """Reads from the primary within the time limit; never raises."""
        started = time.monotonic()
        detail = ""
        try:
            with translated(), pymongo.timeout(timeout_seconds):
                await self.handle["health"].find_one({"_id": ""}, {"_id": 1})
        except DatabaseUnavailable as error:
            detail = f"MongoDB does not answer ({error.detail}). Check MONGODB_URI and that a primary is up."
        except Exception as error:  # noqa: BLE001 - a health check answers, whatever is wrong
            detail = f"MongoDB cannot be read: {error!r}"
        return Health(healthy=not detail, detail=detail, duration_ms=(time.monotonic() - started) * 1000)

    async def clear_database(self, *, confirm: str) -> None:
        """Removes every document, as the door promises."""
        if self._production:
            raise ForbiddenError("The database of a running academy cannot be cleared.")
        if confirm != self._settings.mongodb_database:
            raise ForbiddenError("Nothing was removed: the confirmation is not the database's name.")
        database = self.handle
        with translated(), pymongo.timeout(None):
            for name in await self._collections(database):
                await database[name].delete_many({})

    @property
    def handle(self) -> AsyncDatabase[Stored]:
        """The driver's database; for the parts of this engine. Raises DatabaseUnavailable when not connected."""
        if self._client is None:
            raise DatabaseUnavailable("not connected")
        return self._database(self._client)

    @asynccontextmanager
    async def call(self, document_type: type[Document]) -> AsyncIterator[Call]:
        """Surrounds driver calls on a collection: gives the open transaction's session, if any; translates errors."""
        name, indexes = document_type.__collection__, document_type.__indexes__
        unit = self._transactions.current()
        if unit is not None:
            async with self._transactions.call(unit, name, indexes) as session:
                yield Call(self._database(session.client)[name], session)
            return
        async with self._busy() as client:
            with translated(name, indexes):
                yield Call(self._database(client)[name], None)

    @asynccontextmanager
    async def _busy(self) -> AsyncIterator[AsyncMongoClient[Stored]]:
        """Counts running work, for which `disconnect` waits."""
        client = self._client
        if client is None:
            raise DatabaseUnavailable("not connected")
        self._running += 1
        try:
            yield client
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    def _database(self, client: AsyncMongoClient[Stored]) -> AsyncDatabase[Stored]:
        return client.get_database(self._settings.mongodb_database, codec_options=_CODEC)

    async def _open(self) -> AsyncMongoClient[Stored]:
        settings = self._settings
        milliseconds = int(settings.mongodb_timeout_seconds * 1000)
        client: AsyncMongoClient[Stored] = AsyncMongoClient(
            settings.mongodb_uri,
            appname="academy",
            maxPoolSize=settings.mongodb_max_pool_size,
            minPoolSize=min(settings.mongodb_min_pool_size, settings.mongodb_max_pool_size),
            # The whole of one operation, with finding the primary, waiting for a connection and retries.
            timeoutMS=milliseconds,
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            # Acknowledged means: in the journals of a majority. Read means: acknowledged.
            w="majority",
            journal=True,
            readConcernLevel="majority",
            readPreference="primary",
            retryWrites=True,
            retryReads=True,
            event_listeners=[self._connections, self._slow],
        )
        try:
            greeting = await client.admin.command("hello")
            if "setName" not in greeting and greeting.get("msg") != "isdbgrid":
                raise ConfigurationError("MONGODB_URI is a single server; transactions need a replica set")
            self._version = str((await client.server_info())["version"])
        except BaseException:
            await client.close()
            raise
        return client

    async def _collections(self, database: AsyncDatabase[Stored]) -> list[str]:
        names = await database.list_collection_names(filter={"type": "collection"})
        return sorted(name for name in names if not name.startswith("system.") and name != LOCKS)
