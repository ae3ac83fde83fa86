"""Chooses the storage that the settings ask for."""

from pathlib import Path

from academy.infrastructure.storage.base import Storage
from academy.infrastructure.storage.local import LocalStorage
from academy.infrastructure.storage.settings import StorageSettings


async def open_storage(settings: StorageSettings, home: Path) -> Storage:
    """Returns the storage, ready for use and free of what killed uploads left behind.

    Args:
        settings: which storage and where.
        home: the academy's data folder; holds the files when the settings name no other place.

    Raises:
        StorageUnavailable: the place cannot be written.
    """
    storage = LocalStorage(Path(settings.storage_path) if settings.storage_path else home / "files")
    await storage.open()
    return storage
