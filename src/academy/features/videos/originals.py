"""An uploaded file, as a file on this machine's disk."""

import asyncio
from pathlib import Path

from academy.infrastructure.storage.base import Storage


async def local_copy(storage: Storage, key: str, folder: Path) -> Path:
    """Returns the path of a stored object: where the storage keeps it, else a copy that is made in `folder`.

    Raises NotFoundError, StorageUnavailable.
    """
    path = storage.local_path(key)
    if path is not None and await asyncio.to_thread(path.is_file):
        return path
    copy = folder / "original"
    with await asyncio.to_thread(copy.open, "wb") as file:
        async for chunk in storage.read(key):
            await asyncio.to_thread(file.write, chunk)
    return copy
