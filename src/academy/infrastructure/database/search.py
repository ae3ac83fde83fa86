"""Search without a server: how texts become words, and how matches are ranked. The same on both engines."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from academy.infrastructure.database.document import Document

_MOST_WORDS = 12
_LONGEST_WORD = 60


class _Letters(dict[int, str]):
    """What becomes of each character; filled as they are met, which is many times faster than asking every time."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)[0]
        is_accent = category == "M" and "\u0300" <= character <= "\u036f"
        self[code] = "" if is_accent else character if category in "LMN" else " "
        return self[code]


_LETTERS = _Letters()


def words(text: str) -> list[str]:
    """Returns the words of a text in order: runs of letters, marks and digits, without case and Latin accents.

    Marks of other scripts stay, since Devanagari vowels are marks.
    """
    if text.isascii():
        folded = text.lower()
    else:
        # Taken apart first: what a sign such as "№" stands for can have capitals.
        folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    kept = folded.translate(_LETTERS)
    return [word[:_LONGEST_WORD] for word in unicodedata.normalize("NFC", kept).split()]


def searched_words(text: str) -> list[str]:
    """Returns the words a visitor looks for, at most twelve."""
    return words(text)[:_MOST_WORDS]


def marked(text: str, searched: str) -> list[tuple[str, bool]]:
    """Returns a text in parts, each with whether it is one of the searched words, as `Collection.search` finds them."""
    wanted = searched_words(searched)
    parts: list[tuple[str, bool]] = []
    for _, characters in groupby(text, _is_of_word):
        part = "".join(characters)
        is_found = bool(wanted) and any(word in wanted or word.startswith(wanted[-1]) for word in words(part))
        if parts and not is_found and not parts[-1][1]:
            parts[-1] = (parts[-1][0] + part, False)
        else:
            parts.append((part, is_found))
    return parts


def _is_of_word(character: str) -> bool:
    return any(unicodedata.category(part)[0] in "LMN" for part in unicodedata.normalize("NFKD", character))


def texts(stored: Mapping[str, object], path: str) -> Iterator[str]:
    """Gives the strings at a dotted path of a stored document, through lists."""
    name, _, rest = path.partition(".")
    value = stored.get(name)
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str) and not rest:
            yield one
        elif isinstance(one, Mapping) and rest:
            yield from texts(one, rest)


def document_words(document_type: type[Document], stored: Mapping[str, object]) -> set[str]:
    """Returns all words a stored document can be found by."""
    return {word for field in document_type.__search__ for text in texts(stored, field.field) for word in words(text)}


def score(document_type: type[Document], stored: Mapping[str, object], searched: Sequence[str]) -> int:
    """Returns how well a stored document matches: the weights of the fields in which the words stand, summed.

    A word counts in every field that holds it; the last word also as the beginning of a longer one. 0 when a word is in
    no field: the document does not match.
    """
    by_field = [
        (field.weight, {word for text in texts(stored, field.field) for word in words(text)})
        for field in document_type.__search__
    ]
    total = 0
    for number, word in enumerate(searched, start=1):
        is_last = number == len(searched)
        found = sum(
            weight
            for weight, held in by_field
            if word in held or (is_last and any(other.startswith(word) for other in held))
        )
        if not found:
            return 0
        total += found
    return total
