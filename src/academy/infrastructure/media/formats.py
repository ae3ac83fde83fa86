"""The formats of files that the academy takes, and how their first bytes tell them apart.

Sources: ISO/IEC 14496-12 (`ftyp`), RFC 9559 (Matroska), the vendors' format descriptions,
and the MIME Sniffing Standard.
"""

from collections.abc import Callable

import msgspec

# Bytes from the beginning that are enough to know every format; tar keeps its mark at 257.
SNIFF_BYTES = 4096

Mark = Callable[[bytes], bool]


class Format(msgspec.Struct, frozen=True):
    """A file format.

    Attributes:
        content_type: what the academy sends it as.
        extensions: in lower case, without the dot; the first is used for stored files.
        mark: whether the first bytes of a file are those of this format.
        declared: further content types that clients declare for it, besides `content_type`.
        holds_text: whether a page or script may stand in its first bytes by right; images are encoded anew anyway.
    """

    content_type: str
    extensions: tuple[str, ...]
    mark: Mark
    declared: tuple[str, ...] = ()
    holds_text: bool = False


def _starts(*beginnings: bytes) -> Mark:
    return lambda head: head.startswith(beginnings)


def _riff(kind: bytes) -> Mark:
    return lambda head: head[:4] == b"RIFF" and head[8:12] == kind


def _box_brands(head: bytes) -> bytes:
    """Returns the brand field of an ISO base media file, b"" for anything else."""
    size = int.from_bytes(head[:4], "big")
    return head[8 : min(size, 256)] if head[4:8] == b"ftyp" else b""


# Still images, which share the container of mp4 but are no videos.
_IMAGE_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")


def _is_quicktime(head: bytes) -> bool:
    # Files of before 2001 have no ftyp box and begin with one of these.
    return _box_brands(head)[:4] == b"qt  " or head[4:8] in {b"moov", b"mdat", b"wide", b"pnot"}


def _is_mp4(head: bytes) -> bool:
    brands = _box_brands(head)
    return bool(brands) and brands[:4] != b"qt  " and brands[:4] not in _IMAGE_BRANDS


def is_tar(head: bytes) -> bool:
    """Whether a file with these first bytes is a tar (POSIX.1-1988, `ustar`)."""
    return head[257:262] == b"ustar"


def _is_office(head: bytes) -> bool:
    """A ZIP whose first member is one of an Office Open XML package (ECMA-376, part 2), not just any ZIP."""
    length = int.from_bytes(head[26:28], "little")
    return head[:4] == b"PK\x03\x04" and head[30 : 30 + length].startswith(_OFFICE_MEMBERS)


def is_program(head: bytes) -> bool:
    """Whether systems run a file with these first bytes, whatever else it is: ELF, PE, Mach-O, Java, a script.

    Sources: System V ABI (ELF); Microsoft's PE format, 2; Apple's `mach-o/loader.h` and `fat.h`; JVMS, 4.1.
    """
    if head[:2] == b"MZ":
        # Two letters with which a name in a tar may begin: what counts is where they lead, as far as it can be seen.
        at = int.from_bytes(head[60:64], "little")
        return at > len(head) - 4 or head[at : at + 4] == b"PE\0\0"
    return head.startswith(_PROGRAMS)


_PROGRAMS = (
    b"\x7fELF",
    b"#!",
    *(magic.to_bytes(4, order) for magic in (0xFEEDFACE, 0xFEEDFACF, 0xCAFEBABE) for order in ("big", "little")),
)
_OFFICE_MEMBERS = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"word/", b"xl/", b"ppt/", b"customXml/")
_is_zip = _starts(b"PK\x03\x04", b"PK\x05\x06")
_is_ole = _starts(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_is_asf = _starts(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c")
_office = "application/vnd.openxmlformats-officedocument."

VIDEOS = (
    Format("video/mp4", ("mp4",), _is_mp4),
    Format("video/quicktime", ("mov",), lambda head: _is_quicktime(head) or _is_mp4(head), ("video/mp4",)),
    Format("video/x-msvideo", ("avi",), _riff(b"AVI "), ("video/avi", "video/msvideo", "video/vnd.avi")),
    Format("video/x-matroska", ("mkv",), _starts(b"\x1a\x45\xdf\xa3"), ("video/mkv", "video/matroska", "video/webm")),
    Format("video/x-flv", ("flv",), _starts(b"FLV\x01"), ("video/flv",)),
    Format("video/x-ms-wmv", ("wmv",), _is_asf, ("video/x-ms-asf",)),
)
IMAGES = (
    Format("image/jpeg", ("jpg", "jpeg"), _starts(b"\xff\xd8\xff"), ("image/jpg", "image/pjpeg"), holds_text=True),
    Format("image/png", ("png",), _starts(b"\x89PNG\r\n\x1a\n"), holds_text=True),
    Format("image/gif", ("gif",), _starts(b"GIF87a", b"GIF89a"), holds_text=True),
    Format("image/webp", ("webp",), _riff(b"WEBP"), holds_text=True),
)
DOCUMENTS = (
    Format("application/pdf", ("pdf",), _starts(b"%PDF-")),
    Format("application/msword", ("doc",), _is_ole),
    Format("application/vnd.ms-excel", ("xls",), _is_ole),
    Format("application/vnd.ms-powerpoint", ("ppt",), _is_ole),
    Format(f"{_office}wordprocessingml.document", ("docx",), _is_office, holds_text=True),
    Format(f"{_office}spreadsheetml.sheet", ("xlsx",), _is_office, holds_text=True),
    Format(f"{_office}presentationml.presentation", ("pptx",), _is_office, holds_text=True),
)
ARCHIVES = (
    Format(
        "application/zip", ("zip",), _is_zip, ("application/x-zip-compressed", "application/x-zip"), holds_text=True
    ),
    Format(
        "application/vnd.rar",
        ("rar",),
        _starts(b"Rar!\x1a\x07\x00", b"Rar!\x1a\x07\x01\x00"),
        ("application/x-rar-compressed", "application/x-rar"),
        holds_text=True,
    ),
    Format("application/x-7z-compressed", ("7z",), _starts(b"7z\xbc\xaf\x27\x1c")),
    Format("application/x-tar", ("tar",), is_tar, ("application/tar",), holds_text=True),
    Format("application/gzip", ("gz",), _starts(b"\x1f\x8b\x08"), ("application/x-gzip",)),
)
