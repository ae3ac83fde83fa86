"""How texts become words, and how well a document matches."""

import unicodedata
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from academy.infrastructure.database.document import Document, SearchField
from academy.infrastructure.database.search import document_words, score, searched_words, words


class Article(Document):
    __collection__: ClassVar[str] = "articles"
    __search__: ClassVar[tuple[SearchField, ...]] = (
        SearchField("title", 8),
        SearchField("tags", 4),
        SearchField("sections.title"),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("Hello,  WORLD!", ["hello", "world"]),
        ("naïve Éclair", ["naive", "eclair"]),
        ("Straße", ["strasse"]),
        ("ﬁne № ②", ["fine", "no", "2"]),
        ("हिन्दी", ["हिन्दी"]),
        ("e\u0301", ["e"]),
        ("don't stop-me now_ok", ["don", "t", "stop", "me", "now", "ok"]),
        ("a\0b", ["a", "b"]),
        ("x" * 200, ["x" * 60]),
        ("😀 💥", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text())
def test_words_of_words_are_the_same(text: str) -> None:
    found = words(text)
    assert all(found)
    assert all(len(word) <= 60 for word in found)
    assert words(unicodedata.normalize("NFD", text)) == found
    assert words(" ".join(found)) == found


def test_at_most_twelve_words_are_looked_for() -> None:
    assert searched_words(" ".join(f"w{number}" for number in range(30))) == [f"w{number}" for number in range(12)]


STORED = {"title": "Sea stories", "tags": ["sea", "ship"], "sections": [{"title": "Seaside"}, {"title": None}, 7]}


@pytest.mark.parametrize(
    ("searched", "points"),
    [
        (["sea"], 13),
        (["ship"], 4),
        (["stories", "sea"], 8 + 13),
        (["sea", "stories"], 12 + 8),
        (["seas"], 1),
        (["seas", "ship"], 0),
        (["ship", "land"], 0),
    ],
)
def test_scores(searched: list[str], points: int) -> None:
    assert score(Article, STORED, searched) == points


def test_words_of_a_document() -> None:
    assert document_words(Article, STORED) == {"sea", "stories", "ship", "seaside"}
    assert document_words(Article, {}) == set()
