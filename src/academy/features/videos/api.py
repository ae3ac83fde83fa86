"""REST handlers of the videos and files."""

from datetime import datetime

import msgspec
from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.status_codes import HTTP_201_CREATED

from academy.features.courses.service import CourseService
from academy.features.videos.captions import CaptionService
from academy.features.videos.captions_model import TrackKind
from academy.features.videos.model import FileKind, Rendition, StoredFile, Video, VideoStatus
from academy.features.videos.placing import Place, Placing
from academy.features.videos.service import VideoService
from academy.features.videos.uploads import FileUploadOperation, named_place, sent_file
from academy.infrastructure.rate_limits.base import Rule
from academy.infrastructure.security.principal import Principal
from academy.web.guards import anyone, instructors
from academy.web.listing import Cursor, Limit, Listing
from academy.web.rate_limits import RATE_LIMIT
from academy.web.requests import PageRequest


class VideoAnswer(msgspec.Struct, kw_only=True):
    """A video as its owner sees it; sizes are in pixels and bytes.

    `failure` says what is wrong with a failed one, `note` what is not as it should be with a good one; `progress` is
    that of the conversion, in percent; some can be watched before it ends (`is_watchable`). `views` counts each viewer
    once a day.
    """

    id: str
    file_name: str
    content_type: str
    size: int
    sha256: str
    status: VideoStatus
    failure: str
    note: str
    progress: int
    is_watchable: bool
    course_id: str | None
    duration_seconds: float
    width: int
    height: int
    poster_url: str | None
    qualities: list[Rendition]
    views: int
    created_at: datetime


class FileAnswer(msgspec.Struct, kw_only=True):
    """A stored file. `url` of an image lasts; of other files it holds for a while."""

    id: str
    key: str
    kind: FileKind
    file_name: str
    content_type: str
    size: int
    sha256: str
    url: str


class TrackAnswer(msgspec.Struct, kw_only=True):
    """Captions, subtitles or chapters beside a video, as WebVTT; `url` holds as long as the video's."""

    kind: TrackKind
    language: str
    label: str
    url: str
    default: bool


class PlaybackAnswer(msgspec.Struct, kw_only=True):
    """Where a video can be watched; the addresses hold for `expires_in` seconds.

    `url` is for browsers by themselves. `hls_url` leads to the master playlist of all `qualities` (HLS, largest first),
    `thumbnails_url` to a WebVTT track of small pictures; both are null while the video is being converted.

    An account may watch on a few devices at the same time: ask again every `renew_in` seconds while it plays, to keep
    this one among them; 0: no need to.
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
    tracks: list[TrackAnswer]


def video_answer(video: Video, videos: VideoService) -> VideoAnswer:
    """Returns a video as its owner sees it."""
    return VideoAnswer(
        id=video.id,
        file_name=video.file_name,
        content_type=video.content_type,
        size=video.size,
        sha256=video.sha256,
        status=video.status,
        failure=video.failure,
        note=video.note,
        progress=video.progress,
        is_watchable=video.is_watchable,
        course_id=video.course_id,
        duration_seconds=video.duration_seconds,
        width=video.width,
        height=video.height,
        poster_url=videos.poster_url(video),
        qualities=video.renditions,
        views=video.views,
        created_at=video.created_at,
    )


def file_answer(file: StoredFile, videos: VideoService) -> FileAnswer:
    """Returns a stored file with its address."""
    return FileAnswer(
        id=file.id,
        key=file.key,
        kind=file.kind,
        file_name=file.file_name,
        content_type=file.content_type,
        size=file.size,
        sha256=file.sha256,
        url=videos.file_url(file.key, "" if file.kind is FileKind.IMAGE else file.file_name),
    )


# Uploads set no limit on the body: the limit is that of the file's kind, counted while it is stored.
@post(
    "/api/v1/videos",
    guards=[instructors],
    tags=["files"],
    summary="Upload a video (multipart/form-data, field `file`)",
    operation_class=FileUploadOperation,
    opt={RATE_LIMIT: Rule.UPLOADS},
    request_max_body_size=None,
    status_code=HTTP_201_CREATED,
)
async def upload_video(
    request: PageRequest,
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    videos: NamedDependency[VideoService],
    placing: NamedDependency[Placing],
) -> VideoAnswer:
    """Stores the video and has it checked and converted.

    Its `status` turns from `checking` into `converting`, then into `ready`, or into `failed`.

    With `course` and `lesson_id` it becomes the video of that lesson; one that the lesson has already stays until the
    new one is ready.
    """
    async with sent_file(request) as part:
        place = await named_place(part.fields, principal, courses)
        video = await placing.put_video(part, principal, place)
    return video_answer(video, videos)


@post(
    "/api/v1/files",
    guards=[instructors],
    tags=["files"],
    summary="Upload an image, document or archive (multipart/form-data, field `file`)",
    operation_class=FileUploadOperation,
    opt={RATE_LIMIT: Rule.UPLOADS},
    request_max_body_size=None,
    status_code=HTTP_201_CREATED,
)
async def upload_file(
    request: PageRequest,
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    videos: NamedDependency[VideoService],
    placing: NamedDependency[Placing],
) -> FileAnswer:
    """Stores the file. Images are re-encoded as WebP, without metadata, and can be seen by everybody.

    With `course` and `lesson_id` a document or archive becomes the file of that lesson, or with `attachment` one of the
    files beside it; with `course` alone an image becomes the cover of that course.
    """
    async with sent_file(request) as part:
        place = await named_place(part.fields, principal, courses)
        if place is None:
            file = await placing.put_loose(part, principal)
        elif place.lesson_id:
            file = await placing.put_file(part, principal, place)
        else:
            file = await placing.put_cover(part, principal, place.course)
    return file_answer(file, videos)


@get("/api/v1/videos", guards=[instructors], tags=["files"], summary="My videos, newest first")
async def list_videos(
    principal: NamedDependency[Principal],
    videos: NamedDependency[VideoService],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Listing[VideoAnswer]:
    """Returns one page of the caller's videos."""
    page = await videos.list_mine(principal, limit=limit, cursor=cursor)
    return Listing(items=[video_answer(video, videos) for video in page.items], next_cursor=page.next_cursor)


@get("/api/v1/videos/{video_id:str}", guards=[instructors], tags=["files"], summary="One of my videos")
async def get_video(
    video_id: FromPath[str], principal: NamedDependency[Principal], videos: NamedDependency[VideoService]
) -> VideoAnswer:
    """Returns a video to its owner and to admins; 404 for others."""
    return video_answer(await videos.get(principal, video_id), videos)


@delete("/api/v1/videos/{video_id:str}", guards=[instructors], tags=["files"], summary="Delete one of my videos")
async def delete_video(
    video_id: FromPath[str], principal: NamedDependency[Principal], videos: NamedDependency[VideoService]
) -> None:
    """Deletes the video with its poster; a lesson that shows it has no video then."""
    await videos.delete(principal, video_id)


@get("/api/v1/videos/{video_id:str}/playback", guards=[anyone], tags=["files"], summary="Where to watch a video")
async def get_playback(
    video_id: FromPath[str],
    visitor: NamedDependency[Principal | None],
    videos: NamedDependency[VideoService],
    captions: NamedDependency[CaptionService],
) -> Response[PlaybackAnswer]:
    """Returns a signed address to those who may watch; 403 for others.

    409 while the video cannot be shown, and (`too_many_streams`) while the account watches on as many other devices as
    it may.
    """
    playback = await videos.playback(visitor, video_id)
    answer = PlaybackAnswer(
        **msgspec.structs.asdict(playback),
        tracks=msgspec.convert(await captions.playable(video_id), list[TrackAnswer], from_attributes=True),
    )
    return Response(answer, headers={"Cache-Control": "no-store"})


@delete(
    "/api/v1/courses/{slug:str}/lessons/{lesson_id:str}/attachments/{file_id:str}",
    guards=[instructors],
    tags=["files"],
    summary="Remove an attachment of a lesson",
)
async def remove_attachment(
    slug: FromPath[str],
    lesson_id: FromPath[str],
    file_id: FromPath[str],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    placing: NamedDependency[Placing],
) -> None:
    """Takes the file off the lesson and deletes it."""
    place = Place(await courses.for_editing(principal, slug), lesson_id)
    await placing.remove_attachment(principal, place, file_id)


handlers = [upload_video, upload_file, list_videos, get_video, delete_video, get_playback, remove_attachment]
