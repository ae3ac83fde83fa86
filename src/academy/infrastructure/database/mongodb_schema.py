"""What MongoDB is told about a document class: its validator and its indexes, made from the Struct."""

import math
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from msgspec import inspect

from academy.infrastructure.database.document import Document, Index
from academy.infrastructure.database.errors import UnsupportedQuery
from academy.infrastructure.database.fields import declared_field, index_fields

# Hidden field with the search words of a document, and the index over it.
SEARCH_FIELD = "_search"

_SIMPLE: dict[type[inspect.Type], list[str]] = {
    inspect.StrType: ["string"],
    inspect.IntType: ["int", "long"],
    inspect.BoolType: ["bool"],
    inspect.DateTimeType: ["date"],
    inspect.NoneType: ["null"],
}

# The smallest value of each type. A partial index whose condition is "at least the smallest" holds every value but
# null, and unlike one that asks for a `$type`, MongoDB uses it for equality without being told.
_SMALLEST: dict[type[inspect.Type], object] = {
    inspect.StrType: "",
    inspect.EnumType: "",
    inspect.IntType: -math.inf,
    inspect.FloatType: -math.inf,
    inspect.BoolType: False,
    inspect.DateTimeType: datetime.min.replace(tzinfo=UTC),
    inspect.StructType: {},
    inspect.DictType: {},
}


class IndexPlan(NamedTuple):
    """An index as MongoDB's `createIndexes` takes it and `listIndexes` shows it."""

    name: str
    key: tuple[tuple[str, int], ...]
    unique: bool
    condition: Mapping[str, object]

    def command(self) -> dict[str, object]:
        """Returns the description for `createIndexes`."""
        description: dict[str, object] = {"name": self.name, "key": dict(self.key)}
        if self.unique:
            description["unique"] = True
        if self.condition:
            description["partialFilterExpression"] = dict(self.condition)
        return description


def validator(document_type: type[Document], *, search_note: str = "") -> dict[str, object]:
    """Returns the validator of a collection: exactly the declared fields, each of its declared type.

    Args:
        document_type: the class.
        search_note: stands in the validator's text in place of the names of the searched fields, by which the stored
            search words are known to be those of the declaration.
    """
    fields = _struct_type(document_type).fields
    properties = {stored_name(field.encode_name): _schema(field.type) for field in fields}
    if document_type.__search__:
        note = search_note or "words of " + ", ".join(searched.field for searched in document_type.__search__)
        properties[SEARCH_FIELD] = {"bsonType": "array", "items": {"bsonType": "string"}, "description": note}
    required = ["_id", *(field.encode_name for field in fields if field.required)]
    return {"$jsonSchema": _object(properties, required)}


def index_plans(document_type: type[Document]) -> list[IndexPlan]:
    """Returns the indexes that a class declares, and the one for its search words."""
    plans = [_index_plan(document_type, index) for index in document_type.__indexes__]
    if document_type.__search__:
        plans.append(IndexPlan(SEARCH_FIELD, ((SEARCH_FIELD, 1), ("_id", -1)), unique=False, condition={}))
    return plans


def present(document_type: type[Document], field: str) -> dict[str, object]:
    """Returns the condition under which `field` is not null. Raises UnsupportedQuery for a list."""
    declared = declared_field(document_type, field)
    kinds = {type(kind) for kind in declared.types}
    smallest = _SMALLEST.get(next(iter(kinds))) if len(kinds) == 1 else None
    if smallest is None or declared.lists:
        raise UnsupportedQuery(f"{document_type.__collection__}: `present` needs a field of one type, not {field}")
    return {stored_name(field): {"$gte": smallest}}


def stored_name(path: str) -> str:
    """Returns the name of a field in MongoDB's documents."""
    return "_id" if path == "id" else path


def _index_plan(document_type: type[Document], index: Index) -> IndexPlan:
    fields = [field.path for field in index_fields(document_type, index)]
    ways = [-1 if field.startswith("-") else 1 for field in index.fields]
    key = [(stored_name(field), way) for field, way in zip(fields, ways, strict=True)]
    if not index.unique and all(name != "_id" for name, _ in key):
        # Every sort ends with the id; an index that ends with it, too, gives the whole order.
        key.append(("_id", 1))
    condition = present(document_type, index.present) if index.present else {}
    return IndexPlan(index.label, tuple(key), index.unique, condition)


def _struct_type(document_type: type[Document]) -> inspect.StructType:
    kind = inspect.type_info(document_type)
    if not isinstance(kind, inspect.StructType):
        raise TypeError(f"{document_type} is not a Struct")
    return kind


def _struct(kind: inspect.StructType) -> dict[str, object]:
    properties = {field.encode_name: _schema(field.type) for field in kind.fields}
    if kind.tag_field is not None:
        properties[kind.tag_field] = {"enum": [kind.tag]}
    return _object(properties, [field.encode_name for field in kind.fields if field.required])


def _object(properties: dict[str, dict[str, object]], required: list[str]) -> dict[str, object]:
    schema: dict[str, object] = {"bsonType": "object", "properties": properties, "additionalProperties": False}
    # MongoDB refuses an empty list here.
    return {**schema, "required": required} if required else schema


def _schema(kind: inspect.Type) -> dict[str, object]:
    match kind:
        case inspect.Metadata():
            schema = _schema(kind.type)
        case inspect.UnionType():
            schema = {"anyOf": [_schema(member) for member in kind.types]}
        case inspect.StructType():
            schema = _struct(kind)
        case inspect.ListType():
            schema = {"bsonType": "array", "items": _schema(kind.item_type)}
        case inspect.DictType():
            schema = {"bsonType": "object", "additionalProperties": _schema(kind.value_type)}
        case inspect.EnumType():
            schema = {"enum": [member.value for member in kind.cls]}
        case inspect.LiteralType():
            schema = {"enum": list(kind.values)}
        case inspect.CustomType() if kind.cls is object:
            schema = {}
        case inspect.FloatType():
            # Neither infinite nor NaN.
            greatest = sys.float_info.max
            schema = {"bsonType": ["double", "int", "long"], "minimum": -greatest, "maximum": greatest}
        case _ if type(kind) in _SIMPLE:
            schema = {"bsonType": _SIMPLE[type(kind)]}
        case _:
            raise UnsupportedQuery(f"documents cannot hold {type(kind).__name__}")
    return schema
