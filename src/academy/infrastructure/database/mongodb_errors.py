"""Turns what the MongoDB driver raises into the errors of the database door."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from bson.errors import BSONError
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)

from academy.infrastructure.database.document import Index
from academy.infrastructure.database.errors import DatabaseUnavailable, UniqueViolation, UnsupportedQuery
from academy.infrastructure.database.mongodb_schema import stored_name

DUPLICATE_KEY = 11000
DOCUMENT_VALIDATION_FAILURE = 121

# Codes by which a server says that it cannot serve now, or not us: unreachable members, sign-in refused, locks and time
# limits, lost cursors and transactions, write conflicts that it gave up on, elections, shutdown, no room.
# https://www.mongodb.com/docs/manual/reference/error-codes/
UNAVAILABLE = frozenset(
    {6, 7, 13, 18, 24, 43, 50, 64, 89, 91, 100, 112, 134, 175, 189, 202, 237, 246, 251, 262, 290, 317, 365, 391}
    | {8000, 9001, 10058, 10107, 11600, 11602, 13435, 13436, 14031}
)


def is_lost_race(error: PyMongoError) -> bool:
    """Whether running the whole transaction again may help."""
    return error.has_error_label("TransientTransactionError")


def is_unreachable(error: PyMongoError) -> bool:
    """Whether the server did not answer at all, or not in time."""
    return isinstance(error, ConnectionFailure) or error.timeout


@contextmanager
def translated(collection: str = "", indexes: Sequence[Index] = ()) -> Iterator[None]:
    """Raises the door's errors in place of the driver's.

    Args:
        collection: the collection worked on.
        indexes: its declared indexes, by which a violated one is named.
    """
    try:
        yield
    except PyMongoError as error:
        raise translate(error, collection, indexes) from error
    except (BSONError, OverflowError, UnicodeEncodeError) as error:
        # Documents above 16 MB, integers above 64 bits, half surrogates, NUL in a field's name.
        raise UnsupportedQuery(f"{collection}: MongoDB cannot store this value: {error}") from error


def translate(error: PyMongoError, collection: str, indexes: Sequence[Index]) -> Exception:
    """Returns the door's error for one of the driver's."""
    duplicate = _duplicate(error)
    if duplicate is not None:
        return UniqueViolation(collection, violated_index(duplicate, indexes))
    unavailable = isinstance(
        error, ConnectionFailure | ExecutionTimeout | WriteConcernError | InvalidOperation | ConfigurationError
    )
    code = _code(error)
    if unavailable or error.timeout or code in UNAVAILABLE or is_lost_race(error):
        return DatabaseUnavailable(f"{type(error).__name__}: {error}")
    if code == DOCUMENT_VALIDATION_FAILURE:
        return UnsupportedQuery(f"{collection}: this does not have the shape that the class declares: {_why(error)}")
    return UnsupportedQuery(f"{collection}: MongoDB refuses this: {error}")


def violated_index(details: Mapping[str, object], indexes: Sequence[Index]) -> str:
    """Returns the label of the unique index that a server's duplicate-key error is about."""
    pattern = details.get("keyPattern")
    if isinstance(pattern, Mapping):
        fields = tuple(pattern)
        if fields == ("_id",):
            return "_id"
        matching = [i for i in indexes if i.unique and tuple(stored_name(f.lstrip("-")) for f in i.fields) == fields]
        if len(matching) == 1:
            return matching[0].label
    # Two unique indexes over the same fields (they differ in `present`), or none that the class declares.
    named = re.search(r"index: (\S+) dup key", str(details.get("errmsg", "")))
    return named[1] if named else "unknown"


def _duplicate(error: PyMongoError) -> Mapping[str, object] | None:
    if isinstance(error, BulkWriteError):
        first: Sequence[Mapping[str, object]] = error.details.get("writeErrors", [])[:1]
        return next((found for found in first if found.get("code") == DUPLICATE_KEY), None)
    if isinstance(error, DuplicateKeyError) or _code(error) == DUPLICATE_KEY:
        return getattr(error, "details", None) or {}
    return None


def _code(error: PyMongoError) -> int | None:
    if isinstance(error, BulkWriteError):
        return next((found.get("code") for found in error.details.get("writeErrors", [])), None)
    return error.code if isinstance(error, OperationFailure) else None


def _why(error: PyMongoError) -> object:
    details = getattr(error, "details", None) or {}
    return next(iter(details.get("writeErrors", [])), details).get("errInfo", str(error))
