"""The way of a video: CHECKING, then CONVERTING, then READY or FAILED. Every step is taken once, whoever tries."""

from collections.abc import Awaitable, Callable

import msgspec

from academy.features.videos.model import Video, VideoStatus
from academy.features.videos.repository import VideoRepository
from academy.infrastructure.database.base import Database
from academy.infrastructure.jobs.base import JobKind, JobQueue
from academy.kit.clock import Clock

# Tells the video's course how long it is: when it can be watched, and with length 0 when it is deleted. Runs in the
# transaction that changes the video.
OnVideoReady = Callable[[Video], Awaitable[None]]


class ProbeVideo(msgspec.Struct, kw_only=True):
    """Payload of the job that checks an uploaded video."""

    video_id: str


class ConvertVideo(msgspec.Struct, kw_only=True):
    """Payload of the job that converts a checked video."""

    video_id: str


PROBE_VIDEO = JobKind("probe_video", ProbeVideo, max_attempts=5)
# Every try goes on where the one before ended, so restarts of its worker must not use them up soon.
CONVERT_VIDEO = JobKind("convert_video", ConvertVideo, max_attempts=20)


class VideoStages:
    """Writes what the jobs find out."""

    def __init__(self, database: Database, clock: Clock, queue: JobQueue, on_ready: OnVideoReady) -> None:
        self._database = database
        self._repository = VideoRepository(database)
        self._clock = clock
        self._queue = queue
        self._on_ready = on_ready

    async def is_streamed(self, video_id: str) -> bool:
        """Whether what was made of the video is in use: it is neither deleted nor failed."""
        video = await self._repository.get(video_id)
        return video is not None and video.hls_key is not None

    async def video_in(self, stage: VideoStatus, video_id: str) -> Video | None:
        """Returns the video if it is in this stage."""
        video = await self._repository.get(video_id)
        return video if video and video.status is stage else None

    async def checked(self, video_id: str, facts: dict[str, object]) -> None:
        """Ends the check of a good video: writes the facts, has it converted, tells the course of a playable one."""

        async def work() -> None:
            fields = {**facts, "status": VideoStatus.CONVERTING.value}
            video = await self._conclude(video_id, VideoStatus.CHECKING, fields)
            if video is not None:
                await self._queue.enqueue(CONVERT_VIDEO, ConvertVideo(video_id=video.id), key=video.id)

        await self._database.transaction(work)

    async def advance(self, video_id: str, segments: int, progress: int) -> bool:
        """Writes how far the conversion is; False when it is not to go on: the video is deleted or done."""
        return await self._repository.advance(video_id, segments, progress)

    async def begin_anew(self, video_id: str) -> bool:
        """Lets the conversion begin at the beginning: something of what it made is missing. False as of `advance`."""
        return await self._repository.conclude(video_id, VideoStatus.CONVERTING, {"segments": 0}) is not None

    async def converted(self, video_id: str, results: dict[str, object]) -> bool:
        """Ends the conversion: the video is READY. False as of `advance`."""

        async def work() -> bool:
            fields = {**results, "status": VideoStatus.READY.value, "progress": 100, "segments": 0}
            return await self._conclude(video_id, VideoStatus.CONVERTING, fields) is not None

        return await self._database.transaction(work)

    async def failed(self, video: Video, reason: str) -> None:
        """Ends the check or conversion of a video with which something is wrong.

        One that browsers show as it is stays, with the reason as its note: only its smaller sizes are missing.
        """

        async def work() -> None:
            if video.status is VideoStatus.CONVERTING and video.playable:
                fields: dict[str, object] = {"status": VideoStatus.READY.value, "note": reason, "segments": 0}
            else:
                fields = {"status": VideoStatus.FAILED.value, "failure": reason, "segments": 0}
            await self._conclude(video.id, video.status, fields)

        await self._database.transaction(work)

    async def _conclude(self, video_id: str, stage: VideoStatus, fields: dict[str, object]) -> Video | None:
        video = await self._repository.conclude(video_id, stage, {**fields, "updated_at": self._clock.now()})
        # A playable one could be watched since its check, and was told of then.
        is_news = stage is VideoStatus.CHECKING or not (video and video.playable)
        if video and video.course_id and video.is_watchable and is_news:
            await self._on_ready(video)
        return video
