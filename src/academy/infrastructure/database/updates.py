"""Applies a checked update to a stored document, with MongoDB's meaning of each operator."""

from collections.abc import Mapping

from academy.infrastructure.database.values import stored_value

Stored = dict[str, object]


def apply_update(stored: Stored, update: Mapping[str, Mapping[str, object]]) -> None:
    """Changes `stored` in place and adds 1 to its version. `$setOnInsert` changes nothing: the document exists.

    Raises UnsupportedQuery for a number that leaves 64 bits.
    """
    for operator, fields in update.items():
        for path, operand in fields.items():
            holder, name = _holder(stored, path)
            if operator != "$setOnInsert":
                _apply(holder, name, operator, operand)
    version = stored["version"]
    assert isinstance(version, int)  # noqa: S101 - the engine wrote it
    stored["version"] = version + 1


def _holder(stored: Stored, path: str) -> tuple[Stored, str]:
    """Returns the dict that holds the last name of the path; makes the dicts on the way."""
    *parents, name = path.split(".")
    holder = stored
    for parent in parents:
        inner = holder.get(parent)
        if not isinstance(inner, dict):
            inner = holder[parent] = {}
        holder = inner
    return holder, name


def _apply(holder: Stored, name: str, operator: str, operand: object) -> None:
    value = holder.get(name)
    match operator:
        case "$set":
            holder[name] = operand
        case "$unset":
            holder.pop(name, None)
        case "$inc":
            holder[name] = _sum(value or 0, operand)
        case "$min":
            holder[name] = operand if value is None or operand < value else value  # type: ignore[operator]
        case "$max":
            holder[name] = operand if value is None or operand > value else value  # type: ignore[operator]
        case _:
            holder[name] = _changed_list(list(value) if isinstance(value, list) else [], operator, operand)


def _sum(value: object, by: object) -> object:
    total = value + by  # type: ignore[operator]  # the checker saw to it
    return stored_value(total)


def _changed_list(items: list[object], operator: str, operand: object) -> list[object]:
    if operator == "$pull":
        return [item for item in items if item != operand]
    if operator == "$addToSet":
        return items if operand in items else [*items, operand]
    if isinstance(operand, Mapping) and "$each" in operand:
        each, limit = operand["$each"], operand.get("$slice")
        grown = [*items, *each] if isinstance(each, list) else items
        if not isinstance(limit, int):
            return grown
        return grown[:limit] if limit >= 0 else grown[limit:]
    return [*items, operand]
