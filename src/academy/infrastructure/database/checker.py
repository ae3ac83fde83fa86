"""Checks queries against the declared subset and the fields a document class declares; both engines ask it first."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import lru_cache
from itertools import pairwise

import msgspec
from msgspec import inspect

from academy.infrastructure.database import cursors
from academy.infrastructure.database.document import Document
from academy.infrastructure.database.errors import UnsupportedQuery
from academy.kit.clock import to_milliseconds

_COMPARISONS = frozenset({"$eq", "$ne", "$gt", "$gte", "$lt", "$lte"})
_ORDERED = frozenset({"$gt", "$gte", "$lt", "$lte"})
_LISTS = frozenset({"$in", "$nin", "$all"})
_UPDATES = frozenset({"$set", "$unset", "$inc", "$min", "$max", "$push", "$pull", "$addToSet", "$setOnInsert"})
# What these would make of null differs from engine to engine, or is nothing.
_NOT_ON_NULL = frozenset({"$inc", "$min", "$push", "$pull", "$addToSet"})
_GREATEST_INT = (1 << 63) - 1

SortKey = tuple[str, bool]  # field path, descending


class Field:
    """A declared field: the types it may have and the places on the way to it that hold lists.

    Attributes:
        path: dotted path.
        types: possible types, None apart, lists replaced by those of their elements.
        nullable: whether None is one of them.
        required: whether a document cannot be read without it.
        lists: lengths (in names) of the prefixes of the path that are lists; the full length when the field is one.
    """

    def __init__(
        self, path: str, types: list[inspect.Type], *, nullable: bool, required: bool, lists: list[int]
    ) -> None:
        self.path = path
        self.types = types
        self.nullable = nullable
        self.required = required
        self.lists = lists

    @property
    def is_list(self) -> bool:
        """Whether the field itself is a list."""
        return len(self.path.split(".")) in self.lists

    @property
    def is_below_list(self) -> bool:
        """Whether the field stands in the elements of a list."""
        return any(depth < len(self.path.split(".")) for depth in self.lists)

    @property
    def is_scalar(self) -> bool:
        """Whether the field is one plain value, not in any list."""
        return not self.lists and not any(isinstance(t, inspect.StructType | inspect.DictType) for t in self.types)


@lru_cache(maxsize=4096)
def declared_field(document_type: type[Document], path: str) -> Field:
    """Returns what the class declares at a dotted path. Raises UnsupportedQuery when it declares nothing there."""
    kinds, nullable, is_list = _members(inspect.type_info(document_type))
    required = True
    lists: list[int] = []
    for depth, name in enumerate(path.split("."), start=1):
        found = [t for kind in kinds if (t := _child(kind, name)) is not None]
        if not found or not name or name.startswith("$") or "\0" in name:
            raise UnsupportedQuery(f"{document_type.__collection__}: the class declares no field {path!r}")
        (kinds, nullable, is_list), required = _members(found[0][0]), found[0][1]
        if is_list:
            lists.append(depth)
    return Field(path, kinds, nullable=nullable, required=required, lists=lists)


def _child(kind: inspect.Type, name: str) -> tuple[inspect.Type, bool] | None:
    """Returns the type of a field or entry, and whether it is required; None when there is no such field."""
    if isinstance(kind, inspect.StructType):
        return next(((field.type, field.required) for field in kind.fields if field.encode_name == name), None)
    return (kind.value_type, False) if isinstance(kind, inspect.DictType) else None


def _members(kind: inspect.Type) -> tuple[list[inspect.Type], bool, bool]:
    """Returns (types without None, whether None is among them, whether it is a list); of a list, its elements' types."""
    if isinstance(kind, inspect.Metadata):
        return _members(kind.type)
    if isinstance(kind, inspect.ListType):
        return _members(kind.item_type)[0], False, True
    if isinstance(kind, inspect.UnionType):
        parts = [_members(member) for member in kind.types]
        types = [one for part in parts for one in part[0]]
        return types, any(part[1] for part in parts), any(part[2] for part in parts)
    if isinstance(kind, inspect.NoneType):
        return [], True, False
    return [kind], False, False


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
                if not isinstance(condition, Sequence) or isinstance(condition, str) or not condition:
                    raise self._refuse(f"{key} takes a list of filters")
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
            if operator in _ORDERED and operand is None:
                raise self._refuse(f"{operator} compares with a value, not with None")
            return self._value(field, operand)
        if operator in _LISTS:
            if not isinstance(operand, list | tuple | set | frozenset) or (operator == "$all" and not operand):
                raise self._refuse(f"{operator} takes a list")
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
            if (
                not isinstance(each, list)
                or not (limit is None or isinstance(limit, int))
                or set(operand)
                - {
                    "$each",
                    "$slice",
                }
            ):
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

    def plain_field(self, path: str) -> str:
        """Returns `path` when it names one plain value. Raises UnsupportedQuery."""
        if not declared_field(self._type, path).is_scalar:
            raise self._refuse(f"{path} is not one plain value")
        return path

    def read_cursor(self, cursor: str, keys: Sequence[SortKey]) -> tuple[list[object], str]:
        """Returns the sort values and the id a cursor holds. Raises InvalidCursor."""
        return cursors.read(cursor, self._list_name(keys), len(keys))

    def write_cursor(self, keys: Sequence[SortKey], values: Sequence[object], last_id: str) -> str:
        """Returns the cursor of a page's last document."""
        return cursors.write(self._list_name(keys), values, last_id)

    def _list_name(self, keys: Sequence[SortKey]) -> str:
        return ",".join([self._type.__collection__, *(f"{'-' if down else ''}{field}" for field, down in keys)])

    def _value(self, field: Field, value: object) -> object:
        """Checks one value of the field: an element, when the field is a list."""
        if value is None:
            if field.lists:
                raise self._refuse(f"{field.path}: None cannot be compared inside a list")
            return None
        stored = stored_value(value)
        for kind in field.types:
            if _fits(kind, stored):
                if isinstance(kind, inspect.StructType):
                    # With its defaults and in the order of its class: stored structs are compared as a whole.
                    return stored_value(msgspec.convert(stored, kind.cls))
                return stored
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


def stored_value(value: object) -> object:
    """Returns a value as documents hold it: enums as values, Structs as dicts, times in UTC whole milliseconds."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        try:
            return to_milliseconds(value)
        except ValueError as error:
            raise UnsupportedQuery("a time needs a zone") from error
    if isinstance(value, msgspec.Struct):
        return stored_value(msgspec.to_builtins(value, builtin_types=(datetime,)))
    if isinstance(value, Mapping):
        return {_stored_name(str(key)): stored_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [stored_value(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise UnsupportedQuery(f"documents cannot hold {value}")
    if isinstance(value, int) and not -_GREATEST_INT <= value <= _GREATEST_INT:
        raise UnsupportedQuery("documents hold integers of up to 64 bits")
    return value


def _stored_name(name: str) -> str:
    if "\0" in name:
        raise UnsupportedQuery("the name of a field cannot hold NUL")
    return name


def _fits(kind: inspect.Type, value: object) -> bool:
    match kind:
        case inspect.StrType():
            return isinstance(value, str)
        case inspect.IntType() | inspect.FloatType() | inspect.BoolType():
            return _is_number(kind, value)
        case inspect.DateTimeType():
            return isinstance(value, datetime)
        case inspect.EnumType():
            return isinstance(value, str) and value in {member.value for member in kind.cls}
        case inspect.LiteralType():
            return value in kind.values
        case inspect.StructType() | inspect.DictType():
            return _is_convertible(value, kind.cls if isinstance(kind, inspect.StructType) else dict)
    return False


def _is_number(kind: inspect.Type, value: object) -> bool:
    if isinstance(value, bool) or isinstance(kind, inspect.BoolType):
        return isinstance(value, bool) and isinstance(kind, inspect.BoolType)
    if isinstance(kind, inspect.FloatType):
        return isinstance(value, int | float)
    return isinstance(value, int) and -_GREATEST_INT <= value <= _GREATEST_INT


def _is_convertible(value: object, target: type) -> bool:
    try:
        msgspec.convert(value, target)
    except msgspec.ValidationError:
        return False
    return True
