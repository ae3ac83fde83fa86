"""The bytes of a file on their way in: a stream that comes once, or parts that lie in the storage already."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence

import msgspec

from academy.infrastructure.media.formats import SNIFF_BYTES
from academy.infrastructure.storage.base import Storage, StoredObject


class NewFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that somebody sends.

    Attributes:
        file_name: as the client calls it: not to be trusted.
        content_type: as the client declares it; "" when it does not.
        chunks: the bytes; to be read once unless they are StoredParts.
    """

    file_name: str
    content_type: str
    chunks: AsyncIterable[bytes]


class StoredParts(AsyncIterable[bytes]):
    """The bytes of stored objects, one after another. Can be read again and again."""

    def __init__(self, storage: Storage, keys: Sequence[str]) -> None:
        self._storage = storage
        self._keys = keys

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yields the bytes. Raises NotFoundError, StorageUnavailable."""
        for key in self._keys:
            async for chunk in self._storage.read(key):
                yield chunk

    async def join(self, target: str, *, limit: int, content_type: str) -> StoredObject:
        """Makes one object of them within the storage. Raises what `Storage.compose` does."""
        return await self._storage.compose(self._keys, target, limit=limit, content_type=content_type)


async def with_head(chunks: AsyncIterable[bytes]) -> tuple[bytes, AsyncIterable[bytes]]:
    """Returns the first bytes of a file, enough for sniffing, and the whole file."""
    stream = aiter(chunks)
    begun: list[bytes] = []
    length = 0
    async for chunk in stream:
        begun.append(chunk)
        length += len(chunk)
        if length >= SNIFF_BYTES:
            break
    head = b"".join(begun)[:SNIFF_BYTES]
    if isinstance(chunks, StoredParts):
        return head, chunks

    async def whole() -> AsyncIterator[bytes]:
        while begun:
            yield begun.pop(0)
        async for chunk in stream:
            yield chunk

    return head, whole()


async def keep(
    storage: Storage, key: str, chunks: AsyncIterable[bytes], *, limit: int, content_type: str
) -> StoredObject:
    """Stores a file under `key`; parts that lie in the storage are joined there. Raises what `Storage.upload` does."""
    if isinstance(chunks, StoredParts):
        return await chunks.join(key, limit=limit, content_type=content_type)
    return await storage.upload(key, chunks, limit=limit, content_type=content_type)


async def once(content: bytes) -> AsyncIterator[bytes]:
    """Yields bytes that are here already."""
    yield content
