"""The video that is converted: what it is like, and its pictures and sound from a moment on, damage left out."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from academy.infrastructure.media.ladder import steady_rate
from academy.infrastructure.media.opening import MICROSECOND, open_video, picture_stream
from academy.infrastructure.media.unusable import NOT_A_VIDEO, TOO_LONG, Unusable

_LONGEST = 12 * 3600
# Seeking lands a little before the moment that is wanted, so that sound is there from it on.
_EARLIER = Fraction(2)
# Stamps further behind the end than this are damaged.
_BEYOND = Fraction(10)
_DECODER_THREADS = 2


class ConversionSource:
    """A video file. Times are seconds from its beginning.

    Attributes:
        first: its first picture that can be decoded.
        rate: pictures a second of the converted video.
        duration: as the file says; 0 when it does not say.
        has_sound: whether there is sound that can be decoded.
        packets, damaged: how many packets `frames` has read, and how many of them could not be decoded.
    """

    def __init__(self, path: Path) -> None:
        """Raises Unusable, av.FFmpegError."""
        self._path = path
        with open_video(path) as container:
            video, audio = self._streams(container)
            self._origin = container.start_time * MICROSECOND if container.start_time else Fraction(0)
            self.duration = container.duration * MICROSECOND if container.duration else Fraction(0)
            if self.duration > _LONGEST:
                raise Unusable(TOO_LONG)
            self.rate = steady_rate(_rate_of(video))
            self.pixel_shape = video.sample_aspect_ratio
            self.first = self._first_picture(container, video)
            self.has_sound = audio is not None and audio.rate > 0 and audio.channels > 0
        self.packets = self.damaged = 0

    @staticmethod
    def _streams(container: InputContainer) -> tuple[VideoStream, AudioStream | None]:
        audio = container.streams.audio[0] if container.streams.audio else None
        return picture_stream(container), audio

    @staticmethod
    def _first_picture(container: InputContainer, video: VideoStream) -> VideoFrame:
        for packet in container.demux(video):
            try:
                for frame in packet.decode():
                    return frame
            except av.FFmpegError:  # damage at the beginning
                continue
        raise Unusable(NOT_A_VIDEO)

    def frames(self, start: Fraction) -> Iterator[tuple[VideoFrame | AudioFrame, Fraction]]:
        """Yields decoded pictures and sound, each with its time, from `start` or somewhat earlier on."""
        can_seek = self._can_seek(start)
        with open_video(self._path) as container:
            video, audio = self._streams(container)
            video.thread_type, video.codec_context.thread_count = "AUTO", _DECODER_THREADS
            if can_seek:
                self._seek(container, start)
            wanted: list[VideoStream | AudioStream] = [video, audio] if audio and self.has_sound else [video]
            for packet in self._read(container, wanted):
                for frame in self._decode(packet):
                    time = self._time_of(frame)
                    if time is not None:
                        yield frame, time

    def _can_seek(self, start: Fraction) -> bool:
        """Whether seeking to `start` leads to a picture before it; broken indexes lead anywhere."""
        if start <= 0:
            return False
        with open_video(self._path) as container:
            video, _ = self._streams(container)
            try:
                self._seek(container, start)
                time = self._time_of(self._first_picture(container, video))
            except (av.FFmpegError, Unusable):
                return False
            return time is not None and time <= start

    def _seek(self, container: InputContainer, start: Fraction) -> None:
        container.seek(int((self._origin + max(start - _EARLIER, Fraction(0))) / MICROSECOND))

    def _read(self, container: InputContainer, wanted: list[VideoStream | AudioStream]) -> "Iterator[Packet[Stream]]":
        try:
            yield from container.demux(wanted)
        except av.FFmpegError:
            for stream in wanted:  # what the decoders still hold
                yield from _last_of(stream)

    def _decode(self, packet: "Packet[Stream]") -> list[VideoFrame | AudioFrame]:
        self.packets += 1
        try:
            return [frame for frame in packet.decode() if isinstance(frame, VideoFrame | AudioFrame)]
        except av.EOFError:
            return []
        except av.FFmpegError:
            self.damaged += 1
            return []

    def _time_of(self, frame: VideoFrame | AudioFrame) -> Fraction | None:
        stamp = frame.pts if frame.pts is not None else frame.dts
        if stamp is None or frame.time_base is None:
            return None
        time = stamp * frame.time_base - self._origin
        limit = self.duration + _BEYOND if self.duration else Fraction(_LONGEST)
        return time if -_BEYOND <= time <= limit else None


def _last_of(stream: VideoStream | AudioStream) -> "Iterator[Packet[Stream]]":
    flush: Packet[Stream] = Packet()
    flush.stream = stream
    yield flush


def _rate_of(video: VideoStream) -> Fraction | None:
    guessed, average = video.guessed_rate, video.average_rate
    if guessed and average and guessed > 2 * average:
        # The clock of a variable rate, which ticks faster than any picture.
        return average
    return guessed or average
