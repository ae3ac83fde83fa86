"""What a probe finds out about a video, and how its process tells it."""

import msgspec


class VideoFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about a video.

    Attributes:
        duration_seconds: length, to the millisecond.
        width, height: of the picture as it is shown, upright and with square pixels.
        rotation: degrees counter-clockwise by which players turn the stored picture: 0, 90, 180 or 270.
        video_codec, audio_codec: names such as `h264` and `aac`; audio "" without sound.
        pixel_format: how pictures are stored, such as `yuv420p`.
    """

    duration_seconds: float
    width: int
    height: int
    rotation: int
    video_codec: str
    audio_codec: str
    pixel_format: str


class ProbeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the probe process writes: facts, or the reason why there are none."""

    facts: VideoFacts | None = None
    failure: str = ""
