"""Conversions for tests, and what is in them: decoded from the files that a player would fetch."""

import os
from collections.abc import Awaitable, Callable
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import msgspec

from academy.infrastructure.media.conversion import convert_video
from academy.infrastructure.media.streaming import (
    INIT_FILE,
    SOUND,
    ConversionOrder,
    ConversionProgress,
    StreamFacts,
    segment_file,
)


async def _nothing(_: ConversionProgress) -> None:
    return


async def convert(
    source: Path,
    folder: Path,
    first_segment: int = 0,
    *,
    on_progress: Callable[[ConversionProgress], Awaitable[None]] = _nothing,
    seconds: float = 240,
) -> "Converted":
    """Converts into `folder`, which is made when there is none."""
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240 - nothing else runs in the test
    order = ConversionOrder(source=str(source), folder=str(folder), first_segment=first_segment, cpu_seconds=240)
    return Converted(facts=await convert_video(order, on_progress, timeout_seconds=seconds), folder=folder)


class Converted(msgspec.Struct, frozen=True, kw_only=True):
    """A converted video."""

    facts: StreamFacts
    folder: Path

    @property
    def sizes(self) -> list[tuple[int, int]]:
        return [(size.rung.width, size.rung.height) for size in self.facts.sizes]

    @property
    def seconds(self) -> float:
        return float(self.facts.frames / self.facts.timing.rate)

    def files(self) -> set[str]:
        return {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()}

    def stream(self, name: str, segments: range | None = None) -> bytes:
        """The bytes of a size, or of the sound, as a player puts them together."""
        numbers = range(self.facts.segments) if segments is None else segments
        parts = [INIT_FILE, *(segment_file(number) for number in numbers)]
        return b"".join((self.folder / name / part).read_bytes() for part in parts)

    def pictures(self, number: int = 0) -> list[av.VideoFrame]:
        with av.open(BytesIO(self.stream(self.facts.sizes[number].rung.name)), "r") as container:
            return list(container.decode(video=0))

    def sound(self) -> list[av.AudioFrame]:
        with av.open(BytesIO(self.stream(SOUND)), "r") as container:
            return list(container.decode(audio=0))

    def check(self) -> None:
        """Every size and the sound decode without a gap, from the beginning to the same end."""
        rate = self.facts.timing.rate
        for number in range(len(self.facts.sizes)):
            stamps = [time_of(frame) * rate for frame in self.pictures(number)]
            assert stamps == list(range(self.facts.frames))
        if self.facts.has_sound:
            frames = self.sound()
            assert [frame.pts for frame in frames] == [1024 * number for number in range(len(frames))]
            assert {(frame.sample_rate, frame.layout.name) for frame in frames} == {(48_000, "stereo")}
            assert abs(len(frames) * 1024 / 48_000 - self.seconds) < 1 / rate + 0.03


def time_of(frame: av.VideoFrame) -> Fraction:
    """When a picture is shown, in seconds."""
    assert frame.pts is not None
    assert frame.time_base is not None
    return frame.pts * frame.time_base


def children(module: str) -> list[int]:
    """Ids of this process's children that run a module."""
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    numbers = [number for task in tasks for number in task.read_text().split()]
    return [int(number) for number in numbers if module.encode() in _command_of(number)]


def _command_of(number: str) -> bytes:
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return b""
