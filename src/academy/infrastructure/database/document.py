"""What a document is: a msgspec Struct that declares its collection, its indexes and its searchable fields."""

from datetime import datetime
from typing import ClassVar

import msgspec

from academy.kit.ids import new_id


class Index(msgspec.Struct, frozen=True):
    """An index over one or more fields of a document.

    Attributes:
        fields: dotted field paths; a leading `-` means descending, e.g. `("course_id", "-created_at")`.
        unique: no two documents share the values; a violation raises `UniqueViolation` that names the index.
        name: stable name; made from the fields when empty.
        present: name of a field that must not be null for a document to be in the index; with `unique`, documents
            without it do not collide.
    """

    fields: tuple[str, ...]
    unique: bool = False
    name: str = ""
    present: str = ""

    @property
    def label(self) -> str:
        """The name that databases and errors know the index by."""
        return self.name or "_".join(f.lstrip("-").replace(".", "_") for f in self.fields)


class SearchField(msgspec.Struct, frozen=True):
    """A field whose words can be searched, and how much a match in it weighs in the ranking."""

    field: str
    weight: int = 1


class Document(msgspec.Struct, kw_only=True):
    """Base of every stored document.

    Field types that engines can store: str, int, float, bool, None, datetime, enums of str, lists and dicts with str
    keys of these, and nested Structs. One type per field (or null).

    Attributes:
        id: UUIDv7 string, the primary key on both engines (`_id` on MongoDB).
        version: counts the writes of this document; starts at 1. `Collection.replace` compares it.
        created_at: when the fact the document tells began.
        updated_at: set by whoever changes the document.
    """

    __collection__: ClassVar[str]
    __indexes__: ClassVar[tuple[Index, ...]] = ()
    __search__: ClassVar[tuple[SearchField, ...]] = ()

    id: str = msgspec.field(default_factory=new_id)
    version: int = 1
    created_at: datetime
    updated_at: datetime
