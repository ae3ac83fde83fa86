"""Adds the bytes of one request to an upload: in parts, each durable before it counts, so that little is ever lost.

A part is stored under a name of its writer's own and becomes one of the upload when the database moves the offset past
it. So a writer that was thought dead, and comes back after another one took its place, can spoil nothing.
"""

import asyncio
import hmac
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Protocol

import msgspec

from academy.features.videos.content import StoredParts
from academy.features.videos.errors import ChecksumMismatch, TooManyBytes, TooManyParts, UploadBusy
from academy.features.videos.kinds import FORMATS
from academy.features.videos.model import Upload
from academy.features.videos.upload_repository import UploadRepository
from academy.infrastructure.media.formats import SNIFF_BYTES
from academy.infrastructure.media.sniffing import sniff
from academy.infrastructure.storage.base import Storage, StorageUnavailable
from academy.kit.clock import Clock

# A power cut loses at most one part, so a part ends at a size and at an age.
PART_BYTES = 16 << 20
_PART_SECONDS = 30.0
# What a writer that is silent, or dead, keeps others waiting.
LEASE = timedelta(seconds=10)
_RENEW_AFTER = timedelta(seconds=3)
_MOST_PARTS = 5_000
_PART_TYPE = "application/octet-stream"


class Digest(Protocol):
    """A hash over bytes that come one after another; those of `hashlib` are such."""

    def update(self, data: bytes, /) -> None:
        """Takes more bytes in."""

    def digest(self) -> bytes:
        """Returns the hash of all bytes so far."""
        ...


class Checksum(msgspec.Struct, frozen=True):
    """What the bytes of a request must hash to: `expected`, by a hash that is fresh."""

    hash: Digest
    expected: bytes


class Advancing(Protocol):
    """Moves an upload's offset behind stored parts, for its writer."""

    async def __call__(self, upload: Upload, parts: list[str], offset: int) -> Upload:
        """Returns the upload as it is then. Raises UploadBusy when its writer is another one by now."""
        ...


class Writer:
    """The one request that may add bytes to an upload at a time."""

    def __init__(
        self, upload: Upload, repository: UploadRepository, storage: Storage, clock: Clock, advance: Advancing
    ) -> None:
        self._upload = upload
        self._repository = repository
        self._storage = storage
        self._clock = clock
        self._advance = advance
        self._renew_at = clock.now() + _RENEW_AFTER
        self._pending: list[str] = []
        self._offset = upload.offset

    async def write(self, chunks: AsyncIterable[bytes], checksum: Checksum | None) -> Upload:
        """Adds the bytes; returns the upload as it is then.

        A stream that breaks off ends early: what came is kept, unless a checksum was to prove it, and then the
        stream's own error is raised. Raises FileRefused for first bytes of another kind of file, ChecksumMismatch,
        TooManyBytes, TooManyParts, UploadBusy when another writer took over, StorageUnavailable.
        """
        stream = _Stream(chunks, checksum.hash if checksum else None)
        try:
            await self._write(stream, checksum)
        except BaseException:
            await self._forget_pending()
            raise
        if stream.failure is not None:
            raise stream.failure
        return self._upload

    async def _write(self, stream: "_Stream", checksum: Checksum | None) -> None:
        head = await self._head(stream)
        if checksum is None:
            self._check_head(head)
        while await stream.is_more():
            await self._store_part(stream)
            if checksum is None:
                await self._commit()
        if checksum is None:
            return
        if stream.failure is not None:
            await self._forget_pending()
        elif not hmac.compare_digest(checksum.hash.digest(), checksum.expected):
            raise ChecksumMismatch
        else:
            self._check_head(head)
            await self._commit()

    async def _head(self, stream: "_Stream") -> bytes:
        """Returns the file's first bytes as far as they are here; b"" when they were looked at already."""
        needed = min(SNIFF_BYTES, self._upload.length)
        if self._upload.offset >= needed:
            return b""
        stored = [chunk async for chunk in StoredParts(self._storage, self._upload.keys)]
        return b"".join([*stored, await stream.peek(needed - self._upload.offset)])[:needed]

    def _check_head(self, head: bytes) -> None:
        upload = self._upload
        if len(head) >= min(SNIFF_BYTES, upload.length):
            sniff(upload.file_name, upload.declared_type, head, FORMATS[upload.kind])

    async def _store_part(self, stream: "_Stream") -> None:
        if len(self._upload.parts) + len(self._pending) >= _MOST_PARTS:
            raise TooManyParts
        name = f"{self._offset:015d}-{self._upload.writer}"
        self._pending.append(name)
        stored = await self._storage.upload(
            f"{self._upload.folder}{name}", self._part_of(stream), limit=PART_BYTES, content_type=_PART_TYPE
        )
        self._offset += stored.size

    async def _part_of(self, stream: "_Stream") -> AsyncIterator[bytes]:
        end = self._offset
        async for chunk in stream.part():
            end += len(chunk)
            if end > self._upload.length:
                raise TooManyBytes(self._upload.length)
            if self._clock.now() >= self._renew_at:
                await self._renew()
            yield chunk

    async def _renew(self) -> None:
        now = self._clock.now()
        if not await self._repository.renew(self._upload.id, self._upload.writer or "", now + LEASE):
            raise UploadBusy
        self._renew_at = now + _RENEW_AFTER

    async def _commit(self) -> None:
        if self._pending:
            self._upload = await self._advance(self._upload, self._pending, self._offset)
            self._pending = []
            self._renew_at = self._clock.now() + _RENEW_AFTER

    async def _forget_pending(self) -> None:
        """Deletes parts that count for nothing; what this cannot do, the sweep does."""
        with suppress(StorageUnavailable):
            for name in self._pending:
                await self._storage.delete(f"{self._upload.folder}{name}")
        self._pending = []


class _Stream:
    """The bytes of a request, cut into parts.

    Attributes:
        failure: what ended the stream before its time; None when nothing did.
    """

    def __init__(self, chunks: AsyncIterable[bytes], digest: Digest | None) -> None:
        self._chunks = aiter(chunks)
        self._digest = digest
        self._waiting = b""
        self.failure: Exception | None = None

    async def is_more(self) -> bool:
        """Whether bytes are left; waits for them."""
        if not self._waiting:
            self._waiting = await self._next()
        return bool(self._waiting)

    async def peek(self, length: int) -> bytes:
        """Returns the next bytes, fewer than `length` only when there are no more; they still come in a part."""
        while len(self._waiting) < length and (chunk := await self._next()):
            self._waiting += chunk
        return self._waiting[:length]

    async def part(self) -> AsyncIterator[bytes]:
        """Yields bytes until the part is large or old enough, or the stream ends."""
        clock = asyncio.get_running_loop().time
        left, end = PART_BYTES, clock() + _PART_SECONDS
        while left and clock() < end and await self.is_more():
            chunk, self._waiting = self._waiting[:left], self._waiting[left:]
            left -= len(chunk)
            yield chunk

    async def _next(self) -> bytes:
        """Returns the next bytes, b"" at the end: also when the stream fails, which is told in `failure`."""
        if self.failure is not None:
            return b""
        try:
            while not (chunk := await anext(self._chunks)):
                pass
        except StopAsyncIteration:
            return b""
        except Exception as error:  # noqa: BLE001 - a line that broke, a client that is too slow: what came is good
            self.failure = error
            return b""
        if self._digest is not None:
            self._digest.update(chunk)
        return chunk
