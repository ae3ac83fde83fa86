"""Chooses the storage that the settings ask for."""

from pathlib import Path

from academy.infrastructure.storage.base import Storage
from academy.infrastructure.storage.local import LocalStorage
from academy.infrastructure.storage.settings import StorageSettings


def make_storage(settings: StorageSettings, home: Path) -> Storage:
    """Returns the storage, not opened yet. `home` holds the files when the settings name no other place."""
    return LocalStorage(Path(settings.storage_path) if settings.storage_path else home / "files")
