"""Documents of the captions: tracks of a video, their cues, and the lines in which they are searched."""

from enum import StrEnum
from typing import ClassVar

import msgspec

from academy.infrastructure.database.document import Document, Index, SearchField
from academy.infrastructure.media.webvtt import Cue

# Begins the words that stand for a video or a course; nobody types it, so that no beginning of a word finds them.
SCOPE_LETTER = "\ua66e"


class TrackKind(StrEnum):
    """What a track is for (HTML, section 4.8.11).

    Captions tell all that is heard, subtitles what is said in another language, chapters name the parts of the video.
    """

    CAPTIONS = "captions"
    SUBTITLES = "subtitles"
    CHAPTERS = "chapters"


class CaptionTrack(Document, kw_only=True):
    """A timed text beside a video; there is one of each kind in each language.

    Attributes:
        language: BCP 47 tag as `known_language` writes it.
        is_default: whether the player shows it without being asked; at most one track of a video.
        cue_count: how many cues it has.
        revision: counts the edits of its cues; the API's ETag.
    """

    __collection__: ClassVar[str] = "captions"
    __indexes__: ClassVar[tuple[Index, ...]] = (Index(("video_id", "kind", "language"), unique=True),)

    video_id: str
    kind: TrackKind
    language: str
    is_default: bool = False
    cue_count: int
    revision: int = 1


class CaptionCues(Document, kw_only=True):
    """The cues of a track, by their times; the id is the track's. Kept apart so that lists of tracks stay small."""

    __collection__: ClassVar[str] = "caption_cues"
    __indexes__: ClassVar[tuple[Index, ...]] = (Index(("video_id",)),)

    video_id: str
    cues: list[Cue]


class CaptionLine(Document, kw_only=True):
    """A stretch of a track, of some seconds, in which words are searched; made anew whenever the cues change.

    Attributes:
        scope: the video and its course as `scope_word` writes them, so that the index of words narrows to them, too.
        start_ms: where the first of its cues begins.
        cues: as in the track, but their texts are what is read: without tags.
    """

    __collection__: ClassVar[str] = "caption_lines"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("video_id", "start_ms")),
        Index(("track_id",)),
    )
    __search__: ClassVar[tuple[SearchField, ...]] = (SearchField("cues.text"), SearchField("scope"))

    track_id: str
    video_id: str
    scope: str
    kind: TrackKind
    language: str
    start_ms: int
    cues: list[Cue]


def scope_word(owner_id: str) -> str:
    """Returns the word by which the lines of a video, or of a course, are found."""
    return f"{SCOPE_LETTER}{owner_id.replace('-', '')}"


class PlayableTrack(msgspec.Struct, frozen=True, kw_only=True):
    """A track as a player takes it. `url` is a path on this site that holds as long as the video's."""

    kind: TrackKind
    language: str
    label: str
    url: str
    default: bool


class Chapter(msgspec.Struct, frozen=True):
    """Where a part of a video begins, and what it is called."""

    start_seconds: float
    title: str
