"""The daily cleaning: removes what no course uses any more, and what crashes left behind."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from academy.features.courses.model import Course
from academy.features.courses.service import CourseService
from academy.features.videos.kinds import FILE_FOLDER, HLS_KEY, IMAGE_FOLDER, VIDEO_FOLDER
from academy.features.videos.model import StoredFile, Video
from academy.features.videos.repository import VideoRepository
from academy.infrastructure.database.base import LARGEST_PAGE, Database
from academy.infrastructure.jobs.base import JobKind
from academy.infrastructure.storage.base import Storage
from academy.kit.clock import Clock

# What is younger may belong to an upload that is still going on.
_GRACE = timedelta(days=1)
_FOLDERS = (VIDEO_FOLDER, FILE_FOLDER, IMAGE_FOLDER)


class CleanStorage(msgspec.Struct, kw_only=True):
    """Payload of the job that removes what is no longer used."""


CLEAN_STORAGE = JobKind("clean_storage", CleanStorage, max_attempts=3)


class MediaCleaning:
    """Handles CLEAN_STORAGE. Nothing younger than a day is touched."""

    def __init__(self, database: Database, courses: CourseService, storage: Storage, clock: Clock) -> None:
        self._repository = VideoRepository(database)
        self._courses = courses
        self._storage = storage
        self._clock = clock

    async def __call__(self, _: CleanStorage) -> None:
        """Removes rows that nobody uses, objects without a row, and what killed processes left.

        A row without a course stays as long as its owner: a text may show the picture. One without either is nobody's.
        """
        await self._forget_unused_videos()
        await self._forget_unused_files()
        await self._forget_ownerless_videos()
        await self._forget_ownerless_files()
        await self._remove_orphans()
        # Uploads of processes that were killed and not started again.
        await self._storage.initialize()

    async def _forget_unused_videos(self) -> None:
        cursor: str | None = ""
        while cursor is not None:
            page = await self._repository.videos_in_courses(LARGEST_PAGE, cursor or None)
            cursor = page.next_cursor
            used = await self._used(page.items)
            for video in page.items:
                if video.id not in used and self._is_old(video.id):
                    await self._repository.delete(video.id)

    async def _forget_unused_files(self) -> None:
        cursor: str | None = ""
        while cursor is not None:
            page = await self._repository.files_in_courses(LARGEST_PAGE, cursor or None)
            cursor = page.next_cursor
            used = await self._used(page.items)
            for file in page.items:
                if file.key not in used and self._is_old(file.id):
                    await self._repository.delete_file(file.key)

    async def _forget_ownerless_videos(self) -> None:
        cursor: str | None = ""
        while cursor is not None:
            page = await self._repository.loose_videos(LARGEST_PAGE, cursor or None)
            cursor = page.next_cursor
            owners = await self._owners(page.items)
            for video in page.items:
                if video.owner_id not in owners and self._is_old(video.id):
                    await self._repository.delete(video.id)

    async def _forget_ownerless_files(self) -> None:
        cursor: str | None = ""
        while cursor is not None:
            page = await self._repository.loose_files(LARGEST_PAGE, cursor or None)
            cursor = page.next_cursor
            owners = await self._owners(page.items)
            for file in page.items:
                if file.owner_id not in owners and self._is_old(file.id):
                    await self._repository.delete_file(file.key)

    async def _owners(self, media: Sequence[Video | StoredFile]) -> set[str]:
        return await self._repository.owners_in_use(sorted({one.owner_id for one in media}))

    async def _used(self, media: Sequence[Video | StoredFile]) -> set[str]:
        """Returns the ids of videos and the keys of files that the courses of these media use."""
        courses = await self._courses.many(sorted({one.course_id for one in media if one.course_id}))
        return {used for course in courses.values() for used in _media_of(course)}

    async def _remove_orphans(self) -> None:
        for folder in _FOLDERS:
            after = ""
            while page := await self._storage.list_files(folder, after=after, limit=LARGEST_PAGE):
                after = page[-1].key
                owners = {found.key: _owner(found.key, folder) for found in page}
                ids = sorted({owner for owner in owners.values() if owner})
                known, plain = await self._repository.known(ids), await self._repository.without_stream(ids)
                for key, owner in owners.items():
                    is_used = owner in known and not (owner in plain and HLS_KEY.match(key))
                    if owner and not is_used and self._is_old(owner):
                        await self._storage.delete(key)

    def _is_old(self, owner: str) -> bool:
        made = datetime.fromtimestamp((UUID(owner).int >> 80) / 1000, UTC)
        return self._clock.now() - made > _GRACE


def _media_of(course: Course) -> set[str]:
    used = {course.cover_key}
    for lesson in course.lessons():
        used |= {lesson.video_id, lesson.new_video_id, lesson.file_key, *(one.key for one in lesson.attachments)}
    return {key for key in used if key}


def _owner(key: str, folder: str) -> str:
    """Returns the id in a key; "" for a key that the videos feature did not make."""
    text = key.removeprefix(folder)[:36]
    try:
        return str(UUID(text)) if UUID(text).version == 7 else ""  # noqa: PLR2004 - RFC 9562, section 5.7
    except ValueError:
        return ""
