"""The kinds of files: which formats each takes, how large they may be, and where they lie in the storage."""

import re
from collections.abc import AsyncIterable, Sequence

import msgspec

from academy.features.videos.content import with_head
from academy.features.videos.model import FileKind, StoredFile, Video
from academy.infrastructure.media.formats import ARCHIVES, DOCUMENTS, IMAGES, VIDEOS, Format
from academy.infrastructure.media.sniffing import extension_of, sniff
from academy.infrastructure.storage.settings import StorageSettings

FORMATS: dict[FileKind, tuple[Format, ...]] = {
    FileKind.VIDEO: VIDEOS,
    FileKind.IMAGE: IMAGES,
    FileKind.DOCUMENT: DOCUMENTS,
    FileKind.ARCHIVE: ARCHIVES,
}
# Objects under this prefix are for everybody: covers, avatars.
PUBLIC = "public/"
VIDEO_FOLDER, FILE_FOLDER, IMAGE_FOLDER = "videos/", "files/", f"{PUBLIC}images/"
# What the academy makes (RFC 8216, section 10; RFC 6381; W3C WebVTT; AV1 Image File Format, 2).
_MADE_TYPES = {
    "m3u8": "application/vnd.apple.mpegurl",
    "m4s": "video/iso.segment",
    "vtt": "text/vtt",
    "avif": "image/avif",
}
# How the keys of these files begin.
SIZED_IMAGE = re.compile(rf"{IMAGE_FOLDER}[0-9a-f-]{{36}}/(?P<width>\d{{1,4}})\.webp")
HLS_KEY = re.compile(rf"{VIDEO_FOLDER}[0-9a-f-]{{36}}/hls/")


def hls_folder(video_id: str) -> str:
    """Returns the folder, with `/` at its end, of all that is made of a video for streaming."""
    return f"{VIDEO_FOLDER}{video_id}/hls/"


def places_of(video: Video) -> list[str]:
    """Returns the keys of what is stored for a video, and its folders, which end with `/`."""
    return [*(key for key in (video.key, video.poster_key) if key), hls_folder(video.id)]


def place_of(file: StoredFile) -> str:
    """Returns the key of what is stored for a file; where it is stored in several sizes their folder, with `/`."""
    return file.key.rpartition("/")[0] + "/" if SIZED_IMAGE.fullmatch(file.key) else file.key


def limit_of(kind: FileKind, settings: StorageSettings) -> int:
    """Returns how many bytes a file of the kind may have."""
    return {
        FileKind.VIDEO: settings.max_video_bytes,
        FileKind.IMAGE: settings.max_image_bytes,
        FileKind.DOCUMENT: settings.max_document_bytes,
        FileKind.ARCHIVE: settings.max_archive_bytes,
    }[kind]


def upload_rules(kinds: Sequence[FileKind], settings: StorageSettings) -> dict[str, int]:
    """Returns the extensions that files of these kinds may have, each with the most bytes."""
    return {
        extension: limit_of(kind, settings) for kind in kinds for one in FORMATS[kind] for extension in one.extensions
    }


def kind_of(file_name: str) -> FileKind | None:
    """Returns the kind of files with this extension; None when the academy takes no such files."""
    extension = extension_of(file_name)
    for kind, formats in FORMATS.items():
        if any(extension in one.extensions for one in formats):
            return kind
    return None


def content_type_of(key: str) -> str:
    """Returns the content type of a stored object, told by the extension that the academy gave its key."""
    extension = extension_of(key)
    for formats in FORMATS.values():
        for one in formats:
            if extension in one.extensions:
                return one.content_type
    return _MADE_TYPES.get(extension, "application/octet-stream")


class ValidFile(msgspec.Struct, frozen=True):
    """A file that may be taken: what it is, the most bytes that it may have, and its bytes."""

    kind: FileKind
    format: Format
    limit: int
    chunks: AsyncIterable[bytes]


async def validate_file(
    file_name: str,
    content_type: str,
    chunks: AsyncIterable[bytes],
    kinds: Sequence[FileKind],
    settings: StorageSettings,
) -> ValidFile:
    """Looks at a file's name, declared type and first bytes, before any of it is stored.

    `content_type` is "" when the client does not declare it. Raises FileRefused when the three are not those of one
    format of these kinds.
    """
    head, whole = await with_head(chunks)
    found = sniff(file_name, content_type, head, [one for kind in kinds for one in FORMATS[kind]])
    kind = next(kind for kind in kinds if found in FORMATS[kind])
    return ValidFile(kind, found, limit_of(kind, settings), whole)
