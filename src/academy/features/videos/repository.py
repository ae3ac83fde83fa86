"""Every query of the videos and files."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from academy.features.accounts.model import User
from academy.features.videos.captions_model import CaptionCues, CaptionLine, CaptionTrack, TrackKind
from academy.features.videos.kinds import place_of, places_of
from academy.features.videos.model import AccountStreams, StoredFile, Video, VideoStatus, VideoView
from academy.infrastructure.database.base import LARGEST_PAGE, Collection, Database, Filter, Page, SearchPage
from academy.infrastructure.database.document import Document

D = TypeVar("D", bound=Document)


class VideoRepository:
    """Videos and stored files."""

    def __init__(self, database: Database) -> None:
        self._videos = database.collection(Video)
        self._files = database.collection(StoredFile)
        self._users = database.collection(User)
        self._captions = CaptionRepository(database)

    async def get(self, video_id: str) -> Video | None:
        """Returns the video with this id."""
        return await self._videos.get(video_id)

    async def many(self, video_ids: Sequence[str]) -> list[Video]:
        """Returns the videos with these ids, in no promised order."""
        found: list[Video] = []
        for start in range(0, len(video_ids), LARGEST_PAGE):
            found += await self._videos.find({"id": {"$in": list(video_ids[start : start + LARGEST_PAGE])}})
        return found

    async def owned_by(self, user_id: str, limit: int, cursor: str | None) -> Page[Video]:
        """Returns the videos that a user uploaded, newest first."""
        return await self._videos.page({"owner_id": user_id}, sort=("-created_at",), limit=limit, cursor=cursor)

    async def insert(self, video: Video) -> None:
        """Stores a new video."""
        await self._videos.insert(video)

    async def conclude(self, video_id: str, stage: VideoStatus, fields: dict[str, object]) -> Video | None:
        """Writes the outcome of a stage on a video that is still in it; None when it is not (any more)."""
        return await self._videos.find_and_update({"id": video_id, "status": stage.value}, {"$set": fields})

    async def advance(self, video_id: str, segments: int, progress: int) -> bool:
        """Writes how far the conversion is, never less than before; False when it is not CONVERTING (any more)."""
        query = {"id": video_id, "status": VideoStatus.CONVERTING.value}
        return await self._videos.update_one(query, {"$max": {"segments": segments, "progress": progress}})

    async def delete(self, video_id: str) -> bool:
        """Removes a video with its captions; whether there was one."""
        await self._captions.delete_of_videos([video_id])
        return await self._videos.delete_one({"id": video_id})

    async def insert_file(self, file: StoredFile) -> None:
        """Stores a new file."""
        await self._files.insert(file)

    async def file_at(self, key: str) -> StoredFile | None:
        """Returns the file stored under `key`."""
        return await self._files.find_one({"key": key})

    async def delete_file(self, key: str) -> StoredFile | None:
        """Removes the file stored under `key` and returns it, if there was one."""
        file = await self.file_at(key)
        return file if await self._files.delete_one({"key": key}) else None

    async def delete_of_course(self, course_id: str) -> list[str]:
        """Removes the videos and files of a course; returns the keys and folders of what is stored for them."""
        return await self._delete_all({"course_id": course_id})

    async def delete_of_owner(self, user_id: str) -> list[str]:
        """Removes what a user uploaded and no course has; returns the keys and folders of what is stored for it."""
        return await self._delete_all({"owner_id": user_id, "course_id": None})

    async def loose_files_of(self, user_id: str) -> tuple[int, int]:
        """Returns how many files a user has that belong to no course, and their bytes in all."""
        found = await self._files.group({"owner_id": user_id, "course_id": None}, sums=("size",))
        return (found[0].count, int(found[0].sums["size"])) if found else (0, 0)

    async def _delete_all(self, query: Filter) -> list[str]:
        keys: list[str] = []
        while videos := await self._videos.find(query):
            keys += [key for video in videos for key in places_of(video)]
            await self._captions.delete_of_videos([video.id for video in videos])
            await self._videos.delete_many({"id": {"$in": [video.id for video in videos]}})
        while files := await self._files.find(query):
            keys += [place_of(file) for file in files]
            await self._files.delete_many({"id": {"$in": [file.id for file in files]}})
        return keys

    async def uploads_of(self, user_id: str) -> tuple[list[Video], list[StoredFile]]:
        """Returns all videos and all files that a user uploaded, newest first."""
        query = {"owner_id": user_id}
        return await _all(self._videos, query), await _all(self._files, query)

    async def videos_in_courses(self, limit: int, cursor: str | None) -> Page[Video]:
        """Returns a page of all videos that belong to a course, course by course."""
        sort = ("course_id", "-created_at")
        return await self._videos.page({"course_id": {"$gt": ""}}, sort=sort, limit=limit, cursor=cursor)

    async def files_in_courses(self, limit: int, cursor: str | None) -> Page[StoredFile]:
        """Returns a page of all files that belong to a course, course by course."""
        return await self._files.page({"course_id": {"$gt": ""}}, sort=("course_id",), limit=limit, cursor=cursor)

    async def loose_videos(self, limit: int, cursor: str | None) -> Page[Video]:
        """Returns a page of all videos that belong to no course."""
        sort = ("course_id", "-created_at")
        return await self._videos.page({"course_id": None}, sort=sort, limit=limit, cursor=cursor)

    async def loose_files(self, limit: int, cursor: str | None) -> Page[StoredFile]:
        """Returns a page of all files that belong to no course."""
        return await self._files.page({"course_id": None}, sort=("course_id",), limit=limit, cursor=cursor)

    async def owners_in_use(self, owner_ids: Sequence[str]) -> set[str]:
        """Returns those of the ids (at most 200) that belong to an account."""
        return {user.id for user in await self._users.find({"id": {"$in": list(owner_ids)}})}

    async def known(self, ids: Sequence[str]) -> set[str]:
        """Returns those of the ids (at most 200) that belong to a video or file."""
        query = {"id": {"$in": list(ids)}}
        videos, files = await self._videos.find(query), await self._files.find(query)
        return {video.id for video in videos} | {file.id for file in files}

    async def without_stream(self, ids: Sequence[str]) -> set[str]:
        """Returns those of the ids (at most 200) that belong to a video for which nothing is streamed or converted."""
        found = await self._videos.find({"id": {"$in": list(ids)}})
        return {one.id for one in found if one.hls_key is None and one.status is not VideoStatus.CONVERTING}


class CaptionRepository:
    """Tracks of videos, their cues and their lines."""

    def __init__(self, database: Database) -> None:
        self._tracks = database.collection(CaptionTrack)
        self._cues = database.collection(CaptionCues)
        self._lines = database.collection(CaptionLine)
        self._videos = database.collection(Video)

    async def of_video(self, video_id: str) -> list[CaptionTrack]:
        """Returns the tracks of a video, by kind and language."""
        return await self._tracks.find({"video_id": video_id}, sort=("kind", "language"))

    async def any_said(self, video_ids: Sequence[str]) -> bool:
        """Whether one of these videos has captions or subtitles."""
        said = [TrackKind.CAPTIONS.value, TrackKind.SUBTITLES.value]
        query = {"video_id": {"$in": list(video_ids)}, "kind": {"$in": said}}
        return await self._tracks.find_one(query) is not None

    async def get(self, track_id: str) -> CaptionTrack | None:
        """Returns the track with this id."""
        return await self._tracks.get(track_id)

    async def track(self, video_id: str, kind: TrackKind, language: str) -> CaptionTrack | None:
        """Returns the track of this kind in this language."""
        return await self._tracks.find_one({"video_id": video_id, "kind": kind.value, "language": language})

    async def cues(self, track_id: str) -> CaptionCues | None:
        """Returns the cues of a track."""
        return await self._cues.get(track_id)

    async def hold_video(self, video_id: str, now: datetime) -> bool:
        """Whether there is such a video; until the open transaction ends, nobody deletes it."""
        return await self._videos.update_one({"id": video_id}, {"$set": {"updated_at": now}})

    async def insert(self, track: CaptionTrack, cues: CaptionCues) -> None:
        """Stores a new track. Raises UniqueViolation."""
        await self._tracks.insert(track)
        await self._cues.insert(cues)

    async def change(self, track_id: str, revision: int, fields: dict[str, object]) -> CaptionTrack | None:
        """Changes a track that still has this revision; None when it has another, or is gone."""
        return await self._tracks.find_and_update({"id": track_id, "revision": revision}, {"$set": fields})

    async def replace_cues(self, track_id: str, cues: CaptionCues) -> None:
        """Stores other cues for a track."""
        await self._cues.delete_one({"id": track_id})
        await self._cues.insert(cues)

    async def replace_lines(self, track_id: str, lines: Sequence[CaptionLine]) -> None:
        """Stores the lines of a track in place of those before."""
        await self._lines.delete_many({"track_id": track_id})
        await self._lines.insert_many(lines)

    async def set_default(self, video_id: str, track_id: str) -> None:
        """Makes one track of a video the one that is shown without being asked; "" makes it none."""
        await self._tracks.update_many({"video_id": video_id, "is_default": True}, {"$set": {"is_default": False}})
        if track_id:
            await self._tracks.update_one({"id": track_id, "video_id": video_id}, {"$set": {"is_default": True}})

    async def delete(self, track_id: str) -> bool:
        """Removes a track with its cues and lines; whether there was one."""
        await self._lines.delete_many({"track_id": track_id})
        await self._cues.delete_one({"id": track_id})
        return await self._tracks.delete_one({"id": track_id})

    async def delete_of_videos(self, video_ids: Sequence[str]) -> None:
        """Removes all tracks of some videos (at most 200)."""
        for collection in (self._lines, self._cues, self._tracks):
            await collection.delete_many({"video_id": {"$in": list(video_ids)}})

    async def search(self, text: str, where: Filter, *, limit: int, cursor: str | None) -> SearchPage[CaptionLine]:
        """Returns a page of the lines that hold the words of a text, video by video, as they are shown.

        Of more than a thousand, the newest thousand. Raises InvalidCursor.
        """
        return await self._lines.search(text, where, sort=("video_id", "start_ms"), limit=limit, cursor=cursor)


class ViewRepository:
    """Who watched which video on which day, and how often each was watched."""

    def __init__(self, database: Database) -> None:
        self._views = database.collection(VideoView)
        self._videos = database.collection(Video)

    async def find(self, video_id: str, day: str, viewer: str) -> VideoView | None:
        """Returns that somebody watched a video on a day, if they did."""
        return await self._views.find_one({"video_id": video_id, "day": day, "viewer": viewer})

    async def insert(self, view: VideoView) -> None:
        """Stores that somebody watched. Raises UniqueViolation when that is stored already."""
        await self._views.insert(view)

    async def add_to_count(self, video_id: str) -> None:
        """Adds one to the number of views of a video."""
        await self._videos.update_one({"id": video_id}, {"$inc": {"views": 1}})

    async def delete_before(self, day: str) -> None:
        """Removes what is known of the days before one."""
        while old := await self._views.find({"day": {"$lt": day}}, sort=("day",)):
            await self._views.delete_many({"id": {"$in": [view.id for view in old]}})


class StreamRepository:
    """On which devices accounts watch."""

    def __init__(self, database: Database) -> None:
        self._streams = database.collection(AccountStreams)

    async def of(self, user_id: str) -> AccountStreams | None:
        """Returns the places of an account."""
        return await self._streams.get(user_id)

    async def insert(self, streams: AccountStreams) -> None:
        """Stores the first places of an account. Raises UniqueViolation."""
        await self._streams.insert(streams)

    async def replace(self, streams: AccountStreams) -> None:
        """Stores other places of an account. Raises VersionConflict when they changed since they were read."""
        await self._streams.replace(streams)

    async def delete_of(self, user_id: str) -> None:
        """Removes the places of an account."""
        await self._streams.delete_one({"id": user_id})

    async def delete_before(self, moment: datetime) -> None:
        """Removes the places of accounts that took none since a moment."""
        while old := await self._streams.find({"updated_at": {"$lt": moment}}, sort=("updated_at",)):
            ids = [streams.id for streams in old]
            await self._streams.delete_many({"id": {"$in": ids}, "updated_at": {"$lt": moment}})


async def _all(collection: Collection[D], query: Filter) -> list[D]:
    page = await collection.page(query, sort=("-created_at",), limit=LARGEST_PAGE)
    found = list(page.items)
    while page.next_cursor:
        page = await collection.page(query, sort=("-created_at",), limit=LARGEST_PAGE, cursor=page.next_cursor)
        found += page.items
    return found
