"""Storage in a folder on this machine's disk. Several processes may share the folder."""

import asyncio
import os
import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar

from academy.infrastructure.storage.base import ObjectTooLarge, StoredObject, missing
from academy.infrastructure.storage.health import check_health
from academy.infrastructure.storage.incoming import IncomingFile, sweep, unavailable
from academy.infrastructure.storage.keys import checked_key
from academy.infrastructure.storage.threads import run_to_end, settled
from academy.infrastructure.storage.unaddressed import Unaddressed

P = ParamSpec("P")
T = TypeVar("T")

# Bytes collected before one trip to a thread: few trips, and small against the promise of constant memory.
_BATCH = 4 << 20
# Bytes that one trip copies: short enough that a cancelled caller does not wait for a whole video.
_STRETCH = 64 << 20


async def _on_disk(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs blocking file work in a thread; a failure of the disk becomes StorageUnavailable."""
    try:
        return await run_to_end(function, *args, **kwargs)
    except OSError as error:
        raise unavailable(error) from error


class LocalStorage(Unaddressed):
    """Keeps each object as a file under `root` (made by `initialize`). Keeps the promise of the storage door."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / ".incoming"

    async def initialize(self) -> None:
        """Makes the folders and removes what killed uploads left behind. Raises StorageUnavailable."""
        await _on_disk(self._incoming.mkdir, parents=True, exist_ok=True)
        await _on_disk(sweep, self._incoming)

    async def upload(self, key: str, chunks: AsyncIterable[bytes], *, limit: int, content_type: str) -> StoredObject:
        """Stores the stream under `key`. Raises ObjectTooLarge beyond `limit` bytes, StorageUnavailable, ValueError.

        The disk keeps no content type; whoever delivers the file gives it.
        """
        target = self._path(key)
        incoming = IncomingFile(self._incoming)
        try:
            await _on_disk(incoming.open)
            await self._receive(incoming, chunks, limit)
            sha256 = await _on_disk(incoming.place, self._root, target)
        finally:
            await run_to_end(incoming.discard)
        return StoredObject(key=key, size=incoming.size, sha256=sha256)

    async def _receive(self, incoming: IncomingFile, chunks: AsyncIterable[bytes], limit: int) -> None:
        """Writes the stream; while one batch is on its way to the disk, the next one is collected."""
        batch: list[bytes] = []
        waiting = received = 0
        writing = asyncio.ensure_future(_on_disk(incoming.write, ()))
        try:
            async for chunk in chunks:
                received += len(chunk)
                if received > limit:
                    raise ObjectTooLarge.over(limit)
                batch.append(chunk)
                waiting += len(chunk)
                if waiting >= _BATCH:
                    await writing
                    writing = asyncio.ensure_future(_on_disk(incoming.write, batch))
                    batch, waiting = [], 0
            await writing
            await _on_disk(incoming.write, batch)
        finally:
            await settled(writing)

    async def delete(self, key: str) -> None:
        """Removes the object, if there is one, and the folders that are empty then. Raises StorageUnavailable."""
        await _on_disk(self._delete, self._path(key))

    def _delete(self, path: Path) -> None:
        with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            path.unlink()
        with suppress(OSError):
            for folder in path.parents:
                if folder == self._root:
                    break
                folder.rmdir()

    async def exists(self, key: str) -> bool:
        """Whether there is an object under `key`."""
        return await _on_disk(self._path(key).is_file)

    async def size(self, key: str) -> int:
        """Size in bytes. Raises NotFoundError."""
        path = self._path(key)
        if not await _on_disk(path.is_file):
            raise missing(key)
        return (await _on_disk(path.stat)).st_size

    async def read(self, key: str, *, chunk_size: int = 1 << 20) -> AsyncIterator[bytes]:
        """Yields the bytes in chunks of `chunk_size`. Raises NotFoundError, StorageUnavailable."""
        with await self._opened(key) as file:
            while chunk := await _on_disk(file.read, chunk_size):
                yield chunk

    async def copy(self, source: str, target: str) -> None:
        """Copies an object within the storage. Raises NotFoundError, StorageUnavailable."""
        await self.compose([source], target, limit=sys.maxsize, content_type="")

    async def compose(self, sources: Sequence[str], target: str, *, limit: int, content_type: str) -> StoredObject:
        """Makes `target` of the bytes of `sources`. Raises NotFoundError, ObjectTooLarge, StorageUnavailable."""
        goal = self._path(target)
        incoming = IncomingFile(self._incoming)
        try:
            await _on_disk(incoming.open)
            for source in sources:
                with await self._opened(source) as file:
                    await self._append(incoming, file, limit)
            sha256 = await _on_disk(incoming.place, self._root, goal)
        finally:
            await run_to_end(incoming.discard)
        return StoredObject(key=target, size=incoming.size, sha256=sha256)

    async def _append(self, incoming: IncomingFile, file: BinaryIO, limit: int) -> None:
        is_more = True
        while is_more:
            is_more = await _on_disk(incoming.append, file, min(_STRETCH, limit + 1 - incoming.size))
            if incoming.size > limit:
                raise ObjectTooLarge.over(limit)

    async def _opened(self, key: str) -> BinaryIO:
        path = self._path(key)
        try:
            return await run_to_end(path.open, "rb", buffering=0)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise missing(key) from error
        except OSError as error:
            raise unavailable(error) from error

    async def list_files(self, prefix: str = "", *, after: str = "", limit: int = 100) -> list[StoredObject]:
        """Returns at most `limit` objects whose keys start with `prefix` and sort after `after`, sorted by key."""
        entries = await _on_disk(lambda: tuple(islice(self._walk("", prefix, after), limit)))
        return [StoredObject(key=key, size=size) for key, size in entries]

    def _walk(self, folder: str, prefix: str, after: str) -> Iterator[tuple[str, int]]:
        """Yields keys below `folder` in order and leaves out whole folders that cannot hold a wanted key."""
        try:
            with os.scandir(self._root / folder) as scan:
                entries = sorted((f"{e.name}/" if e.is_dir() else e.name, e) for e in scan if e.name[0] != ".")
        except FileNotFoundError:  # removed since its name was read
            return
        for name, entry in entries:
            key = folder + name
            if not name.endswith("/"):
                if key.startswith(prefix) and key > after:
                    with suppress(FileNotFoundError):
                        yield key, entry.stat().st_size
            elif (key.startswith(prefix) or prefix.startswith(key)) and (key > after or after.startswith(key)):
                yield from self._walk(key, prefix, after)

    async def health_check(self) -> str:
        """Writes, reads and deletes a tiny object; returns "" when well, else what is wrong. Never raises."""
        return await check_health(self)

    def local_path(self, key: str) -> Path:
        """Path of the object's file, whether or not there is one."""
        return self._path(key)

    def _path(self, key: str) -> Path:
        return self._root / checked_key(key)
