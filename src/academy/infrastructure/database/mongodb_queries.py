"""Turns the door's queries, already checked, into MongoDB's."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from academy.infrastructure.database.checker import SortKey
from academy.infrastructure.database.document import Document, Index
from academy.infrastructure.database.mongodb_schema import present, stored_name
from academy.infrastructure.database.values import value_at

Stored = dict[str, object]


class Queries:
    """Makes MongoDB's filters, updates and sorts for one document class."""

    def __init__(self, document_type: type[Document]) -> None:
        self._type = document_type

    def filter(self, query: Mapping[str, object]) -> Stored:
        """Returns MongoDB's filter for a checked one.

        Adds what MongoDB does not conclude by itself: a field that is compared with a value is not null, so that
        indexes with `present` can be used.
        """
        translated = _rename(query)
        hints = [self._present[field] for field in self._present_in(query)]
        return {"$and": [translated, *hints]} if hints else translated

    def update(self, update: Mapping[str, Mapping[str, object]]) -> dict[str, Mapping[str, object]]:
        """Returns MongoDB's update for a checked one; it also adds 1 to the version."""
        changed = dict(update)
        changed["$inc"] = {**update.get("$inc", {}), "version": 1}
        return changed

    def sort(self, keys: Sequence[SortKey], query: Mapping[str, object]) -> list[tuple[str, int]]:
        """Returns MongoDB's sort: the keys, then the id, where these do not make the order whole already."""
        if self._unique_index(_equalities(query)) is not None:
            return []
        order: list[tuple[str, int]] = []
        for field, descending in keys:
            order.append((stored_name(field), -1 if descending else 1))
            if field == "id":
                return order
        sorted_by = {field for field, _ in keys}
        present_in = self._present_in(query)
        whole = any(
            index.unique and set(_plain(index)) <= sorted_by and (not index.present or index.present in present_in)
            for index in self._type.__indexes__
        )
        return order if whole else [*order, ("_id", 1)]

    def pins_one(self, query: Mapping[str, object], document: Mapping[str, object]) -> bool:
        """Whether a unique index forbids that two documents both have the values that `query` asks for.

        Args:
            query: a checked filter.
            document: what is to be inserted when nothing matches; it must have these values, too.
        """
        asked = _equalities(query)
        held = {field: value for field, value in asked.items() if value_at(document, field) == value}
        return self._unique_index(held) is not None

    def _unique_index(self, values: Mapping[str, object]) -> Index | None:
        """Returns a unique index (or the one over ids) all of whose fields have given values."""
        indexes = (Index(fields=("id",), unique=True), *self._type.__indexes__)
        for index in indexes:
            needed = {*_plain(index), index.present} - {""}
            if index.unique and needed <= values.keys():
                return index
        return None

    def _present_in(self, query: Mapping[str, object]) -> list[str]:
        """Returns the fields of conditions of partial indexes that a filter shows not to be null."""
        return [field for field in self._present if field in query and _excludes_null(query[field])]

    @cached_property
    def _present(self) -> dict[str, dict[str, object]]:
        return {i.present: present(self._type, i.present) for i in self._type.__indexes__ if i.present}


def after(keys: Sequence[SortKey], values: Sequence[object], last_id: str) -> Stored:
    """Returns the filter for what comes after a document in a sort order.

    Args:
        keys: the sort.
        values: the document's value for each key.
        last_id: its id, which decides between equals.
    """
    steps: list[Stored] = []
    equal: list[Stored] = []
    for (field, descending), value in zip(keys, values, strict=True):
        name = stored_name(field)
        if beyond := _beyond(name, value, descending=descending):
            steps.append({"$and": [*equal, beyond]})
        equal.append({name: value})
    steps.append({"$and": [*equal, {"_id": {"$gt": last_id}}]})
    rest: Stored = {"$or": steps}
    bound = _from_on(*keys[0], values[0]) if keys else None
    return {"$and": [bound, rest]} if bound else rest


def _beyond(name: str, value: object, *, descending: bool) -> Stored | None:
    """Returns the filter for values after `value`; null comes before all. None when nothing does."""
    if descending:
        return None if value is None else {"$or": [{name: {"$lt": value}}, {name: None}]}
    return {name: {"$ne": None}} if value is None else {name: {"$gt": value}}


def _from_on(field: str, descending: bool, value: object) -> Stored | None:
    """Returns a plain bound on the first sort key, by which MongoDB enters its index where the page begins."""
    name = stored_name(field)
    if value is None:
        return {name: None} if descending else None
    return {name: {"$not": {"$gt": value}}} if descending else {name: {"$gte": value}}


def _rename(query: Mapping[str, object]) -> Stored:
    renamed: Stored = {}
    for key, value in query.items():
        if key in {"$and", "$or"} and isinstance(value, Sequence):
            renamed[key] = [_rename(part) for part in value]
        else:
            renamed[stored_name(key)] = value
    return renamed


def _equalities(query: Mapping[str, object]) -> dict[str, object]:
    """Returns the fields that a filter fixes to one value other than null."""
    fixed: dict[str, object] = {}
    for field, condition in query.items():
        value = condition.get("$eq") if isinstance(condition, Mapping) else condition
        if not field.startswith("$") and value is not None:
            fixed[field] = value
    return fixed


def _excludes_null(condition: object) -> bool:
    if not isinstance(condition, Mapping):
        return condition is not None
    for operator, value in condition.items():
        if operator in {"$gt", "$gte", "$lt", "$lte"} or (operator == "$eq" and value is not None):
            return True
        if operator == "$ne" and value is None:
            return True
        if operator == "$in" and isinstance(value, Sequence) and None not in value:
            return True
    return False


def _plain(index: Index) -> list[str]:
    return [field.lstrip("-") for field in index.fields]
