"""Which sizes a video is converted to, and how its time is cut into segments."""

import itertools
import math
from fractions import Fraction

import msgspec

SOUND_RATE = 48_000
# What AAC packs into one packet (ISO/IEC 14496-3).
SOUND_PACKET = 1024
SEGMENT_SECONDS = 6
_PLAIN, _FASTEST = Fraction(30), Fraction(60)
# Pixels of the short side, and the most bits a second that a picture of 16:9 with that side gets at 30 pictures a
# second; by the order of magnitude of Apple's HLS authoring specification.
_SIDES = {1080: 5_000_000, 720: 2_800_000, 480: 1_400_000, 360: 800_000}
_LONGEST_SIDE = 3840
_SHAPE = Fraction(16, 9)
# Above so many pictures a second, each size gets more bits.
_SLOW, _FAST_FACTOR = 32, Fraction(3, 2)
# Files tell these with small errors of rounding.
_USUAL_RATES = (*(Fraction(over, 1001) for over in (24_000, 30_000, 60_000)), *(Fraction(one) for one in range(1, 61)))
_NEARLY = Fraction(1, 2000)


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """One size of the ladder.

    Attributes:
        name: the short side of its nominal size, as players show it: `720p`. It is part of storage keys.
        width, height: in pixels, even.
        bit_rate: the most bits a second of its pictures.
    """

    name: str
    width: int
    height: int
    bit_rate: int


def ladder_for(width: int, height: int, rate: Fraction) -> tuple[Rung, ...]:
    """Returns the sizes for an upright source of square pixels, largest first: none is larger than the source.

    1080, 720, 480 and 360 pixels count on the short side, so that portrait videos get what landscape ones do. A source
    smaller than all of them gets one rung of its own size. The long side never has more than 3840 pixels.
    """
    short = min(width, height)
    sides = [side for side in _SIDES if side <= short] or [short]
    return tuple(_rung(side, width, height, rate) for side in sides)


def _rung(side: int, width: int, height: int, rate: Fraction) -> Rung:
    scale = min(Fraction(side, min(width, height)), Fraction(_LONGEST_SIDE, max(width, height)))
    fitted = (_even(width * scale, width), _even(height * scale, height))
    share = Fraction(fitted[0] * fitted[1]) / (side * side * _SHAPE)
    bit_rate = _SIDES.get(side, _SIDES[360]) * min(max(share, Fraction(1, 2)), Fraction(2))
    if rate > _SLOW:
        bit_rate *= _FAST_FACTOR
    return Rung(name=f"{side}p", width=fitted[0], height=fitted[1], bit_rate=int(bit_rate))


def _even(length: Fraction, source: int) -> int:
    # Colour has half the pixels of brightness.
    return max(2, min(round(length / 2), source // 2) * 2)


def steady_rate(rate: Fraction | None) -> Fraction:
    """Returns the pictures a second of the converted video for a source of `rate`, at most 60.

    A rate that no camera has is the mean of a variable one: still for a while, then moving. It becomes 30 or 60.
    """
    if rate is None or rate <= 0:
        return _PLAIN
    if rate >= _FASTEST:
        return _FASTEST
    usual = min(_USUAL_RATES, key=lambda one: abs(one - rate))
    if abs(usual - rate) < usual * _NEARLY:
        return usual
    return _PLAIN if rate < _PLAIN else _FASTEST


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Where segments begin and end: the same for every size, and computed alike before and after a restart.

    Attributes:
        rate_over, rate_under: pictures a second as a fraction, such as 30000 and 1001.
    """

    rate_over: int
    rate_under: int

    @classmethod
    def at(cls, rate: Fraction) -> "Timing":
        """Returns the timing of a video with `rate` pictures a second."""
        return cls(rate_over=rate.numerator, rate_under=rate.denominator)

    @property
    def rate(self) -> Fraction:
        """Pictures a second."""
        return Fraction(self.rate_over, self.rate_under)

    @property
    def segment_frames(self) -> int:
        """Pictures of a full segment."""
        return max(1, round(SEGMENT_SECONDS * self.rate))

    def first_frame(self, segment: int) -> int:
        """Returns the number of the picture that begins a segment."""
        return segment * self.segment_frames

    def first_packet(self, segment: int) -> int:
        """Returns the number of the packet of sound that begins a segment: the first that begins in its time."""
        return math.ceil(self.first_frame(segment) / self.rate * SOUND_RATE / SOUND_PACKET)

    def segments(self, frames: int) -> int:
        """Returns how many segments this many pictures fill."""
        return math.ceil(frames / self.segment_frames)

    def packets(self, frames: int) -> int:
        """Returns how many packets of sound go with this many pictures; the last segment has one at least."""
        whole = math.ceil(frames / self.rate * SOUND_RATE / SOUND_PACKET)
        return max(whole, self.first_packet(self.segments(frames) - 1) + 1)

    def frame_durations(self, frames: int) -> list[float]:
        """Returns the seconds of each segment of pictures."""
        starts = [*range(0, frames, self.segment_frames), frames]
        return [float((end - start) / self.rate) for start, end in itertools.pairwise(starts)]

    def sound_durations(self, frames: int) -> list[float]:
        """Returns the seconds of each segment of sound."""
        starts = [self.first_packet(segment) for segment in range(self.segments(frames))] + [self.packets(frames)]
        return [(end - start) * SOUND_PACKET / SOUND_RATE for start, end in itertools.pairwise(starts)]
