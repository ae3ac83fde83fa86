"""Colours: the contrast of WCAG, and inks that keep to it on every colour."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from academy.kit.colors import BLACK, WHITE, blend, contrast, ink_on, readable

COLORS = st.integers(min_value=0, max_value=0xFFFFFF).map(lambda number: f"#{number:06x}")


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        (BLACK, WHITE, 21.0),
        (WHITE, WHITE, 1.0),
        ("#777777", WHITE, 4.48),
        ("#767676", WHITE, 4.54),
        ("#ff0000", WHITE, 4.0),
        ("#3D5AFE", "#ffffff", 5.14),
    ],
)
def test_the_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.01)
    assert contrast(other, one) == contrast(one, other)


@given(COLORS)
def test_text_is_readable_on_every_colour(background: str) -> None:
    assert contrast(ink_on(background), background) >= 4.5


@pytest.mark.parametrize(
    ("background", "ink"), [("#3d5afe", WHITE), ("#ffd600", BLACK), (WHITE, BLACK), (BLACK, WHITE)]
)
def test_white_is_the_ink_where_it_can_be(background: str, ink: str) -> None:
    assert ink_on(background) == ink


@given(COLORS, COLORS, st.sampled_from([3.0, 4.5]))
def test_every_colour_becomes_readable_on_every_background(color: str, background: str, least: float) -> None:
    assert contrast(readable(color, background, least), background) >= least


def test_a_readable_colour_stays_as_it_is() -> None:
    assert readable("#3d5afe", WHITE, 4.5) == "#3d5afe"
    assert contrast(readable("#ffd600", WHITE, 3.0), WHITE) < 3.5, "it is not changed more than it must be"


def test_a_blend_shows_a_share_of_the_colour() -> None:
    assert blend("#ff0000", "#0000ff", 0.0) == "#0000ff"
    assert blend("#ff0000", "#0000ff", 1.0) == "#ff0000"
    assert blend("#ff0000", "#0000ff", 0.2) == "#3300cc"


@pytest.mark.parametrize("text", ["", "red", "#fff", "#3d5afe ", "#3d5afg", "#3d5afe;}"])
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="#rrggbb"):
        ink_on(text)


def test_a_contrast_that_nothing_has_is_refused() -> None:
    with pytest.raises(ValueError, match=r"7\.0 on #777777"):
        readable("#3d5afe", "#777777", 7.0)
