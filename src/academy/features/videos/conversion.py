"""The conversion of a checked video for streaming. Ended anywhere, it goes on where it was."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from academy.features.videos.kinds import content_type_of, hls_folder
from academy.features.videos.model import Rendition, Video, VideoStatus
from academy.features.videos.originals import local_copy
from academy.features.videos.removal import remove_folder, stored_sizes
from academy.features.videos.stages import ConvertVideo, VideoStages
from academy.infrastructure.media.conversion import convert_video
from academy.infrastructure.media.errors import BrokenMedia
from academy.infrastructure.media.playlists import MASTER, playlists_of
from academy.infrastructure.media.scratch import scratch_folder
from academy.infrastructure.media.settings import MediaSettings
from academy.infrastructure.media.streaming import (
    INIT_FILE,
    SOUND,
    THUMBNAIL_TRACK,
    THUMBNAILS,
    UNFINISHED,
    ConversionOrder,
    ConversionProgress,
    StreamFacts,
    segment_file,
)
from academy.infrastructure.storage.base import Storage
from academy.kit.errors import NotFoundError

_TOLD_EVERY_SECONDS = 2.0
_LEAST_SECONDS = 600
_LARGEST_FILE = 256 << 20
_GONE = "The uploaded file is gone. Upload the video again."
_GIVEN_UP = "This video could not be converted, although it was tried several times. Upload it again."


class _Over(Exception):
    """The video was deleted while it was converted, or another worker was quicker."""


class ConversionIncomplete(Exception):
    """Something that an earlier try made is missing in the storage."""


class VideoConversion:
    """Handles CONVERT_VIDEO. Running it again, or twice at once, ends in the same state."""

    def __init__(self, stages: VideoStages, storage: Storage, scratch: Path, settings: MediaSettings) -> None:
        """`scratch` is a folder on this machine for work in progress."""
        self._stages = stages
        self._storage = storage
        self._scratch = scratch
        self._settings = settings

    async def __call__(self, job: ConvertVideo) -> None:
        """Converts the video and writes the outcome. Raises StorageUnavailable to be tried again."""
        video = await self._stages.video_in(VideoStatus.CONVERTING, job.video_id)
        if video is None:
            await self._tidy(job.video_id)
            return
        try:
            async with scratch_folder(self._scratch) as folder:
                await self._publish(video, await self._convert(video, folder))
        except BrokenMedia as error:
            await self._fail(video, error.message)
        except NotFoundError:
            await self._fail(video, _GONE)
        except _Over:
            await self._tidy(video.id)

    async def give_up(self, job: ConvertVideo) -> None:
        """Tells the instructor when the conversion never comes to an end: it must not be waited for any longer."""
        video = await self._stages.video_in(VideoStatus.CONVERTING, job.video_id)
        if video is not None:
            await self._stages.failed(video, _GIVEN_UP)

    async def _fail(self, video: Video, reason: str) -> None:
        await self._stages.failed(video, reason)
        await self._tidy(video.id)

    async def _tidy(self, video_id: str) -> None:
        """Removes what was made of a video that is not watched in it: it was deleted meanwhile, or has failed."""
        if not await self._stages.is_streamed(video_id):
            await remove_folder(self._storage, hls_folder(video_id))

    async def _convert(self, video: Video, folder: Path) -> StreamFacts:
        results = folder / "results"
        await asyncio.to_thread(results.mkdir)
        original = await local_copy(self._storage, video.key, folder)
        # The last one that is complete is made again: a try that finds nothing left to do could not tell the end.
        first = max(0, video.segments - 1)
        seconds = max(_LEAST_SECONDS, self._settings.seconds_per_second * round(video.duration_seconds))
        told = 0.0

        async def on_progress(progress: ConversionProgress) -> None:
            nonlocal told
            await self._store(video, results)
            if time.monotonic() - told >= _TOLD_EVERY_SECONDS:
                told = time.monotonic()
                if not await self._stages.advance(video.id, progress.segments, progress.percent):
                    raise _Over

        order = ConversionOrder(
            source=str(original),
            folder=str(results),
            first_segment=first,
            cpu_seconds=seconds * (os.cpu_count() or 1),
        )
        facts = await convert_video(order, on_progress, timeout_seconds=seconds)
        await self._store(video, results)
        return facts

    async def _store(self, video: Video, results: Path) -> None:
        """Moves what is complete to the storage."""
        for path in await asyncio.to_thread(_complete_files, results):
            content = await asyncio.to_thread(path.read_bytes)
            await self._put(video, path.relative_to(results).as_posix(), content)
            await asyncio.to_thread(path.unlink)

    async def _put(self, video: Video, name: str, content: bytes) -> None:
        key = f"{hls_folder(video.id)}{name}"
        await self._storage.upload(key, _once(content), limit=_LARGEST_FILE, content_type=content_type_of(key))

    async def _publish(self, video: Video, facts: StreamFacts) -> None:
        """Writes the playlists and makes the video READY, if all that they name is there."""
        folder = hls_folder(video.id)
        stored = {key.removeprefix(folder): size for key, size in (await stored_sizes(self._storage, folder)).items()}
        wanted = _names_of(facts)
        if not wanted <= stored.keys():
            if not await self._stages.begin_anew(video.id):
                raise _Over
            raise ConversionIncomplete(f"{min(wanted - stored.keys())} is missing")
        playlists = playlists_of(facts, stored)
        for name, text in playlists.items():
            await self._put(video, name, text.encode())
        for name in stored.keys() - wanted - playlists.keys():
            await self._storage.delete(f"{folder}{name}")
        renditions = [
            Rendition(name=size.rung.name, width=size.rung.width, height=size.rung.height) for size in facts.sizes
        ]
        results: dict[str, object] = {
            "renditions": renditions,
            "hls_key": f"{folder}{MASTER}",
            "thumbnails_key": f"{folder}{THUMBNAIL_TRACK}",
            "note": facts.note,
        }
        if not await self._stages.converted(video.id, results):
            raise _Over


def _complete_files(results: Path) -> list[Path]:
    return sorted(path for path in results.rglob("*") if path.is_file() and path.suffix != UNFINISHED)


def _names_of(facts: StreamFacts) -> set[str]:
    """Returns the names of all files of a converted video but the playlists."""
    folders = [*(size.rung.name for size in facts.sizes), *([SOUND] if facts.has_sound else [])]
    files = [INIT_FILE, *(segment_file(number) for number in range(facts.segments))]
    return {THUMBNAILS, THUMBNAIL_TRACK, *(f"{folder}/{file}" for folder in folders for file in files)}


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
