"""Captions, subtitles and chapters of videos: kept, edited, delivered, searched."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby

import msgspec

from academy.features.videos.captions_model import (
    SCOPE_LETTER,
    CaptionCues,
    CaptionLine,
    CaptionTrack,
    Chapter,
    PlayableTrack,
    TrackKind,
    scope_word,
)
from academy.features.videos.chapters import chapters_of, check_chapters, read_chapters, write_chapters
from academy.features.videos.errors import TrackExists, TrackNotFound, VideoNotFound
from academy.features.videos.languages import known_language, language_label
from academy.features.videos.model import Video
from academy.features.videos.repository import CaptionRepository, VideoRepository
from academy.infrastructure.database.base import Database, Filter
from academy.infrastructure.database.errors import UniqueViolation, VersionConflict
from academy.infrastructure.database.search import marked, searched_words
from academy.infrastructure.media.webvtt import Cue, plain_text, write_captions
from academy.infrastructure.storage.signing import UrlSigner
from academy.kit.clock import Clock
from academy.kit.errors import InvalidError

CAPTIONS_PATH = "/captions/"
# A sentence is divided over several cues; so words are searched in stretches of this length.
_STRETCH_MS = 15_000
_MOST_CUES_IN_LINE = 40


class CaptionHit(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a video in which searched words are said.

    Attributes:
        start_seconds: where the cue begins that holds most of the words.
        parts: the text, divided into what was searched (True) and what stands around it.
    """

    video_id: str
    kind: TrackKind
    language: str
    start_seconds: int
    parts: list[tuple[str, bool]]


class CaptionHits(msgspec.Struct, frozen=True, kw_only=True):
    """A page of hits; `total` counts up to a thousand, `next_cursor` is None on the last page."""

    items: list[CaptionHit]
    next_cursor: str | None
    total: int


class CaptionService:
    """The timed texts of videos. Who may see or change them decides who may do so with the video."""

    def __init__(self, database: Database, clock: Clock, signer: UrlSigner, url_seconds: int) -> None:
        self._database = database
        self._repository = CaptionRepository(database)
        self._videos = VideoRepository(database)
        self._clock = clock
        self._signer = signer
        self._url_seconds = url_seconds

    async def video_in(self, course_id: str, video_id: str | None) -> Video:
        """Returns a video of a course, for its makers. Raises VideoNotFound."""
        video = await self._videos.get(video_id) if video_id else None
        if video is None or video.course_id != course_id:
            raise VideoNotFound
        return video

    async def tracks(self, video_id: str) -> list[CaptionTrack]:
        """Returns the tracks of a video, by kind and language."""
        return await self._repository.of_video(video_id)

    async def track(self, video_id: str, kind: TrackKind, language: str) -> CaptionTrack:
        """Returns a track. Raises TrackNotFound, and InvalidError for what is no language."""
        return _found(await self._repository.track(video_id, kind, known_language(language)))

    async def track_with(self, video_id: str, track_id: str) -> CaptionTrack:
        """Returns the track of a video with this id. Raises TrackNotFound."""
        track = await self._repository.get(track_id)
        return _found(track if track is not None and track.video_id == video_id else None)

    async def cues(self, track: CaptionTrack) -> list[Cue]:
        """Returns the cues of a track, by their times."""
        held = await self._repository.cues(track.id)
        return held.cues if held else []

    async def add(
        self, video: Video, kind: TrackKind, language: str, cues: Sequence[Cue], *, is_default: bool = False
    ) -> CaptionTrack:
        """Gives a video a new track.

        Raises TrackExists, VideoNotFound when it was deleted meanwhile, InvalidError for what is no language, for no
        cues, or for chapters that break their rules.
        """
        language, cues = known_language(language), _checked(kind, cues, video)
        now = self._clock.now()
        track = CaptionTrack(
            video_id=video.id, kind=kind, language=language, cue_count=len(cues), created_at=now, updated_at=now
        )

        async def work() -> None:
            if not await self._repository.hold_video(video.id, now):
                raise VideoNotFound
            await self._repository.insert(track, self._document(track, cues))
            await self._repository.replace_lines(track.id, _lines(track, video.course_id, cues))
            if is_default and kind is not TrackKind.CHAPTERS:
                await self._repository.set_default(video.id, track.id)
                track.is_default = True

        try:
            await self._database.transaction(work)
        except UniqueViolation as error:
            raise TrackExists from error
        return track

    async def edit(
        self, video: Video, track: CaptionTrack, cues: Sequence[Cue], *, revision: int | None = None
    ) -> CaptionTrack:
        """Replaces the cues of a track, which must still have this `revision`; without one, that of `track`.

        Raises VersionConflict, and InvalidError as `add` does.
        """
        cues = _checked(track.kind, cues, video)
        seen = track.revision if revision is None else revision
        fields = {"cue_count": len(cues), "revision": seen + 1, "updated_at": self._clock.now()}

        async def work() -> CaptionTrack:
            changed = await self._repository.change(track.id, seen, fields)
            if changed is None:
                raise VersionConflict(CaptionTrack.__collection__, track.id)
            await self._repository.replace_cues(track.id, self._document(changed, cues))
            await self._repository.replace_lines(track.id, _lines(changed, video.course_id, cues))
            return changed

        return await self._database.transaction(work)

    def _document(self, track: CaptionTrack, cues: Sequence[Cue]) -> CaptionCues:
        return CaptionCues(
            id=track.id,
            video_id=track.video_id,
            cues=list(cues),
            created_at=track.created_at,
            updated_at=track.updated_at,
        )

    async def set_default(self, video_id: str, track_id: str) -> None:
        """Makes a track the one that is shown without being asked; "" makes it none of the video's."""
        await self._database.transaction(lambda: self._repository.set_default(video_id, track_id))

    async def delete(self, track: CaptionTrack) -> None:
        """Deletes a track. Raises TrackNotFound when it is gone already."""
        if not await self._database.transaction(lambda: self._repository.delete(track.id)):
            raise TrackNotFound

    async def chapters(self, video_id: str) -> list[Chapter]:
        """Returns the chapters of a video, none without any."""
        track = await self._chapter_track(video_id)
        return chapters_of(await self.cues(track)) if track else []

    async def chapters_as_typed(self, video_id: str) -> str:
        """Returns the chapters of a video as their makers type them."""
        track = await self._chapter_track(video_id)
        return write_chapters(await self.cues(track)) if track else ""

    async def save_chapters(self, video: Video, language: str, text: str) -> int:
        """Gives a video the chapters that a text tells, in place of those before; returns how many.

        Raises InvalidError, which blames the field `chapters` and names the line; VersionConflict.
        """
        cues = read_chapters(text, video.duration_seconds)
        track = await self._chapter_track(video.id)
        if track and cues:
            await self.edit(video, track, cues)
        elif track:
            await self.delete(track)
        elif cues:
            await self.add(video, TrackKind.CHAPTERS, language, cues)
        return len(cues)

    async def _chapter_track(self, video_id: str) -> CaptionTrack | None:
        return next((one for one in await self.tracks(video_id) if one.kind is TrackKind.CHAPTERS), None)

    async def any_said(self, video_ids: Sequence[str]) -> bool:
        """Whether there is something to search in one of these videos: its captions or subtitles."""
        return bool(video_ids) and await self._repository.any_said(video_ids)

    async def playable(self, video_id: str) -> list[PlayableTrack]:
        """Returns the tracks for a player; give them only to those who may watch the video."""
        return [
            PlayableTrack(
                kind=track.kind,
                language=track.language,
                label="Chapters" if track.kind is TrackKind.CHAPTERS else language_label(track.language),
                url=self._url(track),
                default=track.is_default,
            )
            for track in await self.tracks(video_id)
        ]

    def _url(self, track: CaptionTrack) -> str:
        path = f"{CAPTIONS_PATH}{track.id}.vtt"
        return f"{path}?{self._signer.sign(path, timedelta(seconds=self._url_seconds))}"

    async def file(self, track_id: str) -> tuple[CaptionTrack, str]:
        """Returns a track with its WebVTT file; give it only to those who may watch the video. Raises TrackNotFound."""
        track = _found(await self._repository.get(track_id))
        return track, write_captions(await self.cues(track))

    async def search_video(self, text: str, video_id: str, *, limit: int, cursor: str | None) -> CaptionHits:
        """Searches a video; the hits come as they are shown. Raises InvalidCursor."""
        return await self._search(text, video_id, [video_id], limit, cursor)

    async def search_course(
        self, text: str, course_id: str, video_ids: Sequence[str], *, limit: int, cursor: str | None
    ) -> CaptionHits:
        """Searches some videos of a course; the hits come video by video, as they are shown. Raises InvalidCursor."""
        return await self._search(text, course_id, video_ids, limit, cursor)

    async def _search(
        self, text: str, owner_id: str, video_ids: Sequence[str], limit: int, cursor: str | None
    ) -> CaptionHits:
        text = text.replace(SCOPE_LETTER, " ")
        if not searched_words(text):
            return CaptionHits(items=[], next_cursor=None, total=0)
        where: Filter = {"video_id": {"$in": list(video_ids)}}
        found = await self._repository.search(f"{scope_word(owner_id)} {text}", where, limit=limit, cursor=cursor)
        hits = [_hit(line, text) for line in found.items]
        return CaptionHits(items=hits, next_cursor=found.next_cursor, total=found.total)

    async def export(self, user_id: str) -> dict[str, object]:
        """Returns the captions of what a person uploaded, for the export of their data."""
        videos, _ = await self._videos.uploads_of(user_id)
        return {
            "captions": [
                {
                    "video": video.file_name,
                    "kind": track.kind.value,
                    "language": track.language,
                    "webvtt": write_captions(await self.cues(track)),
                }
                for video in videos
                for track in await self.tracks(video.id)
            ]
        }


def _found(track: CaptionTrack | None) -> CaptionTrack:
    if track is None:
        raise TrackNotFound
    return track


def _checked(kind: TrackKind, cues: Sequence[Cue], video: Video) -> list[Cue]:
    if not cues:
        reason = "There is no cue with a text in this file. To be without captions, delete the track."
        raise InvalidError(reason, fields={"file": reason})
    return check_chapters(cues, video.duration_seconds) if kind is TrackKind.CHAPTERS else list(cues)


def _lines(track: CaptionTrack, course_id: str | None, cues: Sequence[Cue]) -> list[CaptionLine]:
    """Returns the lines in which the cues are searched. Each chapter is one of its own."""
    is_chapters = track.kind is TrackKind.CHAPTERS
    stretches: list[list[Cue]] = []
    for _, group in groupby(cues, lambda cue: cue.start_ms if is_chapters else cue.start_ms // _STRETCH_MS):
        stretch = [Cue(cue.start_ms, cue.end_ms, plain_text(cue.text)) for cue in group]
        stretches += [stretch[i : i + _MOST_CUES_IN_LINE] for i in range(0, len(stretch), _MOST_CUES_IN_LINE)]
    return [
        CaptionLine(
            track_id=track.id,
            video_id=track.video_id,
            scope=" ".join(scope_word(owner) for owner in (track.video_id, course_id) if owner),
            kind=track.kind,
            language=track.language,
            start_ms=stretch[0].start_ms,
            cues=stretch,
            created_at=track.updated_at,
            updated_at=track.updated_at,
        )
        for stretch in stretches
    ]


def _hit(line: CaptionLine, text: str) -> CaptionHit:
    best = max(line.cues, key=lambda cue: sum(is_found for _, is_found in marked(cue.text, text)))
    return CaptionHit(
        video_id=line.video_id,
        kind=line.kind,
        language=line.language,
        start_seconds=best.start_ms // 1000,
        parts=marked(" ".join(cue.text for cue in line.cues), text),
    )
