"""JSON schemas of Structs, as the OpenAPI document needs them."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec.inspect import DateTimeType, DictType, ListType, StructType, Type, UnionType, multi_type_info

_REF = "#/components/schemas/{name}"


class Schemas:
    """The schemas of types; those that have a name are in `components`, under it."""

    def __init__(self, types: Iterable[Any]) -> None:
        distinct = list(dict.fromkeys(types))
        schemas, self.components = msgspec.json.schema_components(distinct, schema_hook=_any_json, ref_template=_REF)
        self._schemas = dict(zip(distinct, schemas, strict=True))
        by_title = {schema.get("title"): schema for schema in self.components.values()}
        for struct in _structs(multi_type_info(distinct)):
            _mark_times(struct, by_title.get(struct.cls.__name__, {}))

    def content(self, annotation: Any, media_type: str = "application/json") -> dict[str, Any]:
        """Returns the content of a body: its type, by reference where it has a name."""
        return {media_type: {"schema": self._schemas[annotation]}}


def _any_json(annotation: type) -> dict[str, Any]:
    if annotation is object:
        return {"description": "Any JSON value."}
    raise NotImplementedError(annotation)


def _structs(infos: Iterable[Type]) -> Iterator[StructType]:
    """All Structs in types, however deep."""
    for info in infos:
        match info:
            case StructType(fields=fields):
                yield info
                yield from _structs(field.type for field in fields)
            case ListType(item_type=inner) | DictType(value_type=inner):
                yield from _structs([inner])
            case UnionType(types=alternatives):
                yield from _structs(alternatives)


def _mark_times(struct: StructType, schema: dict[str, Any]) -> None:
    """Says of times that they are times: msgspec does so only for those whose zone is declared."""
    for field in struct.fields:
        alternatives = field.type.types if isinstance(field.type, UnionType) else (field.type,)
        if any(isinstance(one, DateTimeType) for one in alternatives):
            held = schema["properties"][field.encode_name]
            for part in held.get("anyOf", [held]):
                if part.get("type") == "string":
                    part["format"] = "date-time"
