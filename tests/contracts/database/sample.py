"""Plausible documents of any class, and plausible arguments of any repository method, made from their types."""

import inspect as python
import types
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import cycle, islice
from typing import TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import inspect

from academy.infrastructure.database.document import Document

D = TypeVar("D", bound=Document)
# Of these there are so many, whom several documents name. Pairs of a user and a course are unique for 323 numbers.
_SHARED = {"user": 19, "owner": 19, "actor": 19, "subject": 19, "instructor": 19, "course": 17, "session": 23}

START = datetime(2026, 1, 1, tzinfo=UTC)


def sample(document_type: type[D], number: int) -> D:
    """Returns the document with this number: what belongs together by id does, what must be unique is."""
    declared = inspect.type_info(document_type)
    assert isinstance(declared, inspect.StructType)
    fields = {field.encode_name: _value(field.type, field.name, number) for field in declared.fields}
    return msgspec.convert({**fields, "id": f"{document_type.__collection__}{number}", "version": 1}, document_type)


def _value(kind: inspect.Type, name: str, number: int) -> object:
    match kind:
        case inspect.Metadata():
            value = _value(kind.type, name, number)
        case inspect.UnionType():
            some = [member for member in kind.types if not isinstance(member, inspect.NoneType)]
            value = None if number % 3 == 0 else _value(some[0], name, number)
        case inspect.StructType():
            value = {field.encode_name: _value(field.type, field.name, number) for field in kind.fields}
        case inspect.ListType():
            value = [_value(kind.item_type, name, number)] if number % 2 else []
        case inspect.DictType():
            value = {}
        case inspect.EnumType():
            value = list(kind.cls)[number % len(kind.cls)]
        case inspect.LiteralType():
            value = kind.values[number % len(kind.values)]
        case inspect.DateTimeType():
            value = START + timedelta(minutes=number)
        case inspect.BoolType():
            value = number % 2 == 0
        case inspect.IntType() | inspect.FloatType():
            value = number % 40
        case _:
            value = _text(name, number)
    return value


def _text(name: str, number: int) -> str:
    thing = name.removesuffix("s").removesuffix("_id")
    return f"{thing}{number % _SHARED[thing]}" if thing in _SHARED else f"{name}{number}"


def arguments(
    method: Callable[..., object], known: Mapping[object, Sequence[object]]
) -> list[tuple[list[object], dict[str, object]]]:
    """Returns calls of a method, so many that every plausible value of each parameter is in one.

    Args:
        method: bound or static.
        known: values by "method.parameter", by parameter name or by type, where the type alone does not tell.
    """
    parameters = list(python.signature(method).parameters.values())
    values = [_plausible(method.__name__, parameter, known) for parameter in parameters]
    count = max((len(one) for one in values), default=1)
    rows = zip(*(islice(cycle(one), count) for one in values), strict=True) if values else [()]
    calls: list[tuple[list[object], dict[str, object]]] = []
    for row in rows:
        pairs = list(zip(parameters, row, strict=True))
        keywords = {p.name: value for p, value in pairs if p.kind is p.KEYWORD_ONLY}
        calls.append(([value for p, value in pairs if p.kind is not p.KEYWORD_ONLY], keywords))
    return calls


def _plausible(method: str, parameter: python.Parameter, known: Mapping[object, Sequence[object]]) -> Sequence[object]:
    for key in (f"{method}.{parameter.name}", parameter.name, parameter.annotation):
        if key in known:
            return known[key]
    kind = parameter.annotation
    if isinstance(kind, types.UnionType) or get_origin(kind) is Union:
        members = [member for member in get_args(kind) if member is not type(None)]
        return [None, *_of_type(members[0], parameter.name)]
    return _of_type(kind, parameter.name)


def _of_type(kind: object, name: str) -> Sequence[object]:
    simple: dict[object, Sequence[object]] = {
        str: [_text(name, 7)],
        int: [5],
        float: [5.0],
        bool: [False, True],
        datetime: [START + timedelta(minutes=100)],
        timedelta: [timedelta(minutes=1)],
        dict[str, object]: [{"updated_at": START}],
        Sequence[str]: [["user7", "course7"]],
    }
    if kind in simple:
        return simple[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return list(kind)
    if isinstance(kind, type) and issubclass(kind, Document):
        return [msgspec.structs.replace(sample(kind, 100_001), id="fresh")]
    raise AssertionError(f"what is a plausible {name}: {kind}? Add it to the test's list")
