"""The uploaded file of a video, as a file on this machine's disk."""

import asyncio
from pathlib import Path

from academy.features.videos.model import Video
from academy.infrastructure.storage.base import Storage


async def local_original(storage: Storage, video: Video, folder: Path) -> Path:
    """Returns the path of the original: where the storage keeps it, else a copy that is made in `folder`.

    Raises NotFoundError, StorageUnavailable.
    """
    path = storage.local_path(video.key)
    if path is not None and await asyncio.to_thread(path.is_file):
        return path
    copy = folder / "original"
    with await asyncio.to_thread(copy.open, "wb") as file:
        async for chunk in storage.read(video.key):
            await asyncio.to_thread(file.write, chunk)
    return copy
