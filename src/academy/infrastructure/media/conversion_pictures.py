"""The pictures of a conversion: made upright, of square pixels and of a steady rate, scaled and encoded in each size.

Every picture is decoded once and goes through one graph of filters that ends in all sizes. Pictures of more than 8 bits
(HDR) are converted plainly, without tone mapping.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.filter.context import FilterContext
from av.filter.graph import Graph
from av.video.frame import PictureType, VideoFrame

from academy.infrastructure.media.ladder import Rung, Timing
from academy.infrastructure.media.segments import SegmentWriter, encoder_home

# A lecture takes 40 % of the bytes that `superfast` needs for it, in a fourth more time.
_PRESET = "veryfast"
_QUALITY = "23"
# Constants of libav (ITU-T H.273): BT.709 for HD, SMPTE 170M for SD; 1 is the range of television, 2 the full one.
_UNSPECIFIED, _BT709, _SMPTE170M, _LIMITED, _FULL = 2, 1, 6, 1, 2
_HD_LINES = 720
_TURNS = {90: ("transpose=cclock",), 180: ("hflip", "vflip"), 270: ("transpose=clock",)}


class PictureFilters:
    """One graph from the decoded pictures to those of every rung, numbered from the beginning of the video."""

    def __init__(self, first: VideoFrame, rungs: Sequence[Rung], timing: Timing, start_frame: int) -> None:
        """`first` is a picture of the source, `start_frame` the number of the first picture that is wanted."""
        self._format, self._width, self._height = first.format.name, first.width, first.height
        self._time_base, self._rate = Fraction(1, 90_000), timing.rate
        self._is_rgb = first.format.is_rgb
        graph = Graph()
        self._entry = graph.add("buffer", self._entry_options())
        start = float(start_frame / timing.rate)
        last = _chain(graph, self._entry, f"fps=fps={timing.rate}:start_time={start:.9f}")
        last = _chain(graph, last, *_TURNS.get(int(first.rotation) % 360, ()))
        last = _chain(graph, last, f"split={len(rungs)}")
        self._exits = [self._exit(graph, last, number, rung) for number, rung in enumerate(rungs)]
        graph.configure()
        self._graph = graph  # keeps the filters alive

    def _entry_options(self) -> str:
        space = "" if self._is_rgb else f":colorspace={self._space(_UNSPECIFIED)}:range={_LIMITED}"
        size = f"{self._width}x{self._height}"
        return f"video_size={size}:pix_fmt={self._format}:time_base={self._time_base}:pixel_aspect=1/1{space}"

    def _space(self, space: int) -> int:
        """Returns the colours of pictures that do not say it: by their size, as players take it."""
        if space in {_UNSPECIFIED, 0}:
            return _BT709 if min(self._width, self._height) >= _HD_LINES else _SMPTE170M
        return space

    @staticmethod
    def _exit(graph: Graph, split: FilterContext, number: int, rung: Rung) -> FilterContext:
        scale = graph.add(
            "scale", f"{rung.width}:{rung.height}:flags=bicubic:out_color_matrix=bt709:out_range=tv:in_range=auto"
        )
        split.link_to(scale, number, 0)
        return _chain(graph, scale, "setsar=1", "format=yuv420p", "buffersink")

    def push(self, frame: VideoFrame | None, time: Fraction = Fraction(0)) -> Iterator[tuple[int, VideoFrame]]:
        """Takes a picture shown at `time`, None after the last; yields (number of the rung, finished picture)."""
        self._entry.push(self._prepared(frame, time) if frame else None)
        for number, way_out in enumerate(self._exits):
            while True:
                try:
                    finished = way_out.pull()
                except (av.BlockingIOError, av.EOFError):
                    break
                if isinstance(finished, VideoFrame):
                    yield number, finished

    def _prepared(self, frame: VideoFrame, time: Fraction) -> VideoFrame:
        if (frame.format.name, frame.width, frame.height) != (self._format, self._width, self._height):
            # Some files change their size on the way; players scale then, too.
            frame = frame.reformat(self._width, self._height, self._format)
        if not self._is_rgb:
            frame.colorspace = self._space(int(frame.colorspace))
            is_full = int(frame.color_range) == _FULL or self._format.startswith("yuvj")
            frame.color_range = _FULL if is_full else _LIMITED
        # How long the last picture stays is told by nothing else.
        shown = frame.duration * (frame.time_base or 0) or 1 / self._rate
        frame.pts, frame.duration = round(time / self._time_base), round(shown / self._time_base)
        frame.time_base = self._time_base
        return frame


def _chain(graph: Graph, last: FilterContext, *filters: str) -> FilterContext:
    for text in filters:
        name, _, options = text.partition("=")
        following = graph.add(name, options) if options else graph.add(name)
        last.link_to(following)
        last = following
    return last


class SizeEncoder:
    """Encodes the pictures of one rung and writes its segments. Each segment begins with a picture of its own."""

    def __init__(self, folder: Path, rung: Rung, timing: Timing, first_segment: int, threads: int) -> None:
        self._timing = timing
        self._container = encoder_home()
        stream = self._container.add_stream("libx264", rate=timing.rate)
        stream.width, stream.height, stream.pix_fmt = rung.width, rung.height, "yuv420p"
        context = stream.codec_context
        context.time_base = 1 / timing.rate
        context.thread_count = threads
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        context.options = {
            "preset": _PRESET,
            "crf": _QUALITY,
            "maxrate": str(rung.bit_rate),
            "bufsize": str(rung.bit_rate * 2),
            # Pictures in their own order: without B-frames every player agrees on when the first one is shown.
            "bf": "0",
            "g": str(timing.segment_frames),
            "sc_threshold": "0",
            "forced-idr": "1",
        }
        self._stream = stream
        self._container.start_encoding()
        self.writer = SegmentWriter(folder / rung.name, stream, first_segment, timing.first_frame)
        self._last: VideoFrame | None = None
        self.frames = timing.first_frame(first_segment)

    def encode(self, frame: VideoFrame) -> None:
        """Takes the next picture of the rung."""
        frame.pts, frame.time_base = self.frames, 1 / self._timing.rate
        begins = self.frames % self._timing.segment_frames == 0
        frame.pict_type = PictureType.I if begins else PictureType.NONE
        for packet in self._stream.encode(frame):
            packet.duration = 1
            self.writer.add([packet])
        self._last = frame
        self.frames += 1

    def finish(self, frames: int) -> None:
        """Repeats the last picture until there are `frames`, and writes the last segment."""
        while self._last is not None and self.frames < frames:
            self.encode(self._last)
        for packet in self._stream.encode(None):
            packet.duration = 1
            self.writer.add([packet])
        self.writer.finish()
