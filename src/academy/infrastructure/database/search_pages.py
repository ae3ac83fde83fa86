"""Pages of search results, ordered by rank or by plain fields. The same on both engines."""

from collections.abc import Mapping, Sequence
from functools import cmp_to_key
from typing import NamedTuple

from academy.infrastructure.database import cursors
from academy.infrastructure.database.checker import Checker, SortKey
from academy.infrastructure.database.document import Document
from academy.infrastructure.database.errors import InvalidCursor
from academy.infrastructure.database.search import score

# The "sort" of a ranked list, under a name that no field can have.
_BY_RANK: list[SortKey] = [("", True)]


class Matches(NamedTuple):
    """One page of matches.

    Attributes:
        ids: ids of the page's documents, in order.
        next_cursor: None on the last page.
        total: how many documents match.
    """

    ids: list[str]
    next_cursor: str | None
    total: int


class _Place(NamedTuple):
    """A document's place in the order."""

    values: Sequence[object]
    id: str


class SearchPages:
    """Cuts the pages of one search."""

    def __init__(self, document_type: type[Document], checker: Checker, keys: Sequence[SortKey]) -> None:
        self._type = document_type
        self._checker = checker
        self._fields = keys
        self._keys = keys or _BY_RANK

    def cut(
        self, candidates: Sequence[Mapping[str, object]], searched: Sequence[str], limit: int, cursor: str | None
    ) -> Matches:
        """Returns the page after `cursor`.

        Args:
            candidates: stored documents, with at least their id, searched fields and sort fields.
            searched: the words looked for.
            limit: most documents of the page.
            cursor: where the page before ended.

        Raises:
            InvalidCursor: it belongs to another list or is broken.
        """
        ranked = [(score(self._type, stored, searched), stored) for stored in candidates]
        places = [self._place(rank, stored) for rank, stored in ranked if rank]
        places.sort(key=cmp_to_key(self._compare))
        rest = places
        if cursor is not None:
            last = self._read_cursor(cursor)
            rest = [place for place in places if self._compare(place, last) > 0]
        page = rest[:limit]
        marker = self._checker.write_cursor(self._keys, *page[-1]) if len(rest) > limit else None
        return Matches([place.id for place in page], marker, len(places))

    def _read_cursor(self, cursor: str) -> _Place:
        if self._fields:
            return _Place(*self._checker.read_cursor(cursor, self._fields))
        place = _Place(*cursors.read(cursor, self._checker.list_name(_BY_RANK), 1))
        if not isinstance(place.values[0], int):
            raise InvalidCursor
        return place

    def _place(self, rank: int, stored: Mapping[str, object]) -> _Place:
        values = self._checker.sort_values(self._fields, stored) if self._fields else [rank]
        return _Place(values, str(stored["id"]))

    def _compare(self, one: _Place, other: _Place) -> int:
        for (_, descending), a, b in zip(self._keys, one.values, other.values, strict=True):
            if a != b:
                return _order(a, b) * (-1 if descending else 1)
        # Equals stand by id: of ranks the newest first, of fields the oldest first as in every sorted list.
        return _order(one.id, other.id) * (1 if self._fields else -1)


def _order(a: object, b: object) -> int:
    """Returns -1, 0 or 1; null stands before everything. Raises TypeError for values of different types."""
    if a is None or b is None:
        return (a is not None) - (b is not None)
    return 1 if a > b else -1 if a < b else 0  # type: ignore[operator]
