"""Chapters: what their makers type, one `0:00 Title` a line, and the rules for them."""

import re
from collections.abc import Sequence

from academy.features.videos.captions_model import Chapter
from academy.infrastructure.media.webvtt import Cue, cue_text, plain_text
from academy.kit.errors import InvalidError
from academy.kit.places import clock_time

MOST_CHAPTERS, LONGEST_TITLE = 100, 100
SHORTEST_CHAPTER_MS = 10_000
# Of a video whose length is not known yet.
_UNKNOWN_END_MS = 24 * 3_600_000

_LINE = re.compile(r"(?:(\d{1,2}):)?(\d{1,3}):([0-5]\d)(?:\s+[-–]\s+|\s+)(\S.*)", re.ASCII)
_SECOND = 1_000


def read_chapters(text: str, duration_seconds: float) -> list[Cue]:
    """Returns the cues of the chapters that a text tells; none for an empty one.

    Args:
        text: one chapter a line: minutes:seconds or hours:minutes:seconds, and the title.
        duration_seconds: length of the video, 0 when it is not known yet.

    Raises:
        InvalidError: a line is malformed or breaks a rule; it blames the field `chapters` and names the line.
    """
    found: list[tuple[int, int, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        parts = _LINE.fullmatch(line.strip())
        if parts is None:
            raise _wrong(number, "write the time and the title, such as 4:30 The first program.")
        hours, minutes, seconds, title = parts.groups()
        found.append((number, ((int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)) * _SECOND, title))
    return _checked(found, duration_seconds)


def check_chapters(cues: Sequence[Cue], duration_seconds: float) -> list[Cue]:
    """Returns chapters that came as a file, each lasting until the next. Raises InvalidError as `read_chapters`."""
    starts = [(number, cue.start_ms, plain_text(cue.text)) for number, cue in enumerate(cues, start=1)]
    return _checked(starts, duration_seconds)


def write_chapters(cues: Sequence[Cue]) -> str:
    """Returns chapters as their makers type them."""
    return "\n".join(f"{clock_time(cue.start_ms // _SECOND)} {plain_text(cue.text)}" for cue in cues)


def chapters_of(cues: Sequence[Cue]) -> list[Chapter]:
    """Returns the chapters that the cues of a track are."""
    return [Chapter(cue.start_ms / _SECOND, plain_text(cue.text)) for cue in cues]


def _checked(found: Sequence[tuple[int, int, str]], duration_seconds: float) -> list[Cue]:
    """Returns the cues of chapters given by line, start and title."""
    if not found:
        return []
    if len(found) > MOST_CHAPTERS:
        raise _wrong(found[MOST_CHAPTERS][0], f"a video has at most {MOST_CHAPTERS} chapters. Leave some out.")
    end_ms = round(duration_seconds * _SECOND) or _UNKNOWN_END_MS
    before = -SHORTEST_CHAPTER_MS
    for number, start_ms, title in found:
        if before < 0 and start_ms:
            raise _wrong(number, "the first chapter begins at 0:00.")
        if start_ms <= before:
            raise _wrong(number, "each chapter begins after the one before it. Put them in order.")
        if start_ms - before < SHORTEST_CHAPTER_MS:
            raise _wrong(number, f"a chapter lasts at least {SHORTEST_CHAPTER_MS // _SECOND} seconds.")
        if start_ms >= end_ms:
            raise _wrong(number, f"the video ends at {clock_time(end_ms // _SECOND)}, before this chapter.")
        if not cue_text(title) or len(title) > LONGEST_TITLE:
            raise _wrong(number, f"a title has between 1 and {LONGEST_TITLE} characters.")
        before = start_ms
    ends = [*(start_ms for _, start_ms, _ in found[1:]), end_ms]
    return [Cue(start_ms, end, cue_text(title)) for (_, start_ms, title), end in zip(found, ends, strict=True)]


def _wrong(number: int, what: str) -> InvalidError:
    reason = f"Line {number}: {what}"
    return InvalidError(reason, fields={"chapters": reason})
