"""What the conversion of a video is told and what it tells: the words between its process and the academy."""

import msgspec

from academy.infrastructure.media.ladder import Rung, Timing

# Names of files in the folder of a converted video.
SOUND = "audio"
INIT_FILE = "init.mp4"
THUMBNAILS, THUMBNAIL_TRACK = "thumbnails.webp", "thumbnails.vtt"
UNFINISHED = ".part"


def segment_file(number: int) -> str:
    """Returns the name of a segment's file."""
    return f"{number:05d}.m4s"


class ConversionOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be converted.

    Attributes:
        source: path of the video.
        folder: path of an existing folder for the results.
        first_segment: where to go on: segments before it are made already.
        cpu_seconds: processor time after which the process is ended.
    """

    source: str
    folder: str
    first_segment: int
    cpu_seconds: int


class ConversionProgress(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    """How far it is: segments before `segments` are complete in every size, and `percent` of the time is done."""

    segments: int
    percent: int


class SizeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A size that was made; `codecs` as in RFC 6381."""

    rung: Rung
    codecs: str


class StreamFacts(msgspec.Struct, frozen=True, kw_only=True, tag="stream"):
    """A conversion that came to its end.

    Attributes:
        timing, frames: of the pictures; of the sound follows from them.
        has_sound: whether there is the folder `audio`.
        sizes: largest first; each has a folder of its name.
        note: what the instructor should know, such as that the end is missing; "" when all is well.
    """

    timing: Timing
    frames: int
    has_sound: bool
    sizes: tuple[SizeFacts, ...]
    note: str = ""

    @property
    def segments(self) -> int:
        """Number of segments of each size."""
        return self.timing.segments(self.frames)


class ConversionFailure(msgspec.Struct, frozen=True, kw_only=True, tag="failure"):
    """The video cannot be converted; the reason is a sentence for the instructor."""

    reason: str


ConversionMessage = ConversionProgress | StreamFacts | ConversionFailure
