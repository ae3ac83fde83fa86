"""A stream on its way into a bucket: counted, hashed, sent in parts, and nowhere to be found unless it is whole."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING

import obstore

from academy.infrastructure.storage.base import ObjectTooLarge, StoredObject
from academy.infrastructure.storage.threads import run_to_end, settled, to_end

if TYPE_CHECKING:
    from obstore import PutResult
    from obstore.store import GCSStore, S3Store

# Both providers take parts of 5 MiB and more, and at most 10,000 of them.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
# https://docs.cloud.google.com/storage/quotas#requests
_SMALLEST_PART = 5 << 20
_MOST_PARTS = 10_000
_PARTS_AT_A_TIME = 4


class _Abandoned(Exception):
    """Ends the upload from within: obstore then takes back what it sent. Cancelling it would leave that behind."""


class Sending:
    """One upload. Memory holds a handful of parts."""

    def __init__(self, store: "S3Store | GCSStore", key: str, *, limit: int, content_type: str) -> None:
        self._store = store
        self._key = key
        self._limit = limit
        self._attributes = {"Content-Type": content_type}
        self._part = max(_SMALLEST_PART, -(-limit // _MOST_PARTS))
        self._digest = hashlib.sha256()
        self._size = 0

    async def send(self, chunks: AsyncIterable[bytes]) -> StoredObject:
        """Stores the stream; ends only when nothing of it is under way any more, however it ends.

        Raises ObjectTooLarge, what the stream raises, and obstore's errors.
        """
        async with aclosing(self._parts(chunks)) as parts:
            first = await anext(parts, b"")
            if len(first) < self._part:
                await self._send_whole(first)
            else:
                await self._send_parts(first, parts)
        return StoredObject(key=self._key, size=self._size, sha256=self._digest.hexdigest())

    async def _send_whole(self, content: bytes) -> None:
        """Sends a short stream in one request, where a multipart upload takes three."""
        put = obstore.put_async(self._store, self._key, content, attributes=self._attributes, use_multipart=False)
        await to_end(asyncio.ensure_future(put))

    async def _send_parts(self, first: bytes, parts: AsyncIterator[bytes]) -> None:
        waiting: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        put = asyncio.ensure_future(
            obstore.put_async(
                self._store,
                self._key,
                _handed_over(waiting),
                attributes=self._attributes,
                chunk_size=self._part,
                max_concurrency=_PARTS_AT_A_TIME,
            )
        )
        try:
            await _hand_over(waiting, first, put)
            async for part in parts:
                await _hand_over(waiting, part, put)
            await _hand_over(waiting, b"", put)
            await asyncio.shield(put)
        except BaseException:
            while not waiting.empty():
                waiting.get_nowait()
            waiting.put_nowait(None)
            await settled(put)
            raise

    async def _parts(self, chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
        """Yields the stream in pieces of one part or more; the last one may be shorter. Raises ObjectTooLarge."""
        batch: list[bytes] = []
        collected = 0
        async for chunk in chunks:
            self._size += len(chunk)
            if self._size > self._limit:
                raise ObjectTooLarge.over(self._limit)
            batch.append(chunk)
            collected += len(chunk)
            if collected >= self._part:
                yield await self._hashed(batch)
                batch, collected = [], 0
        if batch:
            yield await self._hashed(batch)

    async def _hashed(self, batch: list[bytes]) -> bytes:
        piece = b"".join(batch)
        await run_to_end(self._digest.update, piece)
        return piece


async def _handed_over(waiting: "asyncio.Queue[bytes | None]") -> AsyncIterator[bytes]:
    """Yields what comes, up to the empty piece that ends the stream. Raises _Abandoned for None."""
    while piece := await waiting.get():
        yield piece
    if piece is None:
        raise _Abandoned


async def _hand_over(waiting: "asyncio.Queue[bytes | None]", piece: bytes, put: "asyncio.Future[PutResult]") -> None:
    """Waits until there is room for the piece. Raises what `put` raised when it failed meanwhile."""
    handing = asyncio.ensure_future(waiting.put(piece))
    try:
        await asyncio.wait((handing, put), return_when=asyncio.FIRST_COMPLETED)
    finally:
        handing.cancel()
    if put.done():
        put.result()
