"""The storages that the contract is checked on, each empty, and each with a look behind the door."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from academy.infrastructure.storage.base import Storage
from academy.infrastructure.storage.factory import make_storage
from academy.infrastructure.storage.memory import MemoryStorage
from academy.infrastructure.storage.settings import GcsSettings, S3Settings, StorageSettings
from academy.kit.ids import new_id
from tests.servers.moto import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, Moto
from tests.simulators.gcs import BUCKET, Fault, Gcs

KINDS = ("memory", "local", "s3", "gcs")
BUCKETS = ("s3", "gcs")


class Place(msgspec.Struct, frozen=True):
    """A storage under test; `unfinished` tells what uploads that did not end well have left where nobody looks."""

    kind: str
    storage: Storage
    unfinished: Callable[[], list[str]]


def memory_place() -> Place:
    """Returns an empty storage in memory."""
    return Place("memory", MemoryStorage(), list)


def local_place(root: Path) -> Place:
    """Returns an empty storage in a folder below `root`."""
    settings = StorageSettings(storage_path=str(root / "files"))
    incoming = root / "files" / ".incoming"
    storage = make_storage(settings, S3Settings(), GcsSettings(), root)
    return Place("local", storage, lambda: [path.name for path in incoming.iterdir()])


def s3_settings(url: str, bucket: str) -> S3Settings:
    """Returns the settings for a bucket of moto, or of a proxy before it."""
    return S3Settings(
        bucket=bucket, region=REGION, endpoint=url, access_key_id=ACCESS_KEY_ID, secret_access_key=SECRET_ACCESS_KEY
    )


def s3_storage(url: str, bucket: str, timeout_seconds: float = 10) -> Storage:
    """Returns the storage in a bucket of moto."""
    settings = StorageSettings(storage_provider="s3", storage_timeout_seconds=timeout_seconds)
    return make_storage(settings, s3_settings(url, bucket), GcsSettings(), Path("unused"))


def s3_place(moto: Moto) -> Place:
    """Returns a new bucket of moto."""
    bucket = f"files-{new_id()}"
    moto.make_bucket(bucket)
    return Place("s3", s3_storage(moto.url, bucket), lambda: moto.unfinished_uploads(bucket))


def gcs_settings(gcs: Gcs) -> GcsSettings:
    """Returns the settings for the simulated bucket."""
    return GcsSettings(bucket=BUCKET, credentials=gcs.account_key, endpoint=gcs.url)


def gcs_storage(gcs: Gcs, timeout_seconds: float = 10) -> Storage:
    """Returns the storage in the simulated bucket."""
    settings = StorageSettings(storage_provider="gcs", storage_timeout_seconds=timeout_seconds)
    return make_storage(settings, S3Settings(), gcs_settings(gcs), Path("unused"))


def gcs_place(gcs: Gcs) -> Place:
    """Returns the simulated bucket, emptied."""
    gcs.fault, gcs.page = Fault.NONE, 1000
    gcs.objects.clear()
    gcs.multiparts.clear()
    return Place("gcs", gcs_storage(gcs), lambda: list(gcs.multiparts))
