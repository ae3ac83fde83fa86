"""The child process that looks into a video: `python -m academy.infrastructure.media.probe_process VIDEO POSTER`.

Writes one JSON object to stdout: `{"facts": {...}}` or `{"failure": "a sentence"}`, and the poster image (WebP) to the
path POSTER when there is a picture to show. Decoding foreign files is done here, with limits on processor time and
memory and at low priority, so that a hostile or broken file can at worst end this process.
"""

import os
import resource
import sys
from fractions import Fraction
from pathlib import Path

import av
import msgspec
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image, ImageStat

from academy.infrastructure.media.facts import ProbeAnswer, VideoFacts

_MEMORY_BYTES = 2 << 30
_CPU_SECONDS = 60
_LARGEST_POSTER = (1280, 1280)
_POSTER_QUALITY = 80
_MOST_FRAMES = 300
_LARGEST_PIXELS = 7680 * 4320
_SECOND = 1_000_000
# Mean brightness (of 255) and spread under which a picture shows nothing.
_DARK, _FLAT = 16, 8

NOT_A_VIDEO = (
    "This file is not a video that can be read. Export it again as MP4 (H.264 and AAC) and upload it once more."
)
NO_PICTURE = "This file has sound but no picture. Upload a video, or put the sound into a video with a still picture."
CUT_OFF = "The video breaks off before its end, as if it was not copied completely. Upload the whole file again."
TOO_LARGE = "The picture of this video is larger than 8K. Export it with at most 3840 × 2160 and upload it once more."
NO_LENGTH = (
    "The length of this video cannot be told, so it may be damaged. Export it again as MP4 and upload it once more."
)


class _Unusable(Exception):
    pass


def main(video: Path, poster: Path) -> None:
    """Probes `video`, writes `poster` and prints the answer."""
    _confine()
    try:
        answer = ProbeAnswer(facts=_probe(video, poster))
    except _Unusable as error:
        answer = ProbeAnswer(failure=str(error))
    except (av.FFmpegError, MemoryError, OSError, ValueError, OverflowError):
        answer = ProbeAnswer(failure=NOT_A_VIDEO)
    sys.stdout.buffer.write(msgspec.json.encode(answer))


def _confine() -> None:
    os.nice(15)
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _probe(video: Path, poster: Path) -> VideoFacts:
    # Only the file itself: a playlist inside it must not make us open other files or addresses.
    options = {"protocol_whitelist": "file", "format_whitelist": "mov,mp4,matroska,webm,avi,flv,asf"}
    with av.open(str(video), "r", options=options, metadata_errors="replace") as container:
        if not container.streams.video:
            raise _Unusable(NO_PICTURE if container.streams.audio else NOT_A_VIDEO)
        stream = container.streams.video[0]
        if stream.width * stream.height > _LARGEST_PIXELS:
            raise _Unusable(TOO_LARGE)
        stream.thread_type = "NONE"
        duration = _duration(container)
        frame = _telling_frame(container, duration)
        rotation = int(frame.rotation) % 360
        image = _upright(frame, rotation, stream.sample_aspect_ratio)
        _check_end(container, duration)
        width, height = image.size
        image.thumbnail(_LARGEST_POSTER)
        image.save(poster, "WEBP", quality=_POSTER_QUALITY, method=4)
        audio = container.streams.audio[0].codec_context.name if container.streams.audio else ""
        return VideoFacts(
            duration_seconds=round(duration, 3),
            width=width,
            height=height,
            rotation=rotation,
            video_codec=stream.codec_context.name,
            audio_codec=audio,
        )


def _duration(container: InputContainer) -> float:
    """Seconds: as the container says, else the end of its last packet."""
    if container.duration:
        return container.duration / _SECOND
    end = max((_end_of(packet) for packet in container.demux(container.streams.video[0])), default=0.0)
    if end <= 0:
        raise _Unusable(NO_LENGTH)
    return end


def _end_of(packet: "av.Packet[VideoStream]") -> float:
    if packet.pts is None or packet.time_base is None:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)


def _telling_frame(container: InputContainer, duration: float) -> VideoFrame:
    """Returns a picture from the first tenth of the video that is neither black nor empty, else the first picture."""
    container.seek(int(min(duration / 10, 5) * _SECOND))
    first: VideoFrame | None = None
    for number, frame in enumerate(container.decode(video=0)):
        first = first or frame
        if number % 10 == 0 and _shows_something(frame):
            return frame
        if number >= _MOST_FRAMES:
            break
    if first is None:
        raise _Unusable(NOT_A_VIDEO)
    return first


def _shows_something(frame: VideoFrame) -> bool:
    statistics = ImageStat.Stat(_image(frame.reformat(width=64, height=36)).convert("L"))
    return statistics.mean[0] > _DARK and statistics.stddev[0] > _FLAT


def _image(frame: VideoFrame) -> Image.Image:
    image: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    return image


def _upright(frame: VideoFrame, rotation: int, pixel_shape: Fraction | None) -> Image.Image:
    """Returns the picture as a player shows it: with square pixels and turned upright."""
    image = _image(frame)
    if pixel_shape and pixel_shape > 0 and pixel_shape != 1:
        image = image.resize((max(1, round(image.width * pixel_shape)), image.height))
    return image.rotate(rotation, expand=True) if rotation else image


def _check_end(container: InputContainer, duration: float) -> None:
    """Reads on from shortly before the end; a file that was cut off has nothing there."""
    container.seek(int(max(duration - 2, 0) * _SECOND))
    reached = 0.0
    try:
        for packet in container.demux(container.streams.video[0]):
            reached = max(reached, _end_of(packet))
    except av.FFmpegError as error:
        raise _Unusable(CUT_OFF) from error
    start = (container.start_time or 0) / _SECOND
    if reached - start < duration - max(min(10.0, duration / 4), duration / 20):
        raise _Unusable(CUT_OFF)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
