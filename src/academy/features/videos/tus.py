"""The headers of the tus protocol 1.0.0 (https://tus.io/protocols/resumable-upload): read strictly, and written."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from email.utils import format_datetime

from academy.features.videos.model import Upload, UploadState
from academy.features.videos.receiving import Checksum
from academy.features.videos.resumable import NewUpload
from academy.kit.errors import InvalidError

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,expiration,termination"
CONTENT_TYPE = "application/offset+octet-stream"
_DIGESTS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256}
ALGORITHMS = ",".join(_DIGESTS)
# More digits than any size has that a disk could hold.
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_KEY = re.compile(r"[!-+\--~]{1,100}")  # ASCII without spaces and commas
_LONGEST_METADATA = 4096


class MalformedHeader(InvalidError):
    """A header is missing, or is not as the protocol has it."""

    code = "malformed_header"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}", fields={name: reason})


class OtherVersion(InvalidError):
    """The client speaks another version of the protocol."""

    code = "tus_version"

    def __init__(self) -> None:
        super().__init__(f"Send the header Tus-Resumable: {VERSION}. This academy speaks no other version of tus.")


class OtherContentType(InvalidError):
    """The bytes are sent as something else than bytes of an upload."""

    code = "unsupported_media_type"

    def __init__(self) -> None:
        super().__init__(f"Send the bytes as {CONTENT_TYPE}.")


def check_version(headers: Mapping[str, str], *, is_needed: bool = True) -> None:
    """Raises OtherVersion when the client names another version of the protocol, or, with `is_needed`, none."""
    if headers.get("tus-resumable", "" if is_needed else VERSION) != VERSION:
        raise OtherVersion


def has_bytes(headers: Mapping[str, str]) -> bool:
    """Whether a request brings bytes of an upload."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() == CONTENT_TYPE


def check_content_type(headers: Mapping[str, str]) -> None:
    """Raises OtherContentType."""
    if not has_bytes(headers):
        raise OtherContentType


def offset_of(headers: Mapping[str, str]) -> int:
    """Returns Upload-Offset. Raises MalformedHeader."""
    return _number(headers, "Upload-Offset")


def announced_of(headers: Mapping[str, str]) -> int | None:
    """Returns the length of the body, None when the client does not tell. Raises MalformedHeader."""
    return _number(headers, "Content-Length") if "content-length" in headers else None


def new_upload_of(headers: Mapping[str, str]) -> tuple[NewUpload, dict[str, str]]:
    """Returns what a creation asks for, and all its metadata.

    The metadata `filename` is needed; `filetype` may tell the content type, `course` (slug) and `lesson_id` the place.
    Raises MalformedHeader.
    """
    if "upload-defer-length" in headers:
        raise MalformedHeader("Upload-Defer-Length", "tell the length at the beginning, in Upload-Length")
    length = _number(headers, "Upload-Length")
    raw = headers.get("upload-metadata", "")
    metadata = metadata_of(raw)
    if not metadata.get("filename"):
        raise MalformedHeader("Upload-Metadata", "`filename` is missing")
    new = NewUpload(
        file_name=metadata["filename"], content_type=metadata.get("filetype", ""), length=length, metadata=raw
    )
    return new, metadata


def metadata_of(raw: str) -> dict[str, str]:
    """Reads Upload-Metadata: keys, each with its value in base64, separated by commas. Raises MalformedHeader."""
    if len(raw) > _LONGEST_METADATA:
        raise MalformedHeader("Upload-Metadata", f"at most {_LONGEST_METADATA} characters")
    found: dict[str, str] = {}
    for pair in raw.split(",") if raw else []:
        key, _, value = pair.strip(" ").partition(" ")
        if not _KEY.fullmatch(key) or key in found:
            raise MalformedHeader("Upload-Metadata", "each key once, of printable ASCII without spaces and commas")
        try:
            found[key] = base64.b64decode(value, validate=True).decode("utf-8")
        except (binascii.Error, ValueError) as error:
            raise MalformedHeader("Upload-Metadata", f"the value of `{key}` is not UTF-8 in base64") from error
    return found


def checksum_of(headers: Mapping[str, str]) -> Checksum | None:
    """Returns what Upload-Checksum asks to be checked; None without it. Raises MalformedHeader."""
    if "upload-checksum" not in headers:
        return None
    algorithm, _, value = headers["upload-checksum"].partition(" ")
    if algorithm not in _DIGESTS:
        raise MalformedHeader("Upload-Checksum", f"choose one of {ALGORITHMS}")
    digest = _DIGESTS[algorithm](usedforsecurity=False)
    try:
        expected = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        expected = b""
    if len(expected) != digest.digest_size:
        raise MalformedHeader("Upload-Checksum", f"not a {algorithm} in base64")
    return Checksum(digest, expected)


def _number(headers: Mapping[str, str], name: str) -> int:
    value = headers.get(name.lower(), "")
    if not _NUMBER.fullmatch(value):
        raise MalformedHeader(name, "a whole number of bytes is needed")
    return int(value)


def standing(upload: Upload) -> dict[str, str]:
    """Returns the headers that tell how far an upload is."""
    headers = {"Tus-Resumable": VERSION, "Upload-Offset": str(upload.offset), "Cache-Control": "no-store"}
    if upload.state is UploadState.RECEIVING:
        headers["Upload-Expires"] = format_datetime(upload.expires_at, usegmt=True)
    return headers


def description(upload: Upload) -> dict[str, str]:
    """Returns the headers that tell what an upload is and how far it is: the answer to HEAD."""
    return {**standing(upload), "Upload-Length": str(upload.length), "Upload-Metadata": upload.metadata}


def capabilities(largest: int) -> dict[str, str]:
    """Returns the headers that tell what this server can: the answer to OPTIONS. `largest`: bytes of an upload."""
    return {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(largest),
        "Tus-Checksum-Algorithm": ALGORITHMS,
    }
