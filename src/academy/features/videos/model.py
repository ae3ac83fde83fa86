"""Documents of the videos and files."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from academy.infrastructure.database.document import Document, Index

# Where the parts of unfinished uploads lie in the storage.
UPLOAD_FOLDER = "uploads/"


class VideoStatus(StrEnum):
    """Stages of a video: it is checked, then converted; it can be watched, or it cannot and `failure` says why."""

    CHECKING = "checking"
    CONVERTING = "converting"
    READY = "ready"
    FAILED = "failed"


class Rendition(msgspec.Struct, frozen=True, kw_only=True):
    """A size in which a video can be watched, such as `720p`; width and height in pixels."""

    name: str
    width: int
    height: int


class Video(Document, kw_only=True):
    """An uploaded video.

    Attributes:
        owner_id: who uploaded it.
        course_id: the course whose learners may watch it; None until it is put into a lesson.
        key: the stored original; poster_key: the stored poster image (WebP), once it is checked. Both are private.
        sha256: of the original, hex.
        failure: what is wrong, in words the instructor understands; "" unless FAILED.
        note: what is not as it should be although it can be watched, in such words; "" when all is well.
        playable: whether browsers show the original as it is, so that it can be watched while it is converted.
        progress: how far the conversion is, in percent.
        segments: how many segments are stored in every size while it is converted: there it goes on.
        renditions: what it was converted to, largest first; hls_key: the stored master playlist; thumbnails_key: the
            stored track of small pictures along the time line (WebVTT). Empty and None when there are none.
        views: how often it was watched, counted once per viewer and day.
    """

    __collection__: ClassVar[str] = "videos"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("owner_id", "-created_at")),
        Index(("course_id", "-created_at")),
        Index(("status", "created_at")),
    )

    owner_id: str
    course_id: str | None = None
    file_name: str
    content_type: str
    key: str
    size: int
    sha256: str
    status: VideoStatus = VideoStatus.CHECKING
    failure: str = ""
    duration_seconds: float = 0.0
    width: int = 0
    height: int = 0
    video_codec: str = ""
    audio_codec: str = ""
    poster_key: str | None = None
    note: str = ""
    playable: bool = True
    progress: int = 0
    segments: int = 0
    renditions: list[Rendition] = []
    hls_key: str | None = None
    thumbnails_key: str | None = None
    views: int = 0

    @property
    def is_watchable(self) -> bool:
        """Whether it can be watched now."""
        return self.status is VideoStatus.READY or (self.status is VideoStatus.CONVERTING and self.playable)


class VideoView(Document, kw_only=True):
    """That somebody watched a video on a day: it is counted in the video's `views`. Forgotten after a few days.

    Attributes:
        day: in UTC, as 2026-11-24.
        viewer: a keyed hash of who watched and the day; nobody can be found by it.
    """

    __collection__: ClassVar[str] = "video_views"
    __indexes__: ClassVar[tuple[Index, ...]] = (Index(("video_id", "day", "viewer"), unique=True), Index(("day",)))

    video_id: str
    day: str
    viewer: str


class StreamPlace(msgspec.Struct, frozen=True, kw_only=True):
    """That a device, known by its session, watches until a moment that it moves on while it plays."""

    session_id: str
    until: datetime


class AccountStreams(Document, kw_only=True):
    """On which devices an account watches videos; its id is that of the account."""

    __collection__: ClassVar[str] = "account_streams"
    __indexes__: ClassVar[tuple[Index, ...]] = (Index(("updated_at",)),)

    places: list[StreamPlace] = []


class FileKind(StrEnum):
    """The kinds of files the academy takes; each has its extensions, types and size limit."""

    VIDEO = "video"
    IMAGE = "image"
    DOCUMENT = "document"
    ARCHIVE = "archive"


class StoredFile(Document, kw_only=True):
    """An uploaded file that is not a video: a cover, an avatar, the file of a lesson.

    Attributes:
        course_id: the course that uses it as its cover or in a lesson; None for everything else.
    """

    __collection__: ClassVar[str] = "files"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("owner_id", "-created_at")),
        Index(("key",), unique=True),
        Index(("course_id",)),
    )

    owner_id: str
    course_id: str | None = None
    kind: FileKind
    file_name: str
    content_type: str
    key: str
    size: int
    sha256: str


class UploadState(StrEnum):
    """Stages of an upload in parts: its bytes come, they are put together, it is a video or file, or it is refused."""

    RECEIVING = "receiving"
    ASSEMBLING = "assembling"
    DONE = "done"
    REFUSED = "refused"


class Upload(Document, kw_only=True):
    """A file that comes in parts, over any number of requests.

    Attributes:
        course_id, lesson_id, is_attachment: the place that it is for, as `placing.Place` has it; None, "" and False for
            none.
        declared_type: the content type as the client declares it; "" when it does not.
        sha256: of all its bytes, as the client announces it, in hex; "" when it does not.
        metadata: what the client told when it began, as it told it.
        length: bytes that it will have; offset: bytes that are stored.
        parts: names of the stored parts in order; they lie under `keys`.
        failure: why it was refused, in words that its owner understands; "" unless REFUSED.
        result_id: of the video or file that it becomes; "" until all bytes are here.
        writer: the request that may add bytes, until `writer_until`; None when there is none.
        expires_at: when it is removed if nothing more comes.
    """

    __collection__: ClassVar[str] = "uploads"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("owner_id", "-created_at")),
        Index(("expires_at",)),
    )

    owner_id: str
    course_id: str | None = None
    lesson_id: str = ""
    is_attachment: bool = False
    kind: FileKind
    file_name: str
    declared_type: str
    sha256: str = ""
    metadata: str
    length: int
    offset: int = 0
    parts: list[str] = []
    state: UploadState = UploadState.RECEIVING
    failure: str = ""
    result_id: str = ""
    writer: str | None = None
    writer_until: datetime | None = None
    expires_at: datetime

    @property
    def folder(self) -> str:
        """Where its parts lie in the storage."""
        return f"{UPLOAD_FOLDER}{self.id}/"

    @property
    def keys(self) -> list[str]:
        """Where its bytes lie, in order."""
        return [f"{self.folder}{part}" for part in self.parts]
