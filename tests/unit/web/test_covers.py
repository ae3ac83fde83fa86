"""The covers that are drawn for courses without a picture."""

import re

from academy.kit.ids import new_id
from academy.web.covers import cover
from academy.web.formatting import HUES

NUMBER = r"-?\d*\.?\d+"
# What the drawings use of the SVG path grammar: moves, lines, arcs, and the end of a shape.
PATH = re.compile(rf"(?:[MmLlHhVvAazZ]|{NUMBER}|[ ,])*")
SHORT = 4_000


def test_a_course_always_has_the_same_cover() -> None:
    assert cover("weaving", "crafts") == cover.__wrapped__("weaving", "crafts")


def test_courses_of_one_category_have_covers_of_their_own() -> None:
    drawn = [cover(new_id(), "crafts") for _ in range(200)]
    assert len({str(one.paths) for one in drawn}) == 200
    assert {one.hue for one in drawn} == set(range(HUES))
    assert {one.is_deep for one in drawn} == {True, False}


def test_categories_are_drawn_with_different_shapes() -> None:
    # The four of the demo academy, which are the first that anybody sees.
    drawn = {str(cover("weaving", category).paths) for category in ("programming", "data", "design", "business")}
    assert len(drawn) == 4


def test_a_cover_is_a_few_short_paths() -> None:
    for _ in range(100):
        paths = cover(new_id(), new_id()).paths
        assert set(paths) <= {"a", "b", "c", "dots"}
        assert sum(len(d) for d in paths.values()) < SHORT
        for d in paths.values():
            assert PATH.fullmatch(d), d
            assert d.startswith("M")
