"""Folders in the storage: what is in them, and their removal."""

from academy.infrastructure.database.base import LARGEST_PAGE
from academy.infrastructure.storage.base import Storage


async def stored_sizes(storage: Storage, folder: str) -> dict[str, int]:
    """Returns the keys below `folder`, which ends with `/`, with their sizes in bytes. Raises StorageUnavailable."""
    found: dict[str, int] = {}
    after = ""
    while page := await storage.list_files(folder, after=after, limit=LARGEST_PAGE):
        after = page[-1].key
        found |= {one.key: one.size for one in page}
    return found


async def remove_place(storage: Storage, place: str) -> None:
    """Removes the object with a key, or with `/` at its end all that lies below a folder. Raises StorageUnavailable."""
    if place.endswith("/"):
        await remove_folder(storage, place)
    else:
        await storage.delete(place)


async def remove_folder(storage: Storage, folder: str) -> None:
    """Removes all that lies below `folder`, which ends with `/`. Raises StorageUnavailable."""
    for key in await stored_sizes(storage, folder):
        await storage.delete(key)
