"""What archives unpack to, found out without keeping any of it.

Refused are archives that are made to harm those who open them: that unpack to absurdly much, whatever they say (as a
whole, by members that share their bytes, or by archives in archives), that hold too many members, or whose members have
names that lead out of the folder. https://www.bamsoftware.com/hacks/zipbomb/ tells how such archives are made.
"""

import re
import struct
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from io import BufferedReader, RawIOBase
from typing import IO, TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from academy.infrastructure.media.formats import is_tar
from academy.infrastructure.media.unusable import (
    BOMB,
    DAMAGED_ARCHIVE,
    DEVICES,
    LEADING_OUT,
    LYING,
    OVERLAPPING,
    TOO_DEEP,
    TOO_MANY_MEMBERS,
    Unusable,
)

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MOST_MEMBERS = 10_000
# What every archive may unpack to; beyond it, so many times its own size, and never more than the last.
FREE_BYTES, MOST_TIMES, MOST_BYTES = 100 << 20, 100, 20 << 30
DEEPEST = 3

_CHUNK = 64 * 1024
_HEAD = 512
# An archive in an archive is looked into up to this size: of a larger one there cannot be many.
_LARGEST_INNER = 256 << 20
_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b\x08"
# APPNOTE.TXT of PKWARE, 4.3.7 and 4.4.4.
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_ENCRYPTED = 0x1
_LEADS_OUT = re.compile(r"^([/\\]|[A-Za-z]:)|(^|[/\\])\.\.([/\\]|$)|[\0\u202a-\u202e\u2066-\u2069]")


class Budget:
    """What one archive of so many bytes may unpack to, with all archives in it."""

    def __init__(self, size: int) -> None:
        self._members = 0
        self._unpacked = 0
        self._most = min(MOST_BYTES, max(FREE_BYTES, MOST_TIMES * size))

    def member(self, name: str) -> None:
        """Counts a member. Raises Unusable for one too many, and for a name that leads out of the folder."""
        self._members += 1
        if self._members > MOST_MEMBERS:
            raise Unusable(TOO_MANY_MEMBERS)
        if _LEADS_OUT.search(name):
            raise Unusable(LEADING_OUT)

    def unpacked(self, size: int) -> None:
        """Counts bytes that were unpacked. Raises Unusable when they are too many."""
        self._unpacked += size
        self.announced(0)

    def announced(self, size: int) -> None:
        """Looks at bytes that would be unpacked. Raises Unusable when they would be too many."""
        if self._unpacked + size > self._most:
            raise Unusable(BOMB)


def hides_archive(file: IO[bytes]) -> bool:
    """Whether programs that open ZIP archives find one in a file of another kind."""
    try:
        with ZipFile(file) as archive:
            return bool(archive.infolist())
    except (BadZipFile, OSError, ValueError, NotImplementedError, struct.error):
        return False


def check_zip(file: IO[bytes], budget: Budget, depth: int = 0) -> Sequence[str]:
    """Looks through a ZIP archive and returns the names of its members. Raises Unusable."""
    try:
        with ZipFile(file) as archive:
            members = archive.infolist()
            end = archive.start_dir
    except (BadZipFile, OSError, ValueError, NotImplementedError, struct.error, UnicodeError) as error:
        raise Unusable(DAMAGED_ARCHIVE) from error
    for member in members:
        budget.member(member.orig_filename)
    budget.announced(sum(member.file_size for member in members))
    _check_places(members, end)
    for member in members:
        stream = _member_stream(file, member)
        if stream is None:
            budget.unpacked(member.file_size)
        else:
            _look(_counted(stream, budget), budget, depth)
    return [member.filename for member in members]


def _check_places(members: Sequence[ZipInfo], end: int) -> None:
    """Raises Unusable when members share bytes, or something stands before the first."""
    places = sorted((member.header_offset, _least_length(member)) for member in members)
    if places and places[0][0] != 0:
        raise Unusable(DAMAGED_ARCHIVE)
    for (start, length), following in zip(places, [*(start for start, _ in places[1:]), end], strict=False):
        if start + length > following:
            raise Unusable(OVERLAPPING)


def _least_length(member: ZipInfo) -> int:
    return _LOCAL_HEADER.size + len(member.orig_filename) + member.compress_size


def _member_stream(file: IO[bytes], member: ZipInfo) -> Iterator[bytes] | None:
    """Yields what a member really unpacks to; None when only its own word can be taken. Raises Unusable."""
    if member.flag_bits & _ENCRYPTED or member.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        return None
    file.seek(member.header_offset)
    header = file.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size or not header.startswith(_ZIP):
        raise Unusable(DAMAGED_ARCHIVE)
    _, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    start = member.header_offset + _LOCAL_HEADER.size + name_length + extra_length
    packed = _slice(file, start, member.compress_size)
    return packed if member.compress_type == ZIP_STORED else _honest(_inflated(packed, -zlib.MAX_WBITS), member)


def _honest(unpacked: Iterator[bytes], member: ZipInfo) -> Iterator[bytes]:
    left = member.file_size
    for chunk in unpacked:
        left -= len(chunk)
        if left < 0:
            raise Unusable(LYING)
        yield chunk


def _slice(file: IO[bytes], start: int, length: int) -> Iterator[bytes]:
    # Whoever reads a member to its end looks into no other one of the same file meanwhile.
    file.seek(start)
    while length and (chunk := file.read(min(_CHUNK, length))):
        length -= len(chunk)
        yield chunk


def _inflated(packed: Iterator[bytes], window_bits: int) -> Iterator[bytes]:
    """Yields what deflated bytes unpack to, never much at a time; of gzip all members. Raises Unusable."""
    inflater = zlib.decompressobj(window_bits)
    try:
        for chunk in packed:
            rest = chunk
            while rest:
                if inflater.eof:
                    if window_bits < 0 or not rest.startswith(_GZIP[:2]):
                        return
                    inflater = zlib.decompressobj(window_bits)
                if unpacked := inflater.decompress(rest, _CHUNK):
                    yield unpacked
                rest = inflater.unconsumed_tail or inflater.unused_data
        while unpacked := inflater.decompress(inflater.unconsumed_tail, _CHUNK):
            yield unpacked
    except zlib.error as error:
        raise Unusable(DAMAGED_ARCHIVE) from error


class _Counted(RawIOBase):
    """A stream that is counted while it is read."""

    def __init__(self, chunks: Iterator[bytes], budget: Budget) -> None:
        super().__init__()
        self._chunks = chunks
        self._budget = budget
        self._rest = b""

    def readable(self) -> bool:
        """Returns True."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Reads some bytes; 0 at the end. Raises Unusable."""
        if not self._rest:
            self._rest = next(self._chunks, b"")
            self._budget.unpacked(len(self._rest))
        view = memoryview(buffer)
        part, self._rest = self._rest[: len(view)], self._rest[len(view) :]
        view[: len(part)] = part
        return len(part)


def _counted(chunks: Iterator[bytes], budget: Budget) -> BufferedReader:
    return BufferedReader(_Counted(chunks, budget), _CHUNK)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def check_gzip(file: IO[bytes], budget: Budget, depth: int = 0) -> None:
    """Looks through a gzip file, and a tar in it. Raises Unusable."""
    chunks = _inflated(_chunks(file), zlib.MAX_WBITS | 16)
    _look(_counted(chunks, budget), budget, depth)


def check_tar(file: IO[bytes], budget: Budget, depth: int = 0) -> None:
    """Looks through a tar, of which nothing has been read yet. Raises Unusable."""
    try:
        with tarfile.open(fileobj=file, mode="r|") as archive:
            for member in archive:
                budget.member(member.name)
                if member.isdev():
                    raise Unusable(DEVICES)
                if member.issparse():  # it says how large it becomes; its bytes are few
                    budget.unpacked(member.size)
                elif member.isreg() and (content := archive.extractfile(member)) is not None:
                    _look(_counted(_chunks(content), budget), budget, depth)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise Unusable(DAMAGED_ARCHIVE) from error


def _look(stream: BufferedReader, budget: Budget, depth: int) -> None:
    """Reads a member to its end, and looks into it when it is an archive itself."""
    head = stream.peek(_HEAD)[:_HEAD]
    is_archive = head.startswith((_ZIP, _GZIP)) or is_tar(head)
    if is_archive and depth >= DEEPEST:
        raise Unusable(TOO_DEEP)
    if head.startswith(_ZIP):
        _look_into_zip(stream, budget, depth + 1)
    elif head.startswith(_GZIP):
        check_gzip(stream, budget, depth + 1)
    elif is_tar(head):
        check_tar(stream, budget, depth + 1)
    while stream.read(_CHUNK):
        pass


def _look_into_zip(stream: BufferedReader, budget: Budget, depth: int) -> None:
    with tempfile.TemporaryFile() as copy:
        while chunk := stream.read(_CHUNK):
            if copy.tell() + len(chunk) > _LARGEST_INNER:
                return
            copy.write(chunk)
        check_zip(copy, budget, depth)
