"""Values as documents hold them, the same on both engines."""

import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from uuid import UUID

import msgspec
from msgspec import inspect

from academy.infrastructure.database.errors import UnsupportedQuery
from academy.kit.clock import to_milliseconds

GREATEST_INT = (1 << 63) - 1

# Most values are of these types; asking for them first makes documents quick to store.
_PLAIN = frozenset({str, int, bool, type(None)})

# Left as they are when a Struct is taken apart, so that none of them turns into a text unseen.
_UNTOUCHED = (datetime, date, time, timedelta, bytes, bytearray, memoryview, Decimal, UUID)


def stored_value(value: object) -> object:
    """Returns a value as documents hold it: enums as values, Structs as dicts, times in UTC whole milliseconds.

    Raises UnsupportedQuery for what no document can hold.
    """
    if type(value) in _PLAIN:
        return _stored_scalar(value)
    if isinstance(value, Enum):
        return stored_value(value.value)
    if isinstance(value, msgspec.Struct):
        return stored_value(fields_of(value))
    if isinstance(value, Mapping):
        return {_stored_name(name): stored_value(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [stored_value(one) for one in value]
    return _stored_scalar(value)


def fields_of(value: msgspec.Struct) -> object:
    """Returns a Struct as dicts and lists of plain values. Raises UnsupportedQuery for what has no plain form."""
    try:
        return msgspec.to_builtins(value, builtin_types=_UNTOUCHED)
    except (TypeError, ValueError) as error:
        raise UnsupportedQuery(f"documents cannot hold this: {error}") from error


def _stored_scalar(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _stored_text(value)
    if isinstance(value, datetime):
        try:
            return to_milliseconds(value)
        except ValueError as error:
            raise UnsupportedQuery("a time needs a zone") from error
    if isinstance(value, float) and math.isfinite(value):
        # Zero has one sign, so that equal structs are equal as texts.
        return value + 0.0
    if isinstance(value, int) and -GREATEST_INT <= value <= GREATEST_INT:
        return value
    raise UnsupportedQuery(f"documents cannot hold {value!r}")


def _stored_text(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise UnsupportedQuery("a text cannot hold half a character") from error
    return value


def _stored_name(name: object) -> str:
    if not isinstance(name, str) or "\0" in name or name.startswith("$"):
        raise UnsupportedQuery(f"{name!r} cannot be the name of a field")
    return _stored_text(name)


def fits(kind: inspect.Type, value: object) -> bool:
    """Whether a stored value is of a declared type; of a Struct, with all it requires and nothing else."""
    match kind:
        case inspect.Metadata():
            return fits(kind.type, value)
        case inspect.UnionType():
            return any(fits(member, value) for member in kind.types)
        case inspect.ListType():
            return isinstance(value, list) and all(fits(kind.item_type, one) for one in value)
        case inspect.DictType():
            return isinstance(value, Mapping) and all(fits(kind.value_type, one) for one in value.values())
        case inspect.StructType():
            return isinstance(value, Mapping) and _fits_struct(kind, value)
    return _fits_plain(kind, value)


def _fits_struct(kind: inspect.StructType, value: Mapping[str, object]) -> bool:
    fields = {field.encode_name: field for field in kind.fields}
    required = {name for name, field in fields.items() if field.required}
    return required <= value.keys() <= fields.keys() and all(
        fits(fields[name].type, one) for name, one in value.items()
    )


def _fits_plain(kind: inspect.Type, value: object) -> bool:
    match kind:
        case inspect.NoneType():
            fit = value is None
        case inspect.StrType():
            fit = isinstance(value, str)
        case inspect.BoolType():
            fit = isinstance(value, bool)
        case inspect.IntType():
            fit = isinstance(value, int) and not isinstance(value, bool)
        case inspect.FloatType():
            fit = isinstance(value, int | float) and not isinstance(value, bool)
        case inspect.DateTimeType():
            fit = isinstance(value, datetime)
        case inspect.EnumType():
            fit = isinstance(value, str) and value in {member.value for member in kind.cls}
        case inspect.LiteralType():
            fit = value in kind.values
        case _:
            fit = isinstance(kind, inspect.AnyType | inspect.CustomType)
    return fit


def value_at(stored: Mapping[str, object], path: str) -> object:
    """Returns the value at a dotted path through the structs of a stored document; None when there is none."""
    value: object = stored
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
