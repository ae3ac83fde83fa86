"""The database door: one promise, kept by two engines (`sqlite.py`, `mongodb.py`) and proven by one contract suite.

The promise
-----------
Documents. A collection holds documents of one declared class (`Document`). What is read equals what was written, with
times cut to milliseconds. An engine refuses (`UnsupportedQuery`) a field the class does not declare.

Queries. Filters and updates are written with MongoDB's operator names, but only this subset exists, on both engines:

- filters: equality (`{"field": value}`), `$eq $ne $gt $gte $lt $lte $in $nin $exists $not $elemMatch $all`, and at the
  top or nested `$and $or`; field paths may be dotted into nested structs and lists of structs;
- updates: `$set $unset $inc $min $max $push` (with `$each`, `$slice`) `$pull $addToSet $setOnInsert`;
- sorts: declared scalar fields, each once, a leading `-` for descending; null stands before everything.

Anything else raises `UnsupportedQuery` on both; so does a document that its class does not declare like that, a text
with half a character, a key of a dict that begins with `$`, more than 10,000 values in one list, a number that an
update would move beyond 64 bits, and a document above 16 MB. A dict where the class declares a scalar is refused, so a
value from outside can never become an operator. Equality with `None` also matches a missing field; comparisons never
match across types; a comparison of a list field matches when any element does. Strings compare by Unicode code point.
`$exists` is for fields outside lists. `$inc $min $push $pull $addToSet` are for fields that cannot be null, `$unset`
for fields that have a default; a struct in a list is compared as a whole. Limits are 1 or more. Numbers are finite and
of 64 bits. What a `dict[str, object]` holds is stored and read, never asked for.

Writes. Every call is atomic: it happens wholly or not at all. Acknowledged means durable: it survives `kill -9` and
loss of power. Unique indexes hold under concurrent writers in any number of processes, and a violation names its index.
`update_one`, `update_many` and `find_and_update` add 1 to `version` of each document they change; `replace` writes only
if the stored version is the one that was read.

Transactions. `await database.transaction(work)` makes the calls that `work` awaits one unit: all are kept or none.
Inside, reads see the unit's own writes. A nested transaction joins the outer one. An exception that leaves `work` rolls
everything back; one that leaves a nested `work` does, too, even when the outer one catches it. A unit that lost a race
with another one is run again by the engine, never by features. `work` must be short and never wait for anything but
this database. A UniqueViolation dooms the open transaction: let it leave `work` (further calls in it raise
`UnsupportedQuery`). Functions given to `after_commit` run once, in order, after the outermost transaction is durable,
and never when it is rolled back; outside a transaction they run at once. One that fails is logged and neither stops the
others nor fails the transaction. All run to their end even when the task is cancelled meanwhile; it waits for them.

Paging. `page` walks a sort order with an opaque cursor that holds the sort keys and the id of the last document;
documents inserted or removed meanwhile never make it repeat or skip the others.

Search. `search` finds documents that contain every word of the text, compared without case and accents; the last word
may be the beginning of a longer one. At most `SEARCH_CANDIDATES` documents are considered (newest ids first) and ranked
by the summed weights of the fields in which the words stand, then by id descending; so both engines answer alike.

Failure. When the engine cannot be reached or is locked beyond the time limit: `DatabaseUnavailable`, and nothing was
written. One exception that no database can rule out: when a MongoDB server vanishes between receiving a commit and
answering it, the unit was written wholly or not at all; unique indexes and versions make repeating it safe. It recovers
by itself when the engine is back.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from academy.infrastructure.database.document import Document

D = TypeVar("D", bound=Document)
T = TypeVar("T")

Filter = Mapping[str, object]
Update = Mapping[str, Mapping[str, object]]
Sort = Sequence[str]

SEARCH_CANDIDATES = 1_000
LARGEST_PAGE = 200


class Page(msgspec.Struct, Generic[D], frozen=True):
    """One page of a list. `next_cursor` is None on the last page."""

    items: list[D]
    next_cursor: str | None


class SearchPage(msgspec.Struct, Generic[D], frozen=True):
    """One page of search results.

    Attributes:
        items: best match first.
        next_cursor: None on the last page.
        total: how many documents match, counted up to `SEARCH_CANDIDATES`.
    """

    items: list[D]
    next_cursor: str | None
    total: int


class Group(msgspec.Struct, frozen=True):
    """One row of `Collection.group`.

    Attributes:
        key: the value of the grouping field (None for the one row of an ungrouped call).
        count: documents in the group.
        sums: field -> sum of its numbers in the group (0 when there is none).
    """

    key: str | int | bool | None
    count: int
    sums: dict[str, int | float]


class Plan(msgspec.Struct, frozen=True):
    """How the engine would run a query.

    Attributes:
        indexes: names of the indexes used, in order of use.
        scans_collection: True when the whole collection would be read.
        sorts_in_memory: True when no index gives the order and all matches must be sorted first.
    """

    indexes: tuple[str, ...]
    scans_collection: bool
    sorts_in_memory: bool


class CollectionStats(msgspec.Struct, frozen=True):
    """Size of one collection: documents and bytes (approximate on MongoDB)."""

    documents: int
    bytes: int


class DatabaseStats(msgspec.Struct, frozen=True):
    """Figures of the connection.

    Attributes:
        engine: `sqlite` or `mongodb`, with its version.
        connections: open connections to the engine.
        collections: size by collection name.
        slow_operations: operations slower than the engine's slow limit since the start.
    """

    engine: str
    connections: int
    collections: dict[str, CollectionStats]
    slow_operations: int


class Health(msgspec.Struct, frozen=True):
    """Answer of a health check. `detail` says what is wrong and what to do; empty when healthy."""

    healthy: bool
    detail: str
    duration_ms: float


class Collection(ABC, Generic[D]):
    """The documents of one class. See the module's promise for what every method guarantees."""

    @abstractmethod
    async def insert(self, document: D) -> None:
        """Stores a new document. Raises UniqueViolation."""

    @abstractmethod
    async def insert_many(self, documents: Sequence[D]) -> None:
        """Stores all documents or, when one violates a unique index, none. Raises UniqueViolation."""

    @abstractmethod
    async def get(self, document_id: str) -> D | None:
        """Returns the document with this id, or None."""

    @abstractmethod
    async def find_one(self, query: Filter, *, sort: Sort = ()) -> D | None:
        """Returns the first match in sort order, or None."""

    @abstractmethod
    async def find(self, query: Filter, *, sort: Sort = (), limit: int = LARGEST_PAGE) -> list[D]:
        """Returns at most `limit` matches in sort order (then by id)."""

    @abstractmethod
    async def page(self, query: Filter, *, sort: Sort = (), limit: int = 20, cursor: str | None = None) -> Page[D]:
        """Returns one page of the matches. Raises InvalidCursor for a cursor of another list or a broken one."""

    @abstractmethod
    async def search(
        self, text: str, query: Filter, *, sort: Sort = (), limit: int = 20, cursor: str | None = None
    ) -> SearchPage[D]:
        """Returns one page of the documents that match `query` and contain the words of `text`.

        Without `sort` the best match comes first; with it, that order. Text without any word finds nothing. Raises
        InvalidCursor.
        """

    @abstractmethod
    async def count(self, query: Filter, *, at_most: int | None = None) -> int:
        """Returns how many documents match; the counting stops at `at_most`."""

    @abstractmethod
    async def group(self, query: Filter, *, by: str | None = None, sums: Sequence[str] = ()) -> list[Group]:
        """Counts the matches by the value of a scalar field and sums number fields; ordered by key, null first.

        The field is of texts, whole numbers, truth values or an enum. Sums of floats may differ in the last digit from
        engine to engine; a sum of whole numbers beyond 64 bits is refused with UnsupportedQuery.
        """

    @abstractmethod
    async def update_one(self, query: Filter, update: Update) -> bool:
        """Changes the first match (lowest id). Returns whether there was one. Raises UniqueViolation."""

    @abstractmethod
    async def update_many(self, query: Filter, update: Update) -> int:
        """Changes every match, as one unit. Returns how many there were. Raises UniqueViolation."""

    @abstractmethod
    async def find_and_update(
        self, query: Filter, update: Update, *, sort: Sort = (), insert: D | None = None
    ) -> D | None:
        """Changes the first match in sort order and returns it as it is after the change.

        When nothing matches, `insert` (if given) is stored as it is and returned, in the same atomic step; else None.
        Two concurrent calls never change the same document twice from the same state. Raises UniqueViolation.
        """

    @abstractmethod
    async def replace(self, document: D) -> D:
        """Stores `document` over the one with its id if the versions agree; returns it with the version added 1.

        Raises VersionConflict when the stored one has another version or is gone, UniqueViolation.
        """

    @abstractmethod
    async def delete_one(self, query: Filter) -> bool:
        """Removes the first match (lowest id). Returns whether there was one."""

    @abstractmethod
    async def delete_many(self, query: Filter) -> int:
        """Removes every match, as one unit. Returns how many there were."""

    @abstractmethod
    async def explain(self, query: Filter, *, sort: Sort = (), limit: int | None = 20) -> Plan:
        """Returns how the engine would run `find` with these arguments, without running it.

        Without a `limit`: how it would find all matches in any order, as `count`, `group`, `update_many` and
        `delete_many` do.
        """


class Database(ABC):
    """A connection to a database that holds the academy's collections."""

    @abstractmethod
    async def connect(self) -> None:
        """Opens the connection, retrying with exponential back-off and jitter within the limits of the settings.

        Raises DatabaseUnavailable when the limit is reached.
        """

    @abstractmethod
    async def disconnect(self) -> None:
        """Finishes running work and closes the connection. Safe to call twice."""

    @property
    @abstractmethod
    def is_connected(self) -> bool:
        """Whether `connect` succeeded and `disconnect` was not called since."""

    @abstractmethod
    def collection(self, document_type: type[D]) -> Collection[D]:
        """Returns the collection of a document class. Cheap; may be called before `connect`."""

    @abstractmethod
    async def create_indexes(self, document_types: Sequence[type[Document]]) -> None:
        """Makes collections, validators, indexes and search indexes so that they equal what the classes declare.

        Idempotent and safe in several processes at once; indexes that are no longer declared are removed.
        """

    @abstractmethod
    async def transaction(self, work: Callable[[], Awaitable[T]]) -> T:
        """Runs `work` as one transaction and returns its answer; runs it again when it lost a race with another one.

        Joins the open transaction of the current task, if any; then the outermost one retries. `work` may run several
        times, so all its effects must go through this database or `after_commit`. Raises DatabaseUnavailable when
        retries do not help.
        """

    @abstractmethod
    def after_commit(self, callback: Callable[[], Awaitable[object]]) -> None:
        """Runs `callback` after the open transaction commits; schedules it at once when none is open."""

    @abstractmethod
    async def stats(self) -> DatabaseStats:
        """Returns figures of the connection and of each collection."""

    @abstractmethod
    async def health_check(self, *, timeout_seconds: float = 2.0) -> Health:
        """Reads and answers within the time limit; never raises."""

    @abstractmethod
    async def clear_database(self, *, confirm: str) -> None:
        """Removes every document of every collection. `confirm` must be the database's name.

        Raises ForbiddenError in production or when `confirm` is another text.
        """
