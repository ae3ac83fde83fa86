"""Search words on MongoDB: a hidden list field with every word and the beginnings of words, under one index."""

from collections.abc import Mapping, Sequence

from academy.infrastructure.database.document import Document
from academy.infrastructure.database.mongodb_schema import SEARCH_FIELD, stored_name
from academy.infrastructure.database.search import document_words

Stored = Mapping[str, object]

# Beginnings up to this length are kept; few words are longer, and what begins like these is found among the words.
LONGEST_BEGINNING = 12
# Follows a beginning, so that the whole word "art" and the beginning of "artist" are different entries.
MARK = "*"
# Sorts after every character that a word can have.
LAST_CHARACTER = "\U0010ffff"


def searchable_paths(document_type: type[Document]) -> list[str]:
    """Returns the fields whose words are searched, by MongoDB's names."""
    return [stored_name(searched.field) for searched in document_type.__search__]


def search_tokens(document_type: type[Document], stored: Stored) -> list[str]:
    """Returns what a stored document can be found by: its words, and the beginnings of each with a mark."""
    found = document_words(document_type, stored)
    beginnings = {word[:size] + MARK for word in found for size in range(1, min(len(word), LONGEST_BEGINNING) + 1)}
    return sorted(found | beginnings)


def search_filter(searched: Sequence[str]) -> dict[str, object]:
    """Returns the filter for documents with all words, of which the last may be a beginning.

    Args:
        searched: at least one word, as `searched_words` gives them.
    """
    whole, last = list(dict.fromkeys(searched[:-1])), searched[-1]
    if len(last) <= LONGEST_BEGINNING:
        return {SEARCH_FIELD: {"$all": [last + MARK, *whole]}}
    beginning: dict[str, object] = {SEARCH_FIELD: {"$elemMatch": {"$gte": last, "$lt": last + LAST_CHARACTER}}}
    return {"$and": [{SEARCH_FIELD: {"$all": whole}}, beginning]} if whole else beginning


def touches_search(document_type: type[Document], update: Mapping[str, Mapping[str, object]]) -> bool:
    """Whether an update changes, or may change, a searched field."""
    changed = [path for fields in update.values() for path in fields]
    searched = [searched.field for searched in document_type.__search__]
    return any(_overlap(one, other) for one in changed for other in searched)


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
