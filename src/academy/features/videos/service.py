"""Videos: upload, playback, deletion."""

from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from contextlib import suppress

import msgspec

from academy.features.accounts.service import hold_account
from academy.features.courses.model import LessonVideo
from academy.features.videos.addresses import MediaAddresses
from academy.features.videos.content import keep
from academy.features.videos.errors import VideoNotAllowed, VideoNotFound, VideoNotReady
from academy.features.videos.files import FileService
from academy.features.videos.kinds import (
    VIDEO_FOLDER,
    content_type_of,
    limit_of,
    places_of,
    upload_rules,
    validate_file,
)
from academy.features.videos.model import FileKind, Rendition, StoredFile, Video, VideoStatus
from academy.features.videos.removal import remove_place
from academy.features.videos.repository import VideoRepository
from academy.features.videos.stages import PROBE_VIDEO, OnVideoReady, ProbeVideo, VideoStages
from academy.features.videos.streams import StreamService
from academy.infrastructure.database.base import Database, Page
from academy.infrastructure.database.errors import DatabaseUnavailable
from academy.infrastructure.jobs.base import JobQueue
from academy.infrastructure.media.sniffing import safe_name
from academy.infrastructure.security.principal import Principal, Role
from academy.infrastructure.storage.base import Storage, StorageUnavailable
from academy.infrastructure.storage.settings import StorageSettings
from academy.infrastructure.storage.signing import UrlSigner
from academy.kit.clock import Clock
from academy.kit.ids import new_id

# Whether a visitor may watch a video of somebody else; the composition root knows who is enrolled.
MayWatch = Callable[[Principal | None, Video], Awaitable[bool]]


class Playback(msgspec.Struct, frozen=True, kw_only=True):
    """What a player needs. The addresses are paths on this site and hold for `expires_in` seconds.

    Attributes:
        url: what browsers can show by themselves: the original, or the master playlist where they cannot show that.
        content_type: of what `url` leads to.
        renew_in: after how many seconds of playing it has to be asked for again, so that the account keeps its place
            among the devices that may watch (see `streams`); 0: never.
        hls_url: the master playlist (RFC 8216) of all `qualities`; None while the video is converted.
        thumbnails_url: a WebVTT track of small pictures along the time line.
    """

    url: str
    hls_url: str | None
    thumbnails_url: str | None
    qualities: list[Rendition]
    poster_url: str | None
    content_type: str
    duration_seconds: float
    width: int
    height: int
    expires_in: int
    renew_in: int


async def _nothing(_: Video) -> None:
    return


class VideoService:
    """Videos of instructors, from their upload to their deletion.

    Attributes:
        files: everything uploaded that is not a video.
        stages: the way of a video from its upload on, for the jobs.
        streams: the limit of devices on which an account watches.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        queue: JobQueue,
        storage: Storage,
        signer: UrlSigner,
        settings: StorageSettings,
        *,
        may_watch: MayWatch,
        on_ready: OnVideoReady,
    ) -> None:
        self._database = database
        self._repository = VideoRepository(database)
        self._clock = clock
        self._queue = queue
        self._storage = storage
        self._settings = settings
        self._may_watch = may_watch
        self._on_ready = on_ready
        self._addresses = MediaAddresses(signer, settings.media_url_seconds)
        self.stages = VideoStages(database, clock, queue, on_ready)
        self.streams = StreamService(database, clock, settings.media_most_streams)
        self.files = FileService(database, clock, storage, settings)

    @property
    def largest_video(self) -> int:
        """The most bytes that a video may have."""
        return limit_of(FileKind.VIDEO, self._settings)

    @property
    def takes_direct_uploads(self) -> bool:
        """Whether browsers can send files straight to where they are kept."""
        return bool(self._storage.address)

    async def upload(
        self,
        principal: Principal,
        file_name: str,
        content_type: str,
        chunks: AsyncIterable[bytes],
        *,
        course_id: str | None = None,
        attach: Callable[[Video], Awaitable[None]] = _nothing,
        video_id: str = "",
    ) -> Video:
        """Stores an uploaded video and has it checked by a job; returns it in the state CHECKING.

        Args:
            principal: the uploader, who will own it.
            file_name: as the client calls the file.
            content_type: as the client declares it; "" when it does not.
            chunks: the bytes; memory does not grow with their number.
            course_id: the course whose learners may watch it.
            attach: puts the video into its lesson, in the transaction that stores it.
            video_id: the id that it gets; "": a new one.

        Raises:
            FileRefused: name, declared type and first bytes are not those of one kind of video.
            ObjectTooLarge: it has more than `largest_video` bytes.
            StorageUnavailable: it could not be stored.
            AccountGone: the account was deleted or shut while the bytes came.
        """
        valid = await validate_file(file_name, content_type, chunks, [FileKind.VIDEO], self._settings)
        video_id = video_id or new_id()
        key = f"{VIDEO_FOLDER}{video_id}/original.{valid.format.extensions[0]}"
        stored = await keep(self._storage, key, valid.chunks, limit=valid.limit, content_type=valid.format.content_type)
        now = self._clock.now()
        video = Video(
            id=video_id,
            created_at=now,
            updated_at=now,
            owner_id=principal.user_id,
            course_id=course_id,
            file_name=safe_name(file_name),
            content_type=valid.format.content_type,
            key=key,
            size=stored.size,
            sha256=stored.sha256,
        )

        async def work() -> None:
            await hold_account(self._database, principal.user_id)
            await self._repository.insert(video)
            await attach(video)
            await self._queue.enqueue(PROBE_VIDEO, ProbeVideo(video_id=video.id), key=video.id)

        try:
            await self._database.transaction(work)
        except Exception:
            await self._forget(video)
            raise
        return video

    async def _forget(self, video: Video) -> None:
        """Deletes the bytes of a video that was not stored after all; what this cannot do, the daily cleaning does."""
        with suppress(StorageUnavailable, DatabaseUnavailable):
            if await self._repository.get(video.id) is None:
                await self._storage.delete(video.key)

    async def get(self, principal: Principal, video_id: str) -> Video:
        """Returns a video to its owner or an admin. Raises VideoNotFound, for other people's videos too."""
        video = await self._repository.get(video_id)
        if video is None or not _owns(principal, video):
            raise VideoNotFound
        return video

    async def list_mine(self, principal: Principal, *, limit: int = 20, cursor: str | None = None) -> Page[Video]:
        """Returns one page of the caller's videos, newest first. Raises InvalidCursor."""
        return await self._repository.owned_by(principal.user_id, limit, cursor)

    async def delete(self, principal: Principal, video_id: str) -> None:
        """Deletes a video with everything that was made of it. Raises VideoNotFound."""
        await self._delete(await self.get(principal, video_id))

    async def discard(self, course_id: str, video_id: str) -> None:
        """Deletes a video of a course for its makers; none when the course has no such video."""
        video = await self._repository.get(video_id)
        if video is not None and video.course_id == course_id:
            await self._delete(video)

    async def _delete(self, video: Video) -> None:
        async def work() -> None:
            if await self._repository.delete(video.id) and video.course_id:
                await self._on_ready(msgspec.structs.replace(video, duration_seconds=0.0))

        await self._database.transaction(work)
        await self._remove(places_of(video))

    async def forget_course(self, course_id: str) -> None:
        """Deletes all videos and files of a course, with the transaction that deletes the course itself."""
        self._remove_after_commit(await self._repository.delete_of_course(course_id))

    async def forget_owner(self, user_id: str) -> None:
        """Deletes a deleted account's videos and files, in the open transaction; those of courses stay with them."""
        self._remove_after_commit(await self._repository.delete_of_owner(user_id))

    async def export(self, user_id: str) -> dict[str, object]:
        """Returns what a person uploaded, for the export of their data."""
        videos, files = await self._repository.uploads_of(user_id)
        return {"videos": [_exported(video) for video in videos], "files": [_exported(file) for file in files]}

    def _remove_after_commit(self, places: Sequence[str]) -> None:
        async def remove() -> None:
            await self._remove(places)

        self._database.after_commit(remove)

    async def _remove(self, places: Sequence[str]) -> None:
        """Removes the bytes of what is gone for everybody; what stays behind is removed by the daily cleaning."""
        with suppress(StorageUnavailable):
            for place in places:
                await remove_place(self._storage, place)

    async def playback(self, principal: Principal | None, video_id: str) -> Playback:
        """Returns where the video can be watched, for a while.

        Raises:
            VideoNotFound: there is none.
            VideoNotAllowed: it is another one's, and `may_watch` says no.
            VideoNotReady: it is still being checked or converted, or cannot be shown.
            TooManyStreams: the account watches on as many other devices as it may.
        """
        video = await self._repository.get(video_id)
        if video is None:
            raise VideoNotFound
        if not (principal and _owns(principal, video)) and not await self._may_watch(principal, video):
            raise VideoNotAllowed
        return await self._claimed(principal, video)

    async def playback_in(self, course_id: str, video_id: str, viewer: Principal | None) -> Playback:
        """Returns where a video of a course can be watched; give it only to those who may open its lesson.

        Raises VideoNotFound, also for a video of another course, VideoNotReady and TooManyStreams.
        """
        video = await self._repository.get(video_id)
        if video is None or video.course_id != course_id:
            raise VideoNotFound
        return await self._claimed(viewer, video)

    async def _claimed(self, viewer: Principal | None, video: Video) -> Playback:
        """Returns where the video can be watched, with a place to watch for the viewer."""
        playback = self._playback(video, self.streams.renew_in(viewer))
        await self.streams.claim(viewer)
        return playback

    def _playback(self, video: Video, renew_in: int = 0) -> Playback:
        if video.status is VideoStatus.CHECKING:
            raise VideoNotReady("This video has just been uploaded and is being checked. Try again in a moment.")
        if video.status is VideoStatus.FAILED:
            raise VideoNotReady("This video cannot be shown. Its instructor has been told why.")
        if not video.is_watchable:
            raise VideoNotReady(f"This video is being converted ({video.progress} % are done). Try again later.")
        hls_url = self._addresses.file_url(video.hls_key) if video.hls_key else None
        direct = hls_url is None or video.playable
        return Playback(
            url=self._addresses.file_url(video.key) if direct else hls_url or "",
            hls_url=hls_url,
            thumbnails_url=self._addresses.file_url(video.thumbnails_key) if video.thumbnails_key else None,
            qualities=video.renditions,
            poster_url=self.poster_url(video),
            content_type=video.content_type if direct else content_type_of(video.hls_key or ""),
            duration_seconds=video.duration_seconds,
            width=video.width,
            height=video.height,
            expires_in=self._addresses.seconds,
            renew_in=renew_in,
        )

    async def lesson_videos(self, video_ids: Sequence[str]) -> dict[str, LessonVideo]:
        """Returns what the makers of lessons are shown of their videos, by id; a deleted video is left out."""
        found = await self._repository.many(video_ids)
        return {video.id: self._lesson_video(video) for video in found}

    def _lesson_video(self, video: Video) -> LessonVideo:
        return LessonVideo(
            id=video.id,
            state=video.status.value,
            failure=video.failure,
            file_name=video.file_name,
            content_type=video.content_type,
            size=video.size,
            duration_seconds=video.duration_seconds,
            width=video.width,
            height=video.height,
            url=self._playback(video).url if video.is_watchable else None,
            progress=video.progress,
            note=video.note,
            poster_url=self.poster_url(video),
            views=video.views,
        )

    def upload_rules(self, *kinds: str) -> dict[str, int]:
        """Returns the extensions that files of these kinds (of FileKind) may have, each with the most bytes."""
        return upload_rules([FileKind(kind) for kind in kinds], self._settings)

    def poster_url(self, video: Video) -> str | None:
        """Returns the address of the poster, which holds as long as the video's; None while there is none."""
        return self._addresses.file_url(video.poster_key) if video.poster_key else None

    def file_url(self, key: str, name: str = "") -> str:
        """Returns an address of a stored file that holds for MEDIA_URL_SECONDS; give it only to those who may have it.

        With a `name` browsers save the file under it.
        """
        return self._addresses.file_url(key, name)


def _exported(upload: Video | StoredFile) -> dict[str, object]:
    return {
        "name": upload.file_name,
        "size": upload.size,
        "type": upload.content_type,
        "created_at": upload.created_at,
    }


def _owns(principal: Principal, video: Video) -> bool:
    return principal.role is Role.ADMIN or principal.user_id == video.owner_id
