"""Jobs of the videos: the check after the upload, the conversion, uploads in parts, the cleaning."""

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path

from academy.features.courses.service import CourseService
from academy.features.videos.assembling import Assembly
from academy.features.videos.cleaning import CLEAN_STORAGE, CleanStorage, MediaCleaning
from academy.features.videos.content import once
from academy.features.videos.conversion import VideoConversion
from academy.features.videos.kinds import VIDEO_FOLDER
from academy.features.videos.model import Video, VideoStatus
from academy.features.videos.originals import local_copy
from academy.features.videos.placing import Placing
from academy.features.videos.resumable import ASSEMBLE_UPLOAD, SWEEP_UPLOADS, SweepUploads, UploadService
from academy.features.videos.service import VideoService
from academy.features.videos.stages import CONVERT_VIDEO, PROBE_VIDEO, ProbeVideo, VideoStages
from academy.infrastructure.database.base import Database
from academy.infrastructure.jobs.base import JobRegistry
from academy.infrastructure.media.errors import BrokenMedia
from academy.infrastructure.media.facts import VideoFacts
from academy.infrastructure.media.probe import probe_video
from academy.infrastructure.media.settings import MediaSettings
from academy.infrastructure.storage.base import Storage
from academy.kit.clock import Clock
from academy.kit.errors import NotFoundError

_LARGEST_POSTER = 4 << 20
_GONE = "The uploaded file is gone. Upload the video again."
_GIVEN_UP = "This video could not be checked, although it was tried several times. Upload it again."
# What every browser of the last ten years shows (caniuse.com: MPEG-4/H.264, AAC, MP3).
_PLAYABLE_PIXELS, _PLAYABLE_SOUND = {"yuv420p", "yuvj420p"}, {"", "aac", "mp3"}


class VideoProbe:
    """Handles PROBE_VIDEO. Running it again, or twice at once, ends in the same state."""

    def __init__(self, stages: VideoStages, storage: Storage) -> None:
        self._stages = stages
        self._storage = storage

    async def __call__(self, job: ProbeVideo) -> None:
        """Checks the video, makes its poster and writes the outcome. Raises StorageUnavailable to be tried again."""
        video = await self._stages.video_in(VideoStatus.CHECKING, job.video_id)
        if video is None:
            return
        try:
            facts, poster_key = await self._look(video)
        except BrokenMedia as error:
            await self._stages.failed(video, error.message)
        except NotFoundError:
            await self._stages.failed(video, _GONE)
        else:
            await self._stages.checked(
                video.id,
                {
                    "poster_key": poster_key,
                    "duration_seconds": facts.duration_seconds,
                    "width": facts.width,
                    "height": facts.height,
                    "video_codec": facts.video_codec,
                    "audio_codec": facts.audio_codec,
                    "playable": _is_playable(video, facts),
                },
            )

    async def give_up(self, job: ProbeVideo) -> None:
        """Tells the instructor when the check never comes to an end: it must not be waited for any longer."""
        video = await self._stages.video_in(VideoStatus.CHECKING, job.video_id)
        if video is not None:
            await self._stages.failed(video, _GIVEN_UP)

    async def _look(self, video: Video) -> tuple[VideoFacts, str]:
        with tempfile.TemporaryDirectory(prefix="academy-probe-") as folder:
            path = await local_copy(self._storage, video.key, Path(folder))
            poster = Path(folder) / "poster.webp"
            facts = await probe_video(path, poster)
            poster_key = f"{VIDEO_FOLDER}{video.id}/poster.webp"
            content = await asyncio.to_thread(poster.read_bytes)
            await self._storage.upload(poster_key, once(content), limit=_LARGEST_POSTER, content_type="image/webp")
        return facts, poster_key


def _is_playable(video: Video, facts: VideoFacts) -> bool:
    """Whether browsers show the original as it is."""
    return (
        video.content_type == "video/mp4"
        and facts.video_codec == "h264"
        and facts.pixel_format in _PLAYABLE_PIXELS
        and facts.audio_codec in _PLAYABLE_SOUND
    )


def register_jobs(
    registry: JobRegistry,
    videos: VideoService,
    courses: CourseService,
    database: Database,
    storage: Storage,
    clock: Clock,
    uploads: UploadService,
    placing: Placing,
    scratch: Path,
    settings: MediaSettings,
) -> None:
    """Names the handlers of this feature's jobs; `scratch` is a folder for work in progress."""
    probe = VideoProbe(videos.stages, storage)
    registry.register(PROBE_VIDEO, probe, when_dead=probe.give_up)
    conversion = VideoConversion(videos.stages, storage, scratch, settings)
    registry.register(CONVERT_VIDEO, conversion, when_dead=conversion.give_up, at_most=settings.conversions)
    registry.register(CLEAN_STORAGE, MediaCleaning(database, courses, storage, clock))
    registry.schedule(CLEAN_STORAGE, CleanStorage(), every=timedelta(days=1))
    assembly = Assembly(database, storage, clock, uploads, courses, placing)
    registry.register(ASSEMBLE_UPLOAD, assembly, when_dead=assembly.give_up)

    async def sweep_uploads(_: SweepUploads) -> None:
        await uploads.sweep()

    registry.register(SWEEP_UPLOADS, sweep_uploads)
    registry.schedule(SWEEP_UPLOADS, SweepUploads(), every=timedelta(hours=1))
