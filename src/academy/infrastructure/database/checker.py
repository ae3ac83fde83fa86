"""Checks queries against the declared subset and the fields a document class declares; both engines ask it first."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise

import msgspec
from msgspec import inspect

from academy.infrastructure.database import cursors
from academy.infrastructure.database.document import Document
from academy.infrastructure.database.errors import InvalidCursor, UnsupportedQuery
from academy.infrastructure.database.fields import Field, declared_field
from academy.infrastructure.database.values import fields_of, fits, stored_value, value_at

_COMPARISONS = frozenset({"$eq", "$ne", "$gt", "$gte", "$lt", "$lte"})
_ORDERED = frozenset({"$gt", "$gte", "$lt", "$lte"})
_LISTS = frozenset({"$in", "$nin", "$all"})
_UPDATES = frozenset({"$set", "$unset", "$inc", "$min", "$max", "$push", "$pull", "$addToSet", "$setOnInsert"})
# What these would make of null differs from engine to engine, or is nothing.
_NOT_ON_NULL = frozenset({"$inc", "$min", "$push", "$pull", "$addToSet"})
# What a group's key can be, and what can be summed.
_GROUPED = (inspect.StrType, inspect.IntType, inspect.BoolType, inspect.EnumType, inspect.LiteralType)
_SUMMED = (inspect.IntType, inspect.FloatType)
# SQLite takes 32,766 values and 1,000 conditions in one statement; a query that nears that wants another design.
_MOST_VALUES = 10_000
_MOST_PARTS = 500

SortKey = tuple[str, bool]  # field path, descending


class Checker:
    """Turns the queries of repositories into checked ones with stored values: enums as their values, Structs as dicts.

    Times stay datetimes, in UTC and whole milliseconds.
    """

    def __init__(self, document_type: type[Document]) -> None:
        self._type = document_type

    def filter(self, query: Mapping[str, object]) -> dict[str, object]:
        """Returns the checked filter. Raises UnsupportedQuery."""
        checked: dict[str, object] = {}
        for key, condition in query.items():
            if key in ("$and", "$or"):
                if not isinstance(condition, list | tuple) or not 0 < len(condition) <= _MOST_PARTS:
                    raise self._refuse(f"{key} takes a list of 1 to {_MOST_PARTS} filters")
                checked[key] = [self.filter(part) for part in condition]
            elif key.startswith("$"):
                raise self._refuse(f"there is no {key} here")
            else:
                checked[key] = self._condition(declared_field(self._type, key), condition)
        return checked

    def _condition(self, field: Field, condition: object) -> object:
        if not isinstance(condition, Mapping):
            return self._value(field, condition)
        if not condition or not all(isinstance(name, str) and name.startswith("$") for name in condition):
            raise self._refuse(f"{field.path} takes a value or operators, not a dict")
        return {operator: self._operand(field, operator, operand) for operator, operand in condition.items()}

    def _operand(self, field: Field, operator: str, operand: object) -> object:
        if operator in _COMPARISONS:
            if operator in _ORDERED and (operand is None or field.holds_structs):
                raise self._refuse(f"{field.path}: {operator} compares plain values")
            return self._value(field, operand)
        if operator in _LISTS:
            if not isinstance(operand, list | tuple | set | frozenset) or (operator == "$all" and not operand):
                raise self._refuse(f"{operator} takes a list")
            if len(operand) > _MOST_VALUES:
                raise self._refuse(f"{operator} takes at most {_MOST_VALUES} values, not {len(operand)}")
            return [self._value(field, one) for one in operand]
        if operator == "$exists" and isinstance(operand, bool) and not field.is_below_list:
            return operand
        if operator == "$not" and isinstance(operand, Mapping):
            return self._condition(field, operand)
        if operator == "$elemMatch" and isinstance(operand, Mapping) and field.is_list:
            return self._elements(field, operand)
        raise self._refuse(f"{field.path}: {operator} is not supported with {operand!r}")

    def _elements(self, field: Field, query: Mapping[str, object]) -> dict[str, object]:
        if not query or any(key.startswith("$") for key in query):
            raise self._refuse(f"{field.path}: $elemMatch takes conditions on the fields of an element")
        return {
            key: self._condition(declared_field(self._type, f"{field.path}.{key}"), part) for key, part in query.items()
        }

    def update(self, update: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, object]]:
        """Returns the checked update. Raises UnsupportedQuery."""
        checked: dict[str, dict[str, object]] = {}
        touched: list[str] = []
        for operator, fields in update.items():
            if operator not in _UPDATES or not isinstance(fields, Mapping):
                raise self._refuse(f"there is no update {operator}")
            checked[operator] = {}
            for path, operand in fields.items():
                if path in ("id", "version"):
                    raise self._refuse(f"{path} is the engine's to change")
                touched.append(path)
                checked[operator][path] = self._change(declared_field(self._type, path), operator, operand)
        ordered = sorted(touched)
        if any(b == a or b.startswith(f"{a}.") for a, b in pairwise(ordered)):
            raise self._refuse("an update changes the same place twice")
        if not touched:
            raise self._refuse("an update needs a change")
        return checked

    def _change(self, field: Field, operator: str, operand: object) -> object:
        if field.is_below_list:
            raise self._refuse(f"{field.path}: a field inside a list cannot be updated by name; set the list")
        if self._below_null(field):
            raise self._refuse(f"{field.path}: what holds it may be null; set that as a whole")
        if operator in _NOT_ON_NULL and field.nullable:
            raise self._refuse(f"{field.path}: {operator} needs a field that cannot be null")
        if operator in ("$set", "$setOnInsert"):
            return self._whole(field, operand)
        if operator == "$unset":
            if field.required or not (field.nullable or self._in_dict(field)):
                raise self._refuse(f"{field.path} cannot be unset: it has to have a value")
            return ""
        if operator in ("$push", "$pull", "$addToSet"):
            return self._list_change(field, operator, operand)
        if operator == "$inc" and (isinstance(operand, bool) or not isinstance(operand, int | float)):
            raise self._refuse(f"{field.path}: $inc takes a number")
        if operand is None or not field.is_scalar:
            raise self._refuse(f"{field.path}: {operator} needs a plain field and a value")
        return self._value(field, operand)

    def _list_change(self, field: Field, operator: str, operand: object) -> object:
        if not field.is_list:
            raise self._refuse(f"{field.path}: {operator} needs a list")
        if operator == "$push" and isinstance(operand, Mapping) and "$each" in operand:
            each, limit = operand["$each"], operand.get("$slice")
            is_slice = limit is None or (isinstance(limit, int) and not isinstance(limit, bool))
            if not isinstance(each, list) or not is_slice or set(operand) - {"$each", "$slice"}:
                raise self._refuse(f"{field.path}: $push takes $each and $slice")
            checked: dict[str, object] = {"$each": [self._value(field, one) for one in each]}
            return checked if limit is None else {**checked, "$slice": limit}
        return self._value(field, operand)

    def _below_null(self, field: Field) -> bool:
        names = field.path.split(".")
        return any(declared_field(self._type, ".".join(names[:depth])).nullable for depth in range(1, len(names)))

    def _in_dict(self, field: Field) -> bool:
        parent, _, _ = field.path.rpartition(".")
        return bool(parent) and any(
            isinstance(kind, inspect.DictType) for kind in declared_field(self._type, parent).types
        )

    def sort(self, sort: Sequence[str]) -> list[SortKey]:
        """Returns the sort as (field, descending). Raises UnsupportedQuery."""
        keys = [(key.removeprefix("-"), key.startswith("-")) for key in sort]
        if len({field for field, _ in keys}) < len(keys):
            raise self._refuse("a sort names a field twice")
        for field, _ in keys:
            if not declared_field(self._type, field).is_scalar:
                raise self._refuse(f"{field} cannot be sorted by: it is not one plain value")
        return keys

    def sort_values(self, keys: Sequence[SortKey], stored: Mapping[str, object]) -> list[object]:
        """Returns what a stored document is sorted by. Its times may be texts, as SQLite keeps them."""
        values = []
        for field, _ in keys:
            value = value_at(stored, field)
            is_time = isinstance(value, str) and self._holds(field, inspect.DateTimeType)
            values.append(msgspec.convert(value, datetime) if is_time else value)
        return values

    def limit(self, limit: int) -> int:
        """Returns `limit`. Raises UnsupportedQuery when it is below 1."""
        if limit < 1:
            raise self._refuse(f"a limit is at least 1, not {limit}")
        return limit

    def grouped(self, path: str) -> str:
        """Returns `path` when documents can be grouped by it. Raises UnsupportedQuery."""
        return self._plain(path, _GROUPED, "grouped by")

    def summed(self, path: str) -> str:
        """Returns `path` when it names numbers. Raises UnsupportedQuery."""
        return self._plain(path, _SUMMED, "summed")

    def is_float(self, path: str) -> bool:
        """Whether the field may hold numbers with a fraction."""
        return self._holds(path, inspect.FloatType)

    def is_bool(self, path: str) -> bool:
        """Whether the field holds truth values."""
        return self._holds(path, inspect.BoolType)

    def _holds(self, path: str, kind: type[inspect.Type]) -> bool:
        return any(isinstance(one, kind) for one in declared_field(self._type, path).types)

    def _plain(self, path: str, kinds: tuple[type[inspect.Type], ...], use: str) -> str:
        field = declared_field(self._type, path)
        if not field.is_scalar or not all(isinstance(kind, kinds) for kind in field.types):
            raise self._refuse(f"{path} cannot be {use}")
        return path

    def document(self, document: Document) -> dict[str, object]:
        """Returns a document as it is stored. Raises UnsupportedQuery when it is not what its class declares."""
        try:
            declared = msgspec.convert(fields_of(document), self._type)
        except msgspec.ValidationError as error:
            raise self._refuse(f"this does not have the shape that the class declares: {error}") from error
        stored = stored_value(declared)
        assert isinstance(stored, dict)  # noqa: S101 - a document is a Struct
        return stored

    def read_cursor(self, cursor: str, keys: Sequence[SortKey]) -> tuple[list[object], str]:
        """Returns the sort values and the id a cursor holds. Raises InvalidCursor."""
        values, last_id = cursors.read(cursor, self.list_name(keys), len(keys))
        for (path, _), value in zip(keys, values, strict=True):
            if value is not None and not self._may_hold(path, value):
                raise InvalidCursor
        return values, last_id

    def _may_hold(self, path: str, value: object) -> bool:
        try:
            stored = stored_value(value)
        except UnsupportedQuery:
            return False
        return any(fits(kind, stored) for kind in declared_field(self._type, path).types)

    def write_cursor(self, keys: Sequence[SortKey], values: Sequence[object], last_id: str) -> str:
        """Returns the cursor of a page's last document."""
        return cursors.write(self.list_name(keys), values, last_id)

    def list_name(self, keys: Sequence[SortKey]) -> str:
        """Returns the name that cursors of this list are known by."""
        return ",".join([self._type.__collection__, *(f"{'-' if down else ''}{field}" for field, down in keys)])

    def _value(self, field: Field, value: object) -> object:
        """Checks one value of the field: an element, when the field is a list."""
        if value is None:
            if field.lists:
                raise self._refuse(f"{field.path}: None cannot be compared inside a list")
            return None
        stored = stored_value(value)
        for kind in field.types:
            if fits(kind, stored):
                if isinstance(kind, inspect.StructType):
                    # With its defaults and in the order of its class: stored structs are compared as a whole.
                    return stored_value(msgspec.convert(stored, kind.cls))
                return float(stored) if isinstance(kind, inspect.FloatType) else stored  # type: ignore[arg-type]
        raise self._refuse(f"{field.path} cannot hold {value!r}")

    def _whole(self, field: Field, value: object) -> object:
        """Checks a value that replaces the field: a list, when the field is a list."""
        if value is None and field.nullable:
            return None
        if field.is_list:
            if not isinstance(value, list | tuple):
                raise self._refuse(f"{field.path} takes a list")
            return [self._value(field, one) for one in value]
        if value is None:
            raise self._refuse(f"{field.path} may not be null")
        return self._value(field, value)

    def _refuse(self, text: str) -> UnsupportedQuery:
        return UnsupportedQuery(f"{self._type.__collection__}: {text}")
