"""Covers drawn for courses that have no picture: a few geometric shapes, always the same for a course."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from itertools import product

import msgspec

from academy.web.formatting import hue_number

_TILE = 3
_COLUMNS, _ROWS = 6, 3
# The drawing is 16 wide: the outer columns are cut by a third on both sides.
_FIRST_COLUMN = -1
_EMPTY_BELOW = 72
_COLOURS = "aabbbc"

Shape = Callable[[int, int, int], str]
"""Draws a shape into the tile at x, y, turned by 0 to 3 quarters: the `d` of an SVG path."""


class Cover(msgspec.Struct, frozen=True, kw_only=True):
    """A drawn cover.

    Attributes:
        hue: the number of its colours, 0 to 7.
        is_deep: whether the ground is darker than the shapes.
        paths: CSS class (`a` dim, `b` strong, `c` contrasting, `dots` points in the strong colour) -> `d` of the path.
    """

    hue: int
    is_deep: bool
    paths: dict[str, str]


def _quarter(x: int, y: int, turn: int) -> str:
    return (
        f"M{x} {y}h3a3 3 0 0 1-3 3z",
        f"M{x + 3} {y}v3a3 3 0 0 1-3-3z",
        f"M{x + 3} {y + 3}h-3a3 3 0 0 1 3-3z",
        f"M{x} {y + 3}v-3a3 3 0 0 1 3 3z",
    )[turn]


def _half(x: int, y: int, turn: int) -> str:
    return (
        f"M{x} {y + 3}a1.5 1.5 0 0 1 3 0z",
        f"M{x} {y}v3a1.5 1.5 0 0 0 0-3z",
        f"M{x} {y}a1.5 1.5 0 0 0 3 0z",
        f"M{x + 3} {y}v3a1.5 1.5 0 0 1 0-3z",
    )[turn]


def _disc(x: int, y: int, _turn: int) -> str:
    return f"M{x} {y + 1.5}a1.5 1.5 0 1 1 3 0a1.5 1.5 0 1 1-3 0z"


def _leaf(x: int, y: int, turn: int) -> str:
    falling = f"M{x} {y}a3 3 0 0 1 3 3a3 3 0 0 1-3-3z"
    rising = f"M{x + 3} {y}a3 3 0 0 1-3 3a3 3 0 0 1 3-3z"
    return rising if turn % 2 else falling


def _triangle(x: int, y: int, turn: int) -> str:
    return (f"M{x} {y}h3l-3 3z", f"M{x} {y}h3v3z", f"M{x + 3} {y}v3h-3z", f"M{x} {y}l3 3h-3z")[turn]


def _square(x: int, y: int, _turn: int) -> str:
    return f"M{x} {y}h3v3h-3z"


def _chequers(x: int, y: int, turn: int) -> str:
    return f"M{x} {y}h1.5v3h1.5v-1.5h-3z" if turn % 2 else f"M{x + 1.5} {y}h1.5v1.5h-3v1.5h1.5z"


def _bars(x: int, y: int, turn: int) -> str:
    heights = ((1, 2, 3), (3, 2, 1), (2, 3, 1.5), (1.5, 1, 2.5))[turn]
    return "".join(f"M{x + i + 0.2:g} {y + 3}v-{height}h.6v{height}z" for i, height in enumerate(heights))


def _stripes(x: int, y: int, turn: int) -> str:
    if turn % 2:
        return "".join(f"M{x} {y + i + 0.2:g}h3v.6h-3z" for i in range(3))
    return "".join(f"M{x + i + 0.2:g} {y}h.6v3h-.6z" for i in range(3))


def _arches(x: int, y: int, _turn: int) -> str:
    inner = f"M{x + 0.8:g} {y + 3}a.7.7 0 0 1 1.4 0h-.4a.3.3 0 0 0-.6 0z"
    return f"M{x} {y + 3}a1.5 1.5 0 0 1 3 0h-.4a1.1 1.1 0 0 0-2.2 0z{inner}"


def _points(x: int, y: int, _turn: int) -> str:
    row = "h0m1 0h0m1 0h0"
    return f"M{x + 0.5:g} {y + 0.5:g}{row}m-2 1{row}m-2 1{row}"


# Courses of one category are drawn with the same kinds of shapes, so that they look related.
_FAMILIES: tuple[tuple[Shape, ...], ...] = (
    (_leaf, _half, _triangle, _stripes, _arches),
    (_triangle, _triangle, _square, _chequers, _points),
    (_bars, _bars, _points, _disc, _square, _stripes),
    (_quarter, _quarter, _disc, _half, _leaf),
)


@lru_cache(maxsize=1024)
def cover(slug: str, category: str) -> Cover:
    """Returns the cover of a course; `slug` decides colours and composition, `category` the kind of shapes."""
    family = _FAMILIES[hashlib.blake2b(category.encode(), digest_size=16).digest()[0] % len(_FAMILIES)]
    tone, *numbers = hashlib.shake_128(slug.encode()).digest(1 + 4 * _COLUMNS * _ROWS)
    paths = dict.fromkeys(("a", "b", "c", "dots"), "")
    for place, (column, row) in enumerate(product(range(_COLUMNS), range(_ROWS))):
        presence, kind, turn, colour = numbers[4 * place : 4 * place + 4]
        if presence < _EMPTY_BELOW:
            continue
        shape = family[kind % len(family)]
        drawn = "dots" if shape is _points else _COLOURS[colour % len(_COLOURS)]
        paths[drawn] += shape(_FIRST_COLUMN + column * _TILE, row * _TILE, turn % 4)
    return Cover(hue=hue_number(slug), is_deep=tone % 2 == 1, paths={name: d for name, d in paths.items() if d})
