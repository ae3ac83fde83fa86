"""Which sizes, and how time is cut."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from academy.infrastructure.media.ladder import SOUND_PACKET, SOUND_RATE, Timing, ladder_for, steady_rate

SLOW = Fraction(25)
RATES = st.sampled_from([Fraction(1), Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60)])


@pytest.mark.parametrize(
    ("source", "sizes"),
    [
        ((1920, 1080), [(1920, 1080), (1280, 720), (854, 480), (640, 360)]),
        ((3840, 2160), [(1920, 1080), (1280, 720), (854, 480), (640, 360)]),
        ((1080, 1920), [(1080, 1920), (720, 1280), (480, 854), (360, 640)]),
        ((1000, 500), [(960, 480), (720, 360)]),
        ((320, 180), [(320, 180)]),
        ((161, 91), [(160, 90)]),
        ((1, 1), [(2, 2)]),
        ((7680, 360), [(3840, 180)]),
    ],
)
def test_the_ladder(source: tuple[int, int], sizes: list[tuple[int, int]]) -> None:
    assert [(rung.width, rung.height) for rung in ladder_for(*source, SLOW)] == sizes


@settings(deadline=None)
@given(st.integers(2, 7680), st.integers(2, 4320))
def test_sizes_are_even_smaller_than_the_source_and_of_its_shape(width: int, height: int) -> None:
    rungs = ladder_for(width, height, SLOW)
    assert rungs
    for rung in rungs:
        assert rung.width % 2 == rung.height % 2 == 0
        assert rung.width <= width
        assert rung.height <= height
        assert abs(rung.width / width - rung.height / height) <= 2 / min(width, height)
    assert [rung.bit_rate for rung in rungs] == sorted((rung.bit_rate for rung in rungs), reverse=True)


def test_fast_pictures_get_more_bits() -> None:
    assert ladder_for(1280, 720, Fraction(60))[0].bit_rate > ladder_for(1280, 720, SLOW)[0].bit_rate


@pytest.mark.parametrize(
    ("source", "rate"),
    [
        (None, Fraction(30)),
        (Fraction(0), Fraction(30)),
        (Fraction(2997, 100), Fraction(30000, 1001)),
        (Fraction(25), Fraction(25)),
        (Fraction(1), Fraction(1)),
        (Fraction(1, 5), Fraction(30)),
        (Fraction(1373, 100), Fraction(30)),
        (Fraction(473, 10), Fraction(60)),
        (Fraction(240), Fraction(60)),
    ],
)
def test_the_rate(source: Fraction | None, rate: Fraction) -> None:
    assert steady_rate(source) == rate


@settings(deadline=None)
@given(RATES, st.integers(1, 20_000))
def test_segments_have_all_pictures_and_sound_once(rate: Fraction, frames: int) -> None:
    timing = Timing.at(rate)
    pictures, sound = timing.frame_durations(frames), timing.sound_durations(frames)
    assert len(pictures) == len(sound) == timing.segments(frames)
    assert min(*pictures, *sound) > 0
    assert sum(pictures) == pytest.approx(float(frames / rate))
    assert sum(sound) == pytest.approx(timing.packets(frames) * SOUND_PACKET / SOUND_RATE)
    assert -1e-6 <= sum(sound) - sum(pictures) <= 2 * SOUND_PACKET / SOUND_RATE
    assert max(pictures) <= 6.5
