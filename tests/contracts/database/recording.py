"""Writes down which queries a repository asks a database for, while it asks."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar, cast

from academy.infrastructure.database.base import Collection, Database, Filter, Sort
from academy.infrastructure.database.document import Document

D = TypeVar("D", bound=Document)

_OF_ONE = ("find_one", "update_one", "find_and_update", "delete_one")


class Query(NamedTuple):
    """A query that was asked.

    Attributes:
        asked_by: who asked, as the test named it.
        method: of the collection.
        collection: the one that was asked.
        limit: of what is found; None when all is, in any order.
    """

    asked_by: str
    method: str
    collection: Collection[Any]
    query: Filter
    sort: Sort
    limit: int | None


class RecordingDatabase:
    """A database that does what the given one does and writes down what its collections are asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.asked_by = ""
        self.queries: list[Query] = []

    def collection(self, document_type: type[D]) -> Collection[D]:
        """Returns the collection of a class, watched."""
        return cast("Collection[D]", _RecordingCollection(self, self._database.collection(document_type)))

    def as_database(self) -> Database:
        """Returns itself, for what takes a database."""
        return cast("Database", self)

    def __getattr__(self, name: str) -> object:
        return getattr(self._database, name)


class _RecordingCollection:
    def __init__(self, database: RecordingDatabase, collection: Collection[Any]) -> None:
        self._database = database
        self._collection = collection

    def __getattr__(self, name: str) -> Callable[..., Awaitable[object]]:
        method: Callable[..., Awaitable[object]] = getattr(self._collection, name)
        signature = inspect.signature(method)

        async def call(*args: object, **kwargs: object) -> object:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            given = bound.arguments
            if "query" in given:
                limit = given.get("limit", 1 if name in _OF_ONE else None)
                self._database.queries.append(
                    Query(self._database.asked_by, name, self._collection, given["query"], given.get("sort", ()), limit)
                )
            return await method(*args, **kwargs)

        return call
