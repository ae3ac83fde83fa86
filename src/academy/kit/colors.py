"""Colours, and whether people can read one on another. A colour is written `#rrggbb`."""

import re

WHITE, BLACK = "#ffffff", "#000000"

_HEX_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
# What text needs, by success criterion 1.4.3.
_READABLE = 4.5
# Below this a channel of sRGB is linear.
_LINEAR_BELOW = 0.04045
_STEPS = 32


def contrast(one: str, other: str) -> float:
    """Returns the contrast ratio of two colours, from 1 (the same) to 21 (black on white).

    Rule: WCAG 2.2, "contrast ratio". Text needs 4.5, the edge of a control 3. Raises ValueError for what is no colour.
    """
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def ink_on(background: str) -> str:
    """Returns the colour of text on a background: white where white is readable, else black.

    One of them always has a contrast of 4.58 or more. Raises ValueError for what is no colour.
    """
    return WHITE if contrast(WHITE, background) >= _READABLE else BLACK


def readable(color: str, background: str, least: float) -> str:
    """Returns the colour, made darker or lighter by no more than its contrast with the background needs.

    `least` is the contrast that is wanted: up to 4.5 on every background, more where black or white has more. Raises
    ValueError for what is no colour, and for a contrast that nothing has.
    """
    ink = max(WHITE, BLACK, key=lambda pole: contrast(pole, background))
    mixes = (blend(ink, color, step / _STEPS) for step in range(_STEPS + 1))
    found = next((mix for mix in mixes if contrast(mix, background) >= least), None)
    if found is None:
        raise ValueError(f"No colour has a contrast of {least} on {background}.")
    return found


def blend(color: str, background: str, share: float) -> str:
    """Returns a colour laid over a background; `share` of it, from 0 to 1, shows. Raises ValueError."""
    pairs = zip(_channels(color), _channels(background), strict=True)
    return "#" + "".join(f"{round(top * share + below * (1 - share)):02x}" for top, below in pairs)


def _luminance(color: str) -> float:
    """The relative luminance of WCAG 2.2."""
    red, green, blue = (_linear(channel / 255) for channel in _channels(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= _LINEAR_BELOW else float(((channel + 0.055) / 1.055) ** 2.4)


def _channels(color: str) -> tuple[int, int, int]:
    if not _HEX_COLOR.fullmatch(color):
        raise ValueError(f"A colour is written #rrggbb, not {color!r}.")
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
