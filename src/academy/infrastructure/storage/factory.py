"""Chooses the storage that the settings ask for."""

from pathlib import Path

from academy.infrastructure.storage.base import Storage
from academy.infrastructure.storage.local import LocalStorage
from academy.infrastructure.storage.settings import GcsSettings, S3Settings, StorageSettings
from academy.kit.clock import SystemClock


def make_storage(settings: StorageSettings, s3: S3Settings, gcs: GcsSettings, home: Path) -> Storage:
    """Returns the storage, not initialized yet. `home` holds the files when the settings name no other place.

    Raises ValueError for settings that `wrong_storage_settings` complains of.
    """
    # A bucket compares signatures with its own clock, which is never moved. Its library costs memory and time that an
    # academy with a folder need not spend.
    match settings.storage_provider:
        case "s3":
            from academy.infrastructure.storage.s3 import S3Storage

            return S3Storage(s3, settings.storage_timeout_seconds, SystemClock())
        case "gcs":
            from academy.infrastructure.storage.gcs import GcsStorage

            return GcsStorage(gcs, settings.storage_timeout_seconds, SystemClock())
        case "local":
            return LocalStorage(Path(settings.storage_path) if settings.storage_path else home / "files")
