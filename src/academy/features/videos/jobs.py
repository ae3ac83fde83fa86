"""Jobs of the videos: the check after the upload, and the daily cleaning of the storage."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec

from academy.features.videos.kinds import FILE_FOLDER, IMAGE_FOLDER, POSTER_FOLDER, VIDEO_FOLDER
from academy.features.videos.model import Video, VideoStatus
from academy.features.videos.repository import VideoRepository
from academy.features.videos.service import PROBE_VIDEO, ProbeVideo, VideoService
from academy.infrastructure.database.base import Database
from academy.infrastructure.jobs.base import JobKind, JobRegistry
from academy.infrastructure.media.errors import BrokenMedia
from academy.infrastructure.media.facts import VideoFacts
from academy.infrastructure.media.probe import probe_video
from academy.infrastructure.storage.base import Storage
from academy.kit.clock import Clock
from academy.kit.errors import NotFoundError

_LARGEST_POSTER = 4 << 20
_PAGE = 200
# An object without a row may belong to an upload that is still going on.
_GRACE = timedelta(days=1)
_FOLDERS = (VIDEO_FOLDER, FILE_FOLDER, POSTER_FOLDER, IMAGE_FOLDER)
_GONE = "The uploaded file is gone. Upload the video again."


class CleanStorage(msgspec.Struct, kw_only=True):
    """Payload of the job that removes stored objects nobody knows of."""


CLEAN_STORAGE = JobKind("clean_storage", CleanStorage, max_attempts=3, lease=timedelta(minutes=30))


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

    async def _fail(self, video: Video, reason: str) -> None:
        await self._videos.conclude(video.id, {"status": VideoStatus.FAILED.value, "failure": reason})

    async def _look(self, video: Video) -> tuple[VideoFacts, str]:
        with tempfile.TemporaryDirectory(prefix="academy-probe-") as folder:
            path = self._storage.local_path(video.key)
            if path is None:
                path = Path(folder) / "original"
                await self._download(video.key, path)
            poster = Path(folder) / "poster.webp"
            facts = await probe_video(path, poster)
            poster_key = f"{POSTER_FOLDER}{video.id}.webp"
            content = await asyncio.to_thread(poster.read_bytes)
            await self._storage.upload(poster_key, _once(content), limit=_LARGEST_POSTER, content_type="image/webp")
        return facts, poster_key

    async def _download(self, key: str, target: Path) -> None:
        with await asyncio.to_thread(target.open, "wb") as file:
            async for chunk in self._storage.read(key):
                await asyncio.to_thread(file.write, chunk)


class StorageCleaning:
    """Handles CLEAN_STORAGE: removes objects that a crash left without a row, once they are a day old."""

    def __init__(self, database: Database, storage: Storage, clock: Clock) -> None:
        self._repository = VideoRepository(database)
        self._storage = storage
        self._clock = clock

    async def __call__(self, _: CleanStorage) -> None:
        """Walks through the folders of videos and files."""
        for folder in _FOLDERS:
            after = ""
            while page := await self._storage.list(folder, after=after, limit=_PAGE):
                after = page[-1].key
                owners = {found.key: _owner(found.key, folder) for found in page}
                known = await self._repository.known(sorted({owner for owner in owners.values() if owner}))
                for key, owner in owners.items():
                    if owner and owner not in known and self._is_old(owner):
                        await self._storage.delete(key)

    def _is_old(self, owner: str) -> bool:
        made = datetime.fromtimestamp((UUID(owner).int >> 80) / 1000, UTC)
        return self._clock.now() - made > _GRACE


def _owner(key: str, folder: str) -> str:
    """Returns the id in a key; "" for a key that the videos feature did not make."""
    text = key.removeprefix(folder)[:36]
    try:
        return str(UUID(text)) if UUID(text).version == 7 else ""  # noqa: PLR2004 - RFC 9562, section 5.7
    except ValueError:
        return ""


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def register_jobs(
    registry: JobRegistry, videos: VideoService, database: Database, storage: Storage, clock: Clock
) -> None:
    """Names the handlers of this feature's jobs."""
    registry.register(PROBE_VIDEO, VideoProbe(videos, storage))
    registry.register(CLEAN_STORAGE, StorageCleaning(database, storage, clock))
    registry.schedule(CLEAN_STORAGE, CleanStorage(), every=timedelta(days=1))
