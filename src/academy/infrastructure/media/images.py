"""Turns uploaded pictures into clean ones: encoded anew, in several sizes, without metadata; in a child process."""

from enum import Enum

import msgspec

from academy.infrastructure.media.child import run_child
from academy.infrastructure.media.errors import BrokenMedia

# The exit code of the child process for a picture that it does not take.
REFUSED = 3
BROKEN = "This picture could not be read; it may be damaged. Save it again as JPEG or PNG and upload it once more."
_MODULE = "academy.infrastructure.media.image_process"
_TIMEOUT_SECONDS = 60.0


class Shape(Enum):
    """What a picture is for: its largest width and height in pixels, and whether it is cut to exactly that ratio.

    Attributes:
        widths: further ones, smallest first, in which it is made for screens that need no more.
    """

    COVER = (1280, 720, True)
    AVATAR = (320, 320, True)
    PICTURE = (1600, 1600, False)

    @property
    def widths(self) -> tuple[int, ...]:
        """As above."""
        return {Shape.COVER: (320, 640, 960), Shape.AVATAR: (80, 160), Shape.PICTURE: ()}[self]


class CleanImage(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A picture in one size and format: `webp` or `avif`."""

    width: int
    extension: str
    content: bytes


async def clean_image(content: bytes, shape: Shape) -> list[CleanImage]:
    """Returns the picture in the shape, upright, without metadata; never enlarged, animation dropped.

    The first one is WebP in full size. Where the shape has further widths, those follow, and all of them as AVIF.
    The work is done at low priority in a child process with limits on time and memory. A cancelled call ends the
    process.

    Raises:
        BrokenMedia: `content` is no JPEG, PNG, GIF or WebP, is damaged, or has too many pixels: more than 50 million
            as JPEG, else more than 4096 × 4096.
    """
    try:
        code, output = await run_child(_MODULE, shape.name, given=content, seconds=_TIMEOUT_SECONDS)
    except TimeoutError as error:
        raise BrokenMedia(BROKEN) from error
    if code == REFUSED:
        raise BrokenMedia(output.decode())
    if code != 0:  # ended by its limits or by the decoder's own fault
        raise BrokenMedia(BROKEN)
    return msgspec.msgpack.decode(output, type=list[CleanImage])
