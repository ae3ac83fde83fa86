"""What the player's script is told about a lesson's video: with the page, and again when its addresses have run out."""

import msgspec

from academy.features.courses.model import Course, Lesson, LessonKind
from academy.features.videos.captions import CaptionService
from academy.features.videos.captions_model import PlayableTrack
from academy.features.videos.errors import TooManyStreams, VideoNotFound, VideoNotReady
from academy.features.videos.service import Playback, VideoService
from academy.infrastructure.security.principal import Principal


class LessonPlayback(msgspec.Struct, frozen=True, kw_only=True):
    """Where a lesson's video is, in the addresses of this site; "" for what there is not.

    Attributes:
        url: the whole video as one file; "" when browsers cannot play it.
        hls_url: the master playlist. The signature in its query holds for the whole folder.
        thumbnails_url: WebVTT whose cues name parts of pictures (`sprite.webp#xywh=0,0,160,90`).
        qualities: shorter sides in pixels that HLS offers, largest first.
        expires_in: seconds for which the addresses hold.
        renew_in: seconds of playing after which it has to be asked for again; 0: never (see `Playback`).
    """

    url: str
    hls_url: str
    poster_url: str
    thumbnails_url: str
    content_type: str
    duration_seconds: float
    width: int
    height: int
    qualities: list[int]
    tracks: list[PlayableTrack]
    expires_in: int
    renew_in: int

    def json(self) -> str:
        """Returns it as the script reads it."""
        return msgspec.json.encode(self).decode()


async def lesson_playback(
    videos: VideoService, captions: CaptionService, course: Course, lesson: Lesson, viewer: Principal | None
) -> LessonPlayback | None:
    """Returns where a lesson's video can be watched; give it only to those who may open the lesson.

    None for a lesson of another kind. Raises VideoNotFound, VideoNotReady, TooManyStreams.
    """
    if lesson.kind is not LessonKind.VIDEO:
        return None
    if lesson.video_id is None:
        raise VideoNotReady("This lesson has no video yet. Its instructor is still working on it.")
    playback = await videos.playback_in(course.id, lesson.video_id, viewer)
    return _told(playback, await captions.playable(lesson.video_id))


async def playback_or_trouble(
    videos: VideoService, captions: CaptionService, course: Course, lesson: Lesson, viewer: Principal | None
) -> tuple[LessonPlayback | None, str]:
    """Returns where a lesson's video can be watched, or in words what keeps it from being watched."""
    try:
        return await lesson_playback(videos, captions, course, lesson, viewer), ""
    except (VideoNotReady, VideoNotFound, TooManyStreams) as error:
        return None, error.message


def _told(playback: Playback, tracks: list[PlayableTrack]) -> LessonPlayback:
    return LessonPlayback(
        url="" if playback.url == playback.hls_url else playback.url,
        hls_url=playback.hls_url or "",
        poster_url=playback.poster_url or "",
        thumbnails_url=playback.thumbnails_url or "",
        content_type=playback.content_type,
        duration_seconds=playback.duration_seconds,
        width=playback.width,
        height=playback.height,
        qualities=[min(one.width, one.height) for one in playback.qualities],
        tracks=tracks,
        expires_in=playback.expires_in,
        renew_in=playback.renew_in,
    )
