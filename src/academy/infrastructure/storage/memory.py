"""Storage in the memory of the process: for tests and for trying things out. Gone when the process ends."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from hashlib import sha256
from pathlib import Path

from academy.infrastructure.storage.base import ObjectTooLarge, StoredObject, missing
from academy.infrastructure.storage.health import check_health
from academy.infrastructure.storage.keys import checked_key
from academy.infrastructure.storage.unaddressed import Unaddressed


class MemoryStorage(Unaddressed):
    """Keeps each object as bytes. Keeps the promise of the storage door except durability."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    async def initialize(self) -> None:
        """There is nothing to make ready."""

    async def upload(self, key: str, chunks: AsyncIterable[bytes], *, limit: int, content_type: str) -> StoredObject:
        """Stores the stream under `key`. Raises ObjectTooLarge beyond `limit` bytes, ValueError."""
        checked_key(key)
        content = bytearray()
        async for chunk in chunks:
            content += chunk
            if len(content) > limit:
                raise ObjectTooLarge.over(limit)
        self._place(key, bytes(content))
        return StoredObject(key=key, size=len(content), sha256=sha256(content).hexdigest())

    def _place(self, key: str, content: bytes) -> None:
        if any(other.startswith(f"{key}/") or key.startswith(f"{other}/") for other in self._objects):
            raise ValueError(f"the key {key} crosses the key of another object")
        self._objects[key] = content

    async def delete(self, key: str) -> None:
        """Removes the object, if there is one."""
        self._objects.pop(checked_key(key), None)

    async def exists(self, key: str) -> bool:
        """Whether there is an object under `key`."""
        return checked_key(key) in self._objects

    async def size(self, key: str) -> int:
        """Size in bytes. Raises NotFoundError."""
        return len(self._content(key))

    async def read(self, key: str, *, chunk_size: int = 1 << 20) -> AsyncIterator[bytes]:
        """Yields the bytes in chunks of `chunk_size`. Raises NotFoundError."""
        content = self._content(key)
        for start in range(0, len(content), chunk_size):
            yield content[start : start + chunk_size]

    async def copy(self, source: str, target: str) -> None:
        """Copies an object within the storage. Raises NotFoundError."""
        self._place(checked_key(target), self._content(source))

    async def compose(self, sources: Sequence[str], target: str, *, limit: int, content_type: str) -> StoredObject:
        """Makes `target` of the bytes of `sources`. Raises NotFoundError, ObjectTooLarge, ValueError."""
        checked_key(target)
        content = b"".join([self._content(source) for source in sources])
        if len(content) > limit:
            raise ObjectTooLarge.over(limit)
        self._place(target, content)
        return StoredObject(key=target, size=len(content), sha256=sha256(content).hexdigest())

    async def list_files(self, prefix: str = "", *, after: str = "", limit: int = 100) -> list[StoredObject]:
        """Returns at most `limit` objects whose keys start with `prefix` and sort after `after`, sorted by key."""
        keys = sorted(key for key in self._objects if key.startswith(prefix) and key > after)
        return [StoredObject(key=key, size=len(self._objects[key])) for key in keys[:limit]]

    async def health_check(self) -> str:
        """Writes, reads and deletes a tiny object; returns "" when well, else what is wrong. Never raises."""
        return await check_health(self)

    def local_path(self, key: str) -> Path | None:
        """Returns None: nothing lies on the disk."""
        checked_key(key)
        return None

    def _content(self, key: str) -> bytes:
        content = self._objects.get(checked_key(key))
        if content is None:
            raise missing(key)
        return content
