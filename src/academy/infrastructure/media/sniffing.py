"""Finds out what an uploaded file really is: its name, its declared type and its first bytes must tell the same."""

import re
import unicodedata
from collections.abc import Sequence

from academy.infrastructure.media.formats import SNIFF_BYTES, Format, is_program
from academy.kit.errors import AcademyError, Kind

LONGEST_NAME = 120
# What clients send when they do not know the type; the bytes decide then.
_NO_DECLARATION = {"", "application/octet-stream", "binary/octet-stream"}
# What a browser, or a server for pages, could take for something to run.
_MARKUP = re.compile(rb"<(!doctype\s+html|html|head|body|script|iframe|svg|\?php)\b", re.IGNORECASE)
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\.|$)", re.IGNORECASE)
_FORBIDDEN_IN_NAMES = re.compile(r'[<>:"|?*;%]')


class FileRefused(AcademyError):
    """The file is of no kind that is taken here, or it is not what it says it is. Nothing was stored."""

    code = "file_refused"
    kind = Kind.INVALID


def safe_name(name: str) -> str:
    """Returns a name that is safe to show and to save under, made from what a client called its file.

    Folders, control and direction-changing characters, leading dots and characters with a meaning for systems are
    dropped; at most 120 characters stay, with the extension. A name that Windows keeps for a device gets a `_` before
    it. A name of which nothing stays becomes `file`.
    """
    text = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())
    base = re.split(r"[/\\]", text)[-1]
    printable = "".join(c if unicodedata.category(c)[0] != "C" else "" for c in base)
    plain = " ".join(_FORBIDDEN_IN_NAMES.sub("_", printable).split()).strip(". ")
    if _RESERVED.match(plain):
        plain = f"_{plain}"
    if len(plain) > LONGEST_NAME:
        stem, dot, extension = plain.rpartition(".")
        kept = f".{extension}" if dot and len(extension) <= LONGEST_NAME // 6 else ""
        plain = (stem if kept else plain)[: LONGEST_NAME - len(kept)].rstrip(". ") + kept
    return plain or "file"


def extension_of(name: str) -> str:
    """Returns the extension of a file name in lower case without the dot; "" when it has none."""
    stem, dot, extension = safe_name(name).rpartition(".")
    return extension.lower() if dot and stem else ""


def sniff(name: str, declared: str, head: bytes, formats: Sequence[Format]) -> Format:
    """Returns the format of a file.

    Args:
        name, declared, formats: as `named_format` takes them.
        head: the first SNIFF_BYTES of the file (all of a shorter one).

    Raises:
        FileRefused: extension, declared type and bytes do not agree on one of `formats`; says which of them is wrong.
    """
    if not head:
        raise FileRefused("The file is empty. Choose another one.", fields={"file": "The file is empty."})
    found = named_format(name, declared, formats)
    called = f"The file is called .{extension_of(name)}, but"
    if not found.mark(head[:SNIFF_BYTES]):
        raise _mismatch(f"{called} its content is something else.")
    if is_program(head):
        raise _mismatch(f"{called} it is also a program.")
    if not found.holds_text and _MARKUP.search(head[:SNIFF_BYTES]):
        raise _mismatch(f"{called} it is also a web page or a script.")
    return found


def named_format(name: str, declared: str, formats: Sequence[Format]) -> Format:
    """Returns the format that a file says it has.

    Args:
        name: the client's name of the file; its extension is looked at.
        declared: the client's content type, possibly with parameters; empty and `application/octet-stream` mean that
            the client does not know.
        formats: what is taken here.

    Raises:
        FileRefused: extension and declared type do not agree on one of `formats`; says which of them is wrong.
    """
    extension = extension_of(name)
    found = next((one for one in formats if extension in one.extensions), None)
    if found is None:
        allowed = ", ".join(ending for one in formats for ending in one.extensions)
        raise FileRefused(f"Files of this kind are not taken here. Choose one of: {allowed}.", fields={"file": allowed})
    kind = declared.partition(";")[0].strip().lower()
    if not _agrees(kind, found, formats):
        raise _mismatch(f"The file is sent as {kind[:60]!r}, which is not what .{extension} files are.")
    return found


def _agrees(declared: str, found: Format, formats: Sequence[Format]) -> bool:
    if declared in _NO_DECLARATION or declared in (found.content_type, *found.declared):
        return True
    # Systems know videos and images by more types than are listed; only the type of another format is a contradiction.
    family = found.content_type.partition("/")[0]
    known = {kind for one in formats for kind in (one.content_type, *one.declared)}
    return family in {"video", "image"} and declared.startswith(f"{family}/") and declared not in known


def _mismatch(reason: str) -> FileRefused:
    return FileRefused(f"{reason} Save it again in the right format and upload it once more.", fields={"file": reason})
