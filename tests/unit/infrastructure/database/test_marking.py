"""Searched words, marked in a text as the search finds them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from academy.infrastructure.database.search import marked


@pytest.mark.parametrize(
    ("text", "searched", "found"),
    [
        ("A loop repeats.", "loop", ["loop"]),
        ("Loops LOOP, loop-hole", "loop", ["Loops", "LOOP", "loop"]),
        ("loops and loop", "loop and", ["and", "loop"]),
        ("Café owners", "cafe", ["Café"]),
        ("Cafe\u0301 owners", "café", ["Cafe\u0301"]),
        ("पाइथन सीखें", "सीखें", ["सीखें"]),
        ("पाइथन सीखें", "पाइ", ["पाइथन"]),
        ("Straße", "STRASSE", ["Straße"]),
        ("nothing here", "loop", []),
        ("nothing here", "...", []),
        ("", "loop", []),
    ],
)
def test_words_are_marked_as_they_are_found(text: str, searched: str, found: list[str]) -> None:
    parts = marked(text, searched)
    assert [part for part, is_found in parts if is_found] == found
    assert "".join(part for part, _ in parts) == text


@given(st.text(), st.text())
def test_the_parts_are_the_text(text: str, searched: str) -> None:
    assert "".join(part for part, _ in marked(text, searched)) == text
