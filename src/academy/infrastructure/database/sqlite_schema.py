"""What SQLite is told about a document class: its table, indexes, side tables for lists, and search table."""

from typing import NamedTuple

from academy.infrastructure.database.document import Document, Index
from academy.infrastructure.database.fields import index_fields


class Schema(NamedTuple):
    """The statements that make everything a class declares, by the name of what they make.

    Attributes:
        table: the collection's table: number, id and JSON of each document.
        objects: name -> statements; in SQLite's own words, so that a changed declaration is noticed.
        lists: list fields that have a side table of (value, number), kept by the engine.
    """

    table: str
    objects: dict[str, str]
    lists: tuple[str, ...]


def quoted(name: str) -> str:
    """Returns a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def json_path(path: str) -> str:
    """Returns a dotted path as an SQL string literal that holds SQLite's JSON path."""
    parts = "".join(f'."{part}"' for part in path.split("."))
    return "'$" + parts.replace("'", "''") + "'"


def column(path: str, source: str = "body") -> str:
    """Returns the SQL expression for a plain field. Indexes and queries must use the very same text."""
    return "id" if path == "id" and source == "body" else f"json_extract({source},{json_path(path)})"


def list_table(collection: str, path: str) -> str:
    """Name of the side table of an indexed list field."""
    return f"{collection}__{path.replace('.', '_')}__list"


def search_table(collection: str) -> str:
    """Name of the search table."""
    return f"{collection}__search"


def schema_of(document_type: type[Document]) -> Schema:
    """Returns what the class declares. Raises UnsupportedQuery for an index that cannot be."""
    name = document_type.__collection__
    objects: dict[str, str] = {}
    lists: list[str] = []
    for index in document_type.__indexes__:
        fields = index_fields(document_type, index)
        if fields[0].is_list:
            side = list_table(name, fields[0].path)
            lists.append(fields[0].path)
            objects[side] = (
                f"CREATE TABLE {quoted(side)} (value, number INTEGER, PRIMARY KEY (value, number)) WITHOUT ROWID"
            )
            objects[f"{side}__number"] = f"CREATE INDEX {quoted(side + '__number')} ON {quoted(side)} (number)"
        else:
            objects[f"{name}__{index.label}"] = _index(document_type, index)
    if document_type.__search__:
        # Texts come as words already; to this tokenizer every character beyond ASCII is part of a word.
        objects[search_table(name)] = (
            f"CREATE VIRTUAL TABLE {quoted(search_table(name))} USING fts5(words, content='', contentless_delete=1, "
            "detail=none, prefix='1 2 3', tokenize='ascii')"
        )
    columns = "number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL"
    table = f"CREATE TABLE IF NOT EXISTS {quoted(name)} ({columns})"
    return Schema(table, objects, tuple(dict.fromkeys(lists)))


def _index(document_type: type[Document], index: Index) -> str:
    name = document_type.__collection__
    parts = [column(key.lstrip("-")) + (" DESC" if key.startswith("-") else "") for key in index.fields]
    if not index.unique and "id" not in index.fields:
        # Every sort ends with the id; an index that ends with it, too, gives the whole order.
        parts.append("id")
    where = f" WHERE {column(index.present)} IS NOT NULL" if index.present else ""
    label = quoted(f"{name}__{index.label}")
    return f"CREATE {'UNIQUE ' if index.unique else ''}INDEX {label} ON {quoted(name)} ({', '.join(parts)}){where}"
