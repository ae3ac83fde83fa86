"""Writes an encoded stream as segments of fragmented MP4 (CMAF, ISO/IEC 23000-19), one file each.

Every segment is written on its own, with its true place in time, and holds all that its decoding needs beside
`init.mp4`. So a conversion that was ended anywhere can go on at any segment, and what both made fits together.
"""

from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from academy.infrastructure.media.streaming import INIT_FILE, UNFINISHED, segment_file

_FRAGMENT = "frag_custom+empty_moov+default_base_moof+cmaf+frag_discont+skip_trailer"
_HEADER_BYTES = 8

# The class is generic for the type checker only.
StreamPacket: TypeAlias = "Packet[VideoStream] | Packet[AudioStream]"


def encoder_home() -> OutputContainer:
    """Returns a container whose streams encode; what it would write itself goes nowhere."""
    return av.open(BytesIO(), "w", format="mp4", options={"movflags": _FRAGMENT})


class SegmentWriter:
    """Gathers the packets of one stream and writes each segment when the next one begins.

    Attributes:
        number: the segment that is being gathered; those before it were written.
        init: what `init.mp4` has; empty before the first segment is written.
    """

    def __init__(
        self, folder: Path, stream: VideoStream | AudioStream, first: int, begin_of: Callable[[int], int]
    ) -> None:
        """Writes to `folder`, which is made; `begin_of` says at which time, in the packets' unit, a segment begins."""
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._stream = stream
        self._begin_of = begin_of
        self._packets: list[StreamPacket] = []
        self.init = b""
        self.number = first

    def add(self, packets: "Iterable[StreamPacket]") -> None:
        """Takes packets in the order of decoding; those before the first segment are dropped."""
        for packet in packets:
            if packet.pts is None or packet.pts < self._begin_of(self.number):
                # The first picture of a segment needs none before it, so only warm-up sound is dropped.
                continue
            if packet.pts >= self._begin_of(self.number + 1):
                self._write()
            self._packets.append(packet)

    def finish(self) -> None:
        """Writes the last segment."""
        if self._packets:
            self._write()

    def _write(self) -> None:
        sink = BytesIO()
        options = {"movflags": _FRAGMENT, "fragment_index": str(self.number + 1)}
        with av.open(sink, "w", format="mp4", options=options) as container:
            stream = container.add_stream_from_template(self._stream)
            for packet in self._packets:
                packet.stream = stream
                container.mux_one(packet)
        head, fragment = _parted(sink.getvalue())
        if not self.init:
            self._place(INIT_FILE, head)
            self.init = head
        self._place(segment_file(self.number), fragment)
        self._packets = []
        self.number += 1

    def _place(self, name: str, content: bytes) -> None:
        unfinished = self._folder / f"{name}{UNFINISHED}"
        unfinished.write_bytes(content)
        unfinished.rename(self._folder / name)


def _parted(content: bytes) -> tuple[bytes, bytes]:
    """Parts what the muxer wrote before its first `moof` box (ISO/IEC 14496-12, 8.8.4)."""
    position = 0
    while content[position + 4 : position + _HEADER_BYTES] != b"moof":
        position += max(int.from_bytes(content[position : position + 4], "big"), _HEADER_BYTES)
        if position >= len(content):
            raise ValueError("the muxer wrote no fragment")
    return content[:position], content[position:]


def video_codec_of(init: bytes) -> str:
    """Returns the name (RFC 6381, 3.3) of the H.264 that an initialisation segment announces, such as `avc1.640028`."""
    profile = init.index(b"avcC") + 5  # behind the box's type and its version (ISO/IEC 14496-15, 5.3.3.1)
    return f"avc1.{init[profile : profile + 3].hex()}"
