"""Opens videos of strangers, and turns their pictures as players show them."""

from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from academy.infrastructure.media.unusable import NO_PICTURE, NOT_A_VIDEO, TOO_LARGE, Unusable

MICROSECOND = Fraction(1, 1_000_000)
_LARGEST_PIXELS = 7680 * 4320
# Only the file itself: a playlist inside it must not make us open other files or addresses.
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": "mov,mp4,matroska,webm,avi,flv,asf"}


def open_video(path: Path) -> InputContainer:
    """Returns the opened file. Raises av.FFmpegError."""
    return av.open(str(path), "r", options=dict(_OPTIONS), metadata_errors="replace")


def picture_stream(container: InputContainer) -> VideoStream:
    """Returns the stream of pictures. Raises Unusable when there is none, or when it is larger than 8K."""
    if not container.streams.video:
        raise Unusable(NO_PICTURE if container.streams.audio else NOT_A_VIDEO)
    stream = container.streams.video[0]
    if stream.width * stream.height > _LARGEST_PIXELS:
        raise Unusable(TOO_LARGE)
    # The header of the file may say less than the pictures themselves do.
    stream.codec_context.options = {"max_pixels": str(_LARGEST_PIXELS)}
    return stream


def image_of(frame: VideoFrame) -> Image.Image:
    """Returns the picture as it is stored."""
    image: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    return image


def upright(image: Image.Image, rotation: int, pixel_shape: Fraction | None) -> Image.Image:
    """Returns the picture as a player shows it: with square pixels and turned by `rotation` degrees."""
    if pixel_shape and pixel_shape > 0 and pixel_shape != 1:
        image = image.resize((max(1, round(image.width * pixel_shape)), image.height))
    return image.rotate(rotation, expand=True) if rotation else image
