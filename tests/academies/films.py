"""Odd videos, as phones, screens and old cameras make them: short, small, and made here."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import msgspec
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.filter.context import FilterContext
from av.filter.graph import Graph
from av.frame import Frame
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

_MILLISECOND = Fraction(1, 1000)


class Film(msgspec.Struct, frozen=True, kw_only=True):
    """What a video is like.

    Attributes:
        sound: codec, rate and layout, such as `("aac", 48000, "5.1")`.
        stamp: at which millisecond the picture of a number is shown; None: at a steady rate.
        group: pictures from one key frame to the next.
    """

    width: int = 160
    height: int = 90
    rate: Fraction = Fraction(10)
    seconds: float = 3
    codec: str = "libx264"
    pixels: str = "yuv420p"
    sound: tuple[str, int, str] | None = None
    stamp: Callable[[int], int] | None = None
    pixel_shape: Fraction | None = None
    group: int = 10


def make(path: Path, film: Film) -> Path:
    """Writes the video; the ending of `path` decides on its container. An MP4 can be read from its beginning on."""
    options = {"movflags": "+faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=options) as container:
        video = _picture_stream(container, film)
        sound = container.add_stream(film.sound[0], rate=film.sound[1], layout=film.sound[2]) if film.sound else None
        for number, picture in enumerate(_pictures(film)):
            if film.stamp:
                picture.pts, picture.time_base = film.stamp(number), _MILLISECOND
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        if isinstance(sound, AudioStream) and film.sound:
            for tone in _tone(sound.codec_context.format.name, film.sound[1], film.sound[2], film.seconds):
                container.mux(sound.encode(tone))
            container.mux(sound.encode(None))
    return path


def _picture_stream(container: OutputContainer, film: Film) -> VideoStream:
    video = container.add_stream(film.codec, rate=film.rate)
    assert isinstance(video, VideoStream)
    video.width, video.height, video.pix_fmt = film.width, film.height, film.pixels
    video.codec_context.time_base = video.time_base = _MILLISECOND if film.stamp else 1 / film.rate
    video.codec_context.options = {"g": str(film.group)}
    if film.pixel_shape:
        video.codec_context.sample_aspect_ratio = film.pixel_shape
    return video


def _pictures(film: Film) -> Iterator[VideoFrame]:
    graph = Graph()
    size = f"{film.width}x{film.height}"
    source = graph.add("testsrc2", f"size={size}:rate={film.rate}:duration={film.seconds}")
    for frame in _out_of(graph, source, graph.add("format", film.pixels), graph.add("buffersink")):
        if isinstance(frame, VideoFrame):
            frame.pict_type = PictureType.NONE
            yield frame


def _tone(samples: str, rate: int, layout: str, seconds: float) -> Iterator[AudioFrame]:
    graph = Graph()
    source = graph.add("sine", f"frequency=440:sample_rate={rate}:duration={seconds}")
    form = graph.add("aformat", f"sample_fmts={samples}:channel_layouts={layout}")
    for frame in _out_of(graph, source, form, graph.add("abuffersink")):
        if isinstance(frame, AudioFrame):
            yield frame


def _out_of(graph: Graph, *filters: FilterContext) -> Iterator[Frame]:
    for one, other in pairwise(filters):
        one.link_to(other)
    graph.configure()
    while True:
        try:
            yield filters[-1].pull()
        except (av.EOFError, av.BlockingIOError):
            return


def turned(content: bytes, width: int) -> bytes:
    """Returns an MP4 whose pictures are to be turned clockwise, as phones write it (ISO/IEC 14496-12, 8.3.2)."""
    one, minus, unit = (number.to_bytes(4, "big", signed=True) for number in (0x10000, -0x10000, 0x40000000))
    zero, shift = bytes(4), (width << 16).to_bytes(4, "big")
    upright = one + zero * 3 + one + zero * 3 + unit
    before, header, rest = content.partition(b"tkhd")
    assert upright in rest
    return before + header + rest.replace(upright, zero + one + zero + minus + zero * 2 + shift + zero + unit, 1)
