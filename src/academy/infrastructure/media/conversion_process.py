"""The child process that converts a video: `python -m academy.infrastructure.media.conversion_process ORDER`.

ORDER is a ConversionOrder in JSON. Thumbnails, and for each size `init.mp4` and the segments, are written to its
folder; a file has its name only when it is complete. Lines of JSON on stdout (ConversionMessage) say how far it is, and
the last one how it ended. Decoding foreign files is done here, with limits and at the lowest priority, so that a
hostile or broken file can at worst end this process. It also ends when stdin closes: when whoever started it is gone.
"""

import math
import os
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import msgspec
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from academy.infrastructure.media.confinement import confine
from academy.infrastructure.media.conversion_pictures import PictureFilters, SizeEncoder
from academy.infrastructure.media.conversion_sound import SoundEncoder
from academy.infrastructure.media.conversion_source import ConversionSource
from academy.infrastructure.media.ladder import Rung, Timing, ladder_for
from academy.infrastructure.media.segments import video_codec_of
from academy.infrastructure.media.streaming import (
    ConversionFailure,
    ConversionMessage,
    ConversionOrder,
    ConversionProgress,
    SizeFacts,
    StreamFacts,
)
from academy.infrastructure.media.thumbnails import write_thumbnails
from academy.infrastructure.media.unusable import CUT_OFF, DAMAGED, NOT_A_VIDEO, Unusable

_MEMORY_BYTES = 4 << 30
_FILE_BYTES = 256 << 20
_REPORT_SECONDS = 0.5
_MOST_THREADS = 4
# Of a video whose end is damaged, this much has to be good; and this much of what is read has to be decodable.
_NEEDED_SHARE = Fraction(9, 10)
# Files tell their length a little wrong; less than this is not missed.
_TOLERANCE = Fraction(1, 2)


def main(order: ConversionOrder) -> None:
    """Converts and tells how it went."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    confine(niceness=19, cpu_seconds=order.cpu_seconds, memory_bytes=_MEMORY_BYTES, file_bytes=_FILE_BYTES)
    try:
        _tell(_Conversion(order).run())
    except Unusable as error:
        _tell(ConversionFailure(reason=str(error)))
    except (av.FFmpegError, MemoryError, ValueError, OverflowError):
        _tell(ConversionFailure(reason=NOT_A_VIDEO))
    except OSError:
        # The disk is full, or whoever listens is gone: not the file's fault.
        sys.exit(os.EX_TEMPFAIL)


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


def _tell(message: ConversionMessage) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


class _Conversion:
    """One run from a segment to the end of the video."""

    def __init__(self, order: ConversionOrder) -> None:
        self._folder, self._first_segment = Path(order.folder), order.first_segment
        self._path = Path(order.source)
        self._source = ConversionSource(self._path)
        self._timing = Timing.at(self._source.rate)
        threads = min(os.cpu_count() or 1, _MOST_THREADS)
        self._rungs = self._ladder()
        self._sizes = [
            SizeEncoder(self._folder, rung, self._timing, self._first_segment, threads) for rung in self._rungs
        ]
        self._sound = SoundEncoder(self._folder, self._timing, self._first_segment) if self._source.has_sound else None
        self._told = 0.0

    def _ladder(self) -> tuple[Rung, ...]:
        first, shape = self._source.first, self._source.pixel_shape
        size = (round(first.width * shape) if shape and shape > 0 else first.width, first.height)
        is_turned = int(first.rotation) % 180 != 0
        width, height = reversed(size) if is_turned else size
        return ladder_for(max(1, width), max(1, height), self._source.rate)

    def run(self) -> StreamFacts:
        """Makes everything. Raises Unusable."""
        if self._first_segment == 0:
            write_thumbnails(self._path, self._folder, self._source.duration, self._report)
        start = self._timing.first_frame(self._first_segment)
        filters = PictureFilters(self._source.first, self._rungs, self._timing, start)
        for frame, moment in self._source.frames(start / self._timing.rate):
            if isinstance(frame, AudioFrame):
                if self._sound:
                    self._sound.encode(frame, moment)
            else:
                self._put(filters, frame, moment)
            self._report()
        self._put(filters, None, Fraction(0))
        return self._finish()

    def _put(self, filters: PictureFilters, frame: VideoFrame | None, moment: Fraction) -> None:
        for number, picture in filters.push(frame, moment):
            self._sizes[number].encode(picture)

    def _finish(self) -> StreamFacts:
        note = self._judge()
        frames = self._sizes[0].frames
        if self._sound:
            # Recordings of a screen that stands still may end with their sound, not with a picture.
            frames = max(frames, round(self._sound.heard_until * self._timing.rate))
        for size in self._sizes:
            size.finish(frames)
        if self._sound:
            self._sound.finish(frames)
        # From memory: whoever watches the folder may have taken the files.
        inits = (size.writer.init for size in self._sizes)
        sizes = zip(self._rungs, inits, strict=True)
        return StreamFacts(
            timing=self._timing,
            frames=frames,
            has_sound=self._sound is not None,
            sizes=tuple(SizeFacts(rung=rung, codecs=video_codec_of(init)) for rung, init in sizes),
            note=note,
        )

    def _judge(self) -> str:
        """Returns what is missing, in words; "" when nothing is. Raises Unusable when it is too much."""
        source = self._source
        if source.damaged > source.packets * (1 - _NEEDED_SHARE):
            raise Unusable(DAMAGED)
        heard_until = self._sound.heard_until if self._sound else Fraction(0)
        frames = self._sizes[0].frames
        reached = max(frames / self._timing.rate, heard_until)
        if frames == self._timing.first_frame(self._first_segment):
            raise Unusable(CUT_OFF if self._first_segment else NOT_A_VIDEO)
        missing = source.duration - reached
        if missing > max(source.duration * (1 - _NEEDED_SHARE), _TOLERANCE):
            raise Unusable(CUT_OFF)
        if missing > _TOLERANCE:
            return f"The end of this video is missing: its last {math.ceil(missing)} seconds could not be read."
        return "Some pictures of this video are damaged and were left out." if source.damaged else ""

    def _report(self) -> None:
        now = time.monotonic()
        if now - self._told < _REPORT_SECONDS:
            return
        self._told = now
        writers = [size.writer for size in self._sizes] + ([self._sound.writer] if self._sound else [])
        reached = self._sizes[-1].frames / self._timing.rate
        percent = int(100 * reached / self._source.duration) if self._source.duration else 0
        _tell(ConversionProgress(segments=min(writer.number for writer in writers), percent=min(percent, 99)))


if __name__ == "__main__":
    main(msgspec.json.decode(sys.argv[1], type=ConversionOrder))
