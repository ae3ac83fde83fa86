"""What a document class declares: its fields, by dotted path."""

import re
from functools import lru_cache

from msgspec import inspect

from academy.infrastructure.database.document import Document, Index
from academy.infrastructure.database.errors import UnsupportedQuery

# Paths go into SQL and into MongoDB's field names; no field of a class and no key that is asked for needs these.
_UNFIT_NAME = re.compile(r"""^$|^\$|[\0"\\]""")


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
        return not self.lists and not self.holds_structs

    @property
    def holds_structs(self) -> bool:
        """Whether the field, or an element of it, has fields of its own."""
        return any(isinstance(kind, inspect.StructType | inspect.DictType) for kind in self.types)


@lru_cache(maxsize=4096)
def declared_field(document_type: type[Document], path: str) -> Field:
    """Returns what the class declares at a dotted path. Raises UnsupportedQuery when it declares nothing there."""
    kinds, nullable, is_list = _members(inspect.type_info(document_type))
    required = True
    lists: list[int] = []
    for depth, name in enumerate(path.split("."), start=1):
        found = [t for kind in kinds if (t := _child(kind, name)) is not None]
        if not found or _UNFIT_NAME.search(name):
            raise UnsupportedQuery(f"{document_type.__collection__}: the class declares no field {path!r}")
        (kinds, nullable, is_list), required = _members(found[0][0]), found[0][1]
        if is_list:
            lists.append(depth)
    return Field(path, kinds, nullable=nullable, required=required, lists=lists)


def _child(kind: inspect.Type, name: str) -> tuple[inspect.Type, bool] | None:
    """Returns the type of a field or entry, and whether it is required; None when there is no such field.

    What holds anything has no declared fields: it can be stored and read, not asked for.
    """
    if isinstance(kind, inspect.StructType):
        return next(((field.type, field.required) for field in kind.fields if field.encode_name == name), None)
    if isinstance(kind, inspect.DictType) and not isinstance(kind.value_type, inspect.AnyType | inspect.CustomType):
        return kind.value_type, False
    return None


def _members(kind: inspect.Type) -> tuple[list[inspect.Type], bool, bool]:
    """Returns (types without None, whether it may be None, whether it is a list); of a list, those of its elements."""
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


def index_fields(document_type: type[Document], index: Index) -> list[Field]:
    """Returns the fields of an index. Raises UnsupportedQuery for an index that not both engines can keep."""
    fields = [declared_field(document_type, name.lstrip("-")) for name in index.fields]
    first = fields[0]
    is_list = first.is_list and not first.is_below_list and not first.holds_structs
    plain = fields[1:] if is_list and not index.unique and not index.present else fields
    if index.present:
        plain = [*plain, declared_field(document_type, index.present)]
    for field in plain:
        if not field.is_scalar:
            raise UnsupportedQuery(f"{document_type.__collection__}: {field.path} cannot stand in index {index.label}")
        if index.unique and field.nullable and field.path != index.present:
            raise UnsupportedQuery(
                f"{document_type.__collection__}: unique index {index.label} needs `present` for {field.path}"
            )
    return fields
