"""The sound of a conversion: AAC, stereo, 48 kHz, without gaps, whatever the source has."""

from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.filter.context import FilterContext
from av.filter.graph import Graph

from academy.infrastructure.media.ladder import SOUND_PACKET, SOUND_RATE, Timing
from academy.infrastructure.media.segments import SegmentWriter, encoder_home
from academy.infrastructure.media.streaming import SOUND

_BIT_RATE = 128_000
# A packet sounds right only behind the ones before it (ISO/IEC 14496-3, overlapping windows): after a restart these
# are encoded again and dropped.
_WARM_UP_PACKETS = 2


class SoundEncoder:
    """Encodes the sound and writes its segments. Gaps in time become silence, what overlaps is cut."""

    def __init__(self, folder: Path, timing: Timing, first_segment: int) -> None:
        self._container = encoder_home()
        self._stream = self._container.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        self._stream.bit_rate = _BIT_RATE
        self._container.start_encoding()
        self.writer = SegmentWriter(
            folder / SOUND, self._stream, first_segment, lambda segment: timing.first_packet(segment) * SOUND_PACKET
        )
        self._timing = timing
        # Counted in packets from the beginning of the video.
        self._next = max(0, timing.first_packet(first_segment) - _WARM_UP_PACKETS)
        self._begin = Fraction(self._next * SOUND_PACKET, SOUND_RATE)
        self._graph: Graph | None = None
        self._entry: FilterContext | None = None
        self._exit: FilterContext | None = None
        self._source: tuple[str, str, int] | None = None
        self.heard_until = Fraction(0)

    def encode(self, frame: AudioFrame, time: Fraction) -> None:
        """Takes sound that is heard from `time` on."""
        if not frame.sample_rate or time + Fraction(frame.samples, frame.sample_rate) <= self._begin:
            return
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._source is None:
            self._build(kind)
        if self._entry is None or kind != self._source:
            # Sound that changes its kind on the way is rare; its time is filled with silence.
            return
        self.heard_until = max(self.heard_until, time + Fraction(frame.samples, frame.sample_rate))
        frame.time_base = Fraction(1, frame.sample_rate)
        frame.pts = round((time - self._begin) * frame.sample_rate)
        self._entry.push(frame)
        self._drain()

    def _build(self, kind: tuple[str, str, int]) -> None:
        graph = Graph()
        name, layout, rate = kind
        entry = graph.add_abuffer(sample_rate=rate, format=name, layout=layout, time_base=Fraction(1, rate))
        # Fills gaps, cuts overlaps and begins at 0, counted from the first packet that is wanted.
        resample = graph.add("aresample", f"{SOUND_RATE}:async=1:first_pts=0")
        form = graph.add("aformat", f"sample_fmts=fltp:sample_rates={SOUND_RATE}:channel_layouts=stereo")
        parts, sink = graph.add("asetnsamples", f"n={SOUND_PACKET}:p=1"), graph.add("abuffersink")
        for one, other in ((entry, resample), (resample, form), (form, parts), (parts, sink)):
            one.link_to(other)
        graph.configure()
        self._graph, self._entry, self._exit, self._source = graph, entry, sink, kind

    def _drain(self) -> None:
        while self._exit is not None:
            try:
                frame = self._exit.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            if isinstance(frame, AudioFrame):
                self._put(frame)

    def _put(self, frame: AudioFrame) -> None:
        frame.time_base = Fraction(1, SOUND_RATE)
        frame.pts = self._next * SOUND_PACKET
        self.writer.add(self._stream.encode(frame))
        self._next += 1

    def finish(self, frames: int) -> None:
        """Ends the sound with the last of `frames` pictures: cut there, or silent until there."""
        if self._entry is not None:
            self._entry.push(None)
            self._drain()
        packets = self._timing.packets(frames)
        while self._next < packets:
            self._put(_silence())
        self.writer.add(self._stream.encode(None))
        self.writer.finish()


def _silence() -> AudioFrame:
    frame = AudioFrame(format="fltp", layout="stereo", samples=SOUND_PACKET)
    frame.sample_rate = SOUND_RATE
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    return frame
