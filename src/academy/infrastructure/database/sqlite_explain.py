"""Reads SQLite's query plans."""

import re
from collections.abc import Sequence

from academy.infrastructure.database.base import Plan
from academy.infrastructure.database.document import Document
from academy.infrastructure.database.sqlite_schema import list_table

# Such as `SEARCH books USING INDEX books__slug (<expr>=?)`, `SEARCH books__tags__list USING PRIMARY KEY (value=?)`.
_STEP = re.compile(r"(SCAN|SEARCH) (\S+)(?: USING (?:COVERING )?INDEX (\S+))?")


def read_plan(document_type: type[Document], steps: Sequence[str], *, narrows: bool) -> Plan:
    """Returns the door's plan for the steps that SQLite tells.

    Args:
        document_type: the class of the collection.
        steps: the last column of EXPLAIN QUERY PLAN.
        narrows: whether the query asks for less than the whole collection; an index that is walked from end to end
            then serves only its order.
    """
    name = document_type.__collection__
    partial = {index.label for index in document_type.__indexes__ if index.present}
    lists = {list_table(name, index.fields[0]): index.label for index in document_type.__indexes__}
    used: list[str] = []
    scans = False
    for step in steps:
        found = _STEP.match(step)
        if found is None:
            continue
        way, table, index = found.groups()
        label = lists.get(table, "")
        if table == name and index:
            label = "_id" if index.startswith("sqlite_autoindex_") else index.removeprefix(f"{name}__")
        used += [label] if label and label not in used else []
        if table == name and way == "SCAN":
            scans = scans or not index or (narrows and label not in partial)
    return Plan(tuple(used), scans, "USE TEMP B-TREE FOR ORDER BY" in steps)
