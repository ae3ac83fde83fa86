"""Turns checked queries into SQL. Values are always bound, names come from the document classes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeGuard

import msgspec

from academy.infrastructure.database.checker import SortKey
from academy.infrastructure.database.document import Document
from academy.infrastructure.database.errors import UnsupportedQuery
from academy.infrastructure.database.fields import Field, declared_field
from academy.infrastructure.database.sqlite_schema import column, json_path, list_table, quoted

Bound = list[object]
_OPERATORS = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}


def time_text(moment: datetime) -> str:
    """Returns a time as SQLite keeps it: fixed length, so that texts sort as the times do."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00").zfill(23) + "Z"


def bindable(value: object) -> object:
    """Returns a plain stored value as SQLite compares it."""
    if isinstance(value, datetime):
        return time_text(value)
    return int(value) if isinstance(value, bool) else value


class Queries:
    """Makes conditions and orders for one document class."""

    def __init__(self, document_type: type[Document], lists: Sequence[str]) -> None:
        self._type = document_type
        self._lists = frozenset(lists)

    def where(self, query: Mapping[str, object]) -> tuple[str, Bound]:
        """Returns the condition for a checked filter, and its values."""
        bound: Bound = []
        return self._all(query, "body", "", bound), bound

    def _all(self, query: Mapping[str, object], source: str, prefix: str, bound: Bound) -> str:
        parts: list[str] = []
        for key, condition in query.items():
            if key in ("$and", "$or") and isinstance(condition, list):
                joined = f" {key[1:].upper()} ".join(self._all(part, source, prefix, bound) for part in condition)
                parts.append(f"({joined})")
            else:
                parts.append(self._field(key, condition, source, prefix, bound))
        return " AND ".join(parts) if parts else "1"

    def _field(self, path: str, condition: object, source: str, prefix: str, bound: Bound) -> str:
        field = declared_field(self._type, f"{prefix}{path}")
        operators = condition if _is_operators(condition) else {"$eq": condition}
        parts = [self._operator(field, path, name, value, source, bound) for name, value in operators.items()]
        return f"({' AND '.join(parts)})" if len(parts) > 1 else parts[0]

    def _operator(self, field: Field, path: str, name: str, value: object, source: str, bound: Bound) -> str:
        match name:
            case "$ne" if value is None and not field.lists:
                # In the words by which SQLite knows what a partial index holds.
                return f"{column(path, source)} IS NOT NULL"
            case "$ne":
                return self._negated(field, path, "$eq", value, source, bound)
            case "$nin":
                return self._negated(field, path, "$in", value, source, bound)
            case "$not":
                inner = self._field(path, value, source, field.path.removesuffix(path), bound)
                return f"NOT ifnull({inner}, 0)"
            case "$all" if isinstance(value, list):
                return "(" + " AND ".join(self._any(field, path, "$eq", one, source, bound) for one in value) + ")"
        return self._any(field, path, name, value, source, bound)

    def _negated(self, field: Field, path: str, name: str, value: object, source: str, bound: Bound) -> str:
        return f"NOT ifnull({self._any(field, path, name, value, source, bound)}, 0)"

    def _any(self, field: Field, path: str, name: str, value: object, source: str, bound: Bound) -> str:
        """A positive condition: true when the field, or any element on the way to it, fulfils it."""
        before = field.path.count(".") - path.count(".")
        depths = [depth - before for depth in field.lists if depth > before]
        if not depths or name == "$exists":
            return self._plain(column(path, source), source, path, name, value, bound)
        if source == "body" and name in ("$eq", "$in") and field.path in self._lists:
            side = quoted(list_table(self._type.__collection__, field.path))
            values = value if isinstance(value, list) else [value]
            bound.extend(bindable(one) for one in values)
            marks = ", ".join("?" * len(values)) or "NULL"
            return f"number IN (SELECT number FROM {side} WHERE value IN ({marks}))"  # noqa: S608
        names = path.split(".")
        head, rest = ".".join(names[: depths[0]]), ".".join(names[depths[0] :])
        alias = f"element{before}_{len(bound)}"
        each = f"json_each({source},{json_path(head)}) AS {alias}"
        if rest:
            deeper = self._any(field, rest, name, value, f"{alias}.value", bound)
        elif name == "$elemMatch" and isinstance(value, Mapping):
            deeper = self._all(value, f"{alias}.value", f"{field.path}.", bound)
        else:
            deeper = self._plain(f"{alias}.value", "", "", name, value, bound)
        return f"EXISTS (SELECT 1 FROM {each} WHERE {deeper})"  # noqa: S608 - names are declared

    def _plain(self, expression: str, source: str, path: str, name: str, value: object, bound: Bound) -> str:
        if name == "$exists":
            kind = f"json_type({source},{json_path(path)})" if path != "id" else "'text'"
            return f"{kind} IS {'NOT ' if value else ''}NULL"
        if name == "$in" and isinstance(value, list):
            present = [one for one in value if one is not None]
            marks = f"{expression} IN ({', '.join(_mark(one, bound) for one in present)})"
            return f"({marks} OR {expression} IS NULL)" if len(present) < len(value) else marks
        if value is None:
            return f"{expression} IS NULL"
        operator = "=" if name == "$eq" else _OPERATORS.get(name)
        if operator is None:
            raise UnsupportedQuery(f"{self._type.__collection__}: {name} is not supported")
        return f"{expression} {operator} {_mark(value, bound)}"

    def order(self, keys: Sequence[SortKey]) -> str:
        """Returns the ORDER BY list for a checked sort; the id decides between equals."""
        parts = [column(field) + (" DESC" if descending else "") for field, descending in keys]
        return ", ".join(parts if any(field == "id" for field, _ in keys) else [*parts, "id"])

    def after(self, keys: Sequence[SortKey], values: Sequence[object], last_id: str) -> list[tuple[str, Bound]]:
        """Returns the conditions for what comes after a document in a sort order, and their values.

        There are two when nulls come last: what the second finds stands after all that the first finds. Asked one after
        the other, each enters the index where its part begins.
        """
        steps, bound = self._steps(keys, values, last_id)
        if not keys or values[0] is None:
            return [(steps, bound)]
        (field, descending), value = keys[0], bindable(values[0])
        if not descending:
            return [(f"{column(field)} >= ? AND {steps}", [value, *bound])]
        parts: list[tuple[str, Bound]] = [(f"{column(field)} <= ? AND {steps}", [value, *bound])]
        # Whatever the class declares: a document may be older than the field.
        return parts if field == "id" else [*parts, (f"{column(field)} IS NULL", [])]

    @staticmethod
    def _steps(keys: Sequence[SortKey], values: Sequence[object], last_id: str) -> tuple[str, Bound]:
        bound: Bound = []
        steps: list[str] = []
        plain = [bindable(value) for value in values]
        for number, ((field, descending), value) in enumerate(zip(keys, plain, strict=True)):
            if beyond := _beyond(column(field), value, descending=descending):
                steps.append(" AND ".join([*(f"{column(f)} IS ?" for f, _ in keys[:number]), beyond]))
                bound.extend([*plain[:number], *([value] if value is not None else [])])
        if not any(field == "id" for field, _ in keys):
            steps.append(" AND ".join([*(f"{column(field)} IS ?" for field, _ in keys), "id > ?"]))
            bound.extend([*plain, last_id])
        return f"({' OR '.join(f'({step})' for step in steps) or '0'})", bound


def _mark(value: object, bound: Bound) -> str:
    """Binds a value and returns what stands for it in the statement; structs are compared as JSON texts."""
    if isinstance(value, Mapping):
        bound.append(msgspec.json.encode(stored_json(value)).decode())
        return "json(?)"
    bound.append(bindable(value))
    return "?"


def _is_operators(condition: object) -> TypeGuard[Mapping[str, object]]:
    """Whether a condition is operators, and not a struct to be compared as a whole."""
    return isinstance(condition, Mapping) and next(iter(condition), "").startswith("$")


def _beyond(expression: str, value: object, *, descending: bool) -> str:
    """The condition for values after `value`; null comes before all. "" when nothing does."""
    if descending:
        return "" if value is None else f"({expression} < ? OR {expression} IS NULL)"
    return f"{expression} IS NOT NULL" if value is None else f"{expression} > ?"


def stored_json(value: object) -> object:
    """Returns a stored value as it stands in the JSON body: times as texts of fixed length."""
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, Mapping):
        return {key: stored_json(one) for key, one in value.items()}
    if isinstance(value, list):
        return [stored_json(one) for one in value]
    return value
