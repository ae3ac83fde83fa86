"""Jobs of the videos: the check after the upload, uploads in parts (`assembling.py`), cleaning (`cleaning.py`)."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

from academy.features.courses.service import CourseService
from academy.features.videos.assembling import Assembly
from academy.features.videos.cleaning import CLEAN_STORAGE, CleanStorage, MediaCleaning
from academy.features.videos.kinds import VIDEO_FOLDER
from academy.features.videos.model import Video, VideoStatus
from academy.features.videos.placing import Placing
from academy.features.videos.resumable import ASSEMBLE_UPLOAD, SWEEP_UPLOADS, SweepUploads, UploadService
from academy.features.videos.service import PROBE_VIDEO, ProbeVideo, VideoService
from academy.infrastructure.database.base import Database
from academy.infrastructure.jobs.base import JobRegistry
from academy.infrastructure.media.errors import BrokenMedia
from academy.infrastructure.media.facts import VideoFacts
from academy.infrastructure.media.probe import probe_video
from academy.infrastructure.storage.base import Storage
from academy.kit.clock import Clock
from academy.kit.errors import NotFoundError

_LARGEST_POSTER = 4 << 20
_GONE = "The uploaded file is gone. Upload the video again."
_GIVEN_UP = "This video could not be checked, although it was tried several times. Upload it again."


class VideoProbe:
    """Handles PROBE_VIDEO. Running it again, or twice at once, ends in the same state."""

    def __init__(self, videos: VideoService, storage: Storage) -> None:
        self._videos = videos
        self._storage = storage

    async def __call__(self, job: ProbeVideo) -> None:
        """Checks the video, makes its poster and writes the outcome. Raises StorageUnavailable to be tried again."""
        video = await self._videos.waiting(job.video_id)
        if video is None:
            return
        try:
            facts, poster_key = await self._look(video)
        except BrokenMedia as error:
            await self._fail(video, error.message)
        except NotFoundError:
            await self._fail(video, _GONE)
        else:
            await self._videos.conclude(
                video.id,
                {
                    "status": VideoStatus.READY.value,
                    "poster_key": poster_key,
                    "duration_seconds": facts.duration_seconds,
                    "width": facts.width,
                    "height": facts.height,
                    "video_codec": facts.video_codec,
                    "audio_codec": facts.audio_codec,
                },
            )

    async def give_up(self, job: ProbeVideo) -> None:
        """Tells the instructor when the check never comes to an end: it must not be waited for any longer."""
        video = await self._videos.waiting(job.video_id)
        if video is not None:
            await self._fail(video, _GIVEN_UP)

    async def _fail(self, video: Video, reason: str) -> None:
        await self._videos.conclude(video.id, {"status": VideoStatus.FAILED.value, "failure": reason})

    async def _look(self, video: Video) -> tuple[VideoFacts, str]:
        with tempfile.TemporaryDirectory(prefix="academy-probe-") as folder:
            path = self._storage.local_path(video.key)
            if path is None or not await asyncio.to_thread(path.is_file):
                path = Path(folder) / "original"
                await self._download(video.key, path)
            poster = Path(folder) / "poster.webp"
            facts = await probe_video(path, poster)
            poster_key = f"{VIDEO_FOLDER}{video.id}/poster.webp"
            content = await asyncio.to_thread(poster.read_bytes)
            await self._storage.upload(poster_key, _once(content), limit=_LARGEST_POSTER, content_type="image/webp")
        return facts, poster_key

    async def _download(self, key: str, target: Path) -> None:
        with await asyncio.to_thread(target.open, "wb") as file:
            async for chunk in self._storage.read(key):
                await asyncio.to_thread(file.write, chunk)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def register_jobs(
    registry: JobRegistry,
    videos: VideoService,
    courses: CourseService,
    database: Database,
    storage: Storage,
    clock: Clock,
    uploads: UploadService,
    placing: Placing,
) -> None:
    """Names the handlers of this feature's jobs."""
    probe = VideoProbe(videos, storage)
    registry.register(PROBE_VIDEO, probe, when_dead=probe.give_up)
    registry.register(CLEAN_STORAGE, MediaCleaning(database, courses, storage, clock))
    registry.schedule(CLEAN_STORAGE, CleanStorage(), every=timedelta(days=1))
    assembly = Assembly(database, storage, clock, uploads, courses, placing)
    registry.register(ASSEMBLE_UPLOAD, assembly, when_dead=assembly.give_up)

    async def sweep_uploads(_: SweepUploads) -> None:
        await uploads.sweep()

    registry.register(SWEEP_UPLOADS, sweep_uploads)
    registry.schedule(SWEEP_UPLOADS, SweepUploads(), every=timedelta(hours=1))
