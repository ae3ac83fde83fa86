"""Documents of the videos and files."""

from enum import StrEnum
from typing import ClassVar

from academy.infrastructure.database.document import Document, Index


class VideoStatus(StrEnum):
    """Stages of a video: its bytes are being checked, it can be watched, or it cannot and `failure` says why."""

    CHECKING = "checking"
    READY = "ready"
    FAILED = "failed"


class Video(Document, kw_only=True):
    """An uploaded video.

    Attributes:
        owner_id: who uploaded it.
        course_id: the course whose learners may watch it; None until it is put into a lesson.
        key: the stored original; poster_key: the stored poster image (WebP), when READY. Both are private.
        sha256: of the original, hex.
        failure: what is wrong, in words the instructor understands; "" unless FAILED.
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
