"""The child process that looks into a video: `python -m academy.infrastructure.media.probe_process VIDEO POSTER`.

Writes one JSON object to stdout: `{"facts": {...}}` or `{"failure": "a sentence"}`, and the poster image (WebP) to the
path POSTER when there is a picture to show. Decoding foreign files is done here, with limits on processor time and
memory and at low priority, so that a hostile or broken file can at worst end this process.
"""

import sys
from pathlib import Path

import av
import msgspec
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import ImageStat

from academy.infrastructure.media.archives import hides_archive
from academy.infrastructure.media.confinement import confine
from academy.infrastructure.media.facts import ProbeAnswer, VideoFacts
from academy.infrastructure.media.opening import image_of, open_video, picture_stream, upright
from academy.infrastructure.media.unusable import CUT_OFF, HIDES_ARCHIVE, NO_LENGTH, NOT_A_VIDEO, Unusable

_MEMORY_BYTES = 2 << 30
_CPU_SECONDS = 60
_LARGEST_POSTER = (1280, 1280)
_POSTER_QUALITY = 80
_MOST_FRAMES = 300
_SECOND = 1_000_000
# Mean brightness (of 255) and spread under which a picture shows nothing.
_DARK, _FLAT = 16, 8
# Of a video whose end is damaged, this much has to be good.
_NEEDED_SHARE = 0.9


def main(video: Path, poster: Path) -> None:
    """Probes `video`, writes `poster` and prints the answer."""
    confine(niceness=15, cpu_seconds=_CPU_SECONDS, memory_bytes=_MEMORY_BYTES)
    try:
        _check_end_of_file(video)
        answer = ProbeAnswer(facts=_probe(video, poster))
    except Unusable as error:
        answer = ProbeAnswer(failure=str(error))
    except (av.FFmpegError, MemoryError, OSError, ValueError, OverflowError):
        answer = ProbeAnswer(failure=NOT_A_VIDEO)
    sys.stdout.buffer.write(msgspec.json.encode(answer))


def _check_end_of_file(video: Path) -> None:
    with video.open("rb") as file:
        if hides_archive(file):
            raise Unusable(HIDES_ARCHIVE)


def _probe(video: Path, poster: Path) -> VideoFacts:
    with open_video(video) as container:
        stream = picture_stream(container)
        stream.thread_type = "NONE"
        duration = _duration(container)
        frame = _telling_frame(container, duration)
        rotation = int(frame.rotation) % 360
        image = upright(image_of(frame), rotation, stream.sample_aspect_ratio)
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
            pixel_format=stream.codec_context.pix_fmt or "",
        )


def _duration(container: InputContainer) -> float:
    """Seconds: as the container says, else the end of its last packet."""
    if container.duration:
        return container.duration / _SECOND
    end = max((_end_of(packet) for packet in container.demux(container.streams.video[0])), default=0.0)
    if end <= 0:
        raise Unusable(NO_LENGTH)
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
        raise Unusable(NOT_A_VIDEO)
    return first


def _shows_something(frame: VideoFrame) -> bool:
    statistics = ImageStat.Stat(image_of(frame.reformat(width=64, height=36)).convert("L"))
    return statistics.mean[0] > _DARK and statistics.stddev[0] > _FLAT


def _check_end(container: InputContainer, duration: float) -> None:
    """Reads the last tenth; a file that was cut off before that has nothing there."""
    container.seek(int(duration * _NEEDED_SHARE * _SECOND))
    reached, most_missing = 0.0, max(min(10.0, duration / 4), duration / 20)
    try:
        for packet in container.demux(container.streams.video[0]):
            reached = max(reached, _end_of(packet))
    except av.FFmpegError:
        # The end is damaged: what is good is kept, when it is nearly all.
        most_missing = duration * (1 - _NEEDED_SHARE)
    start = (container.start_time or 0) / _SECOND
    if reached - start < duration - most_missing:
        raise Unusable(CUT_OFF)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
