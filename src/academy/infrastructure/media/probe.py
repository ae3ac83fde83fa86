"""Finds out whether a file is a video that can be shown, what it is like, and makes its poster; in a child process."""

from pathlib import Path

import msgspec

from academy.infrastructure.media.child import run_child
from academy.infrastructure.media.errors import BrokenMedia
from academy.infrastructure.media.facts import ProbeAnswer, VideoFacts

_MODULE = "academy.infrastructure.media.probe_process"
_UNREADABLE = (
    "This video could not be read; it may be damaged. Export it again as MP4 (H.264 and AAC) and upload it once more."
)
_TOO_SLOW = "Reading this video took too long. Export it again as MP4 (H.264 and AAC) and upload it once more."


async def probe_video(video: Path, poster: Path, *, timeout_seconds: float = 90.0) -> VideoFacts:
    """Returns the facts about the file `video` and writes its poster (WebP, at most 1280 × 1280) to `poster`.

    The work is done at low priority in a child process with limits on time and memory. A cancelled call ends the
    process.

    Raises:
        BrokenMedia: the file is no video, is damaged, or takes longer than `timeout_seconds`; the message says so in
            words for the instructor.
    """
    try:
        _, output = await run_child(_MODULE, str(video), str(poster), seconds=timeout_seconds)
    except TimeoutError as error:
        raise BrokenMedia(_TOO_SLOW) from error
    try:
        answer = msgspec.json.decode(output, type=ProbeAnswer)
    except msgspec.DecodeError as error:
        # The process was ended by its limits or by the decoder's own fault.
        raise BrokenMedia(_UNREADABLE) from error
    if answer.facts is None:
        raise BrokenMedia(answer.failure or _UNREADABLE)
    return answer.facts
