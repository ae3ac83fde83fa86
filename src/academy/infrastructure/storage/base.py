"""The storage door: where files lie.

The promise
-----------
Keys are relative paths of lower-case letters, digits, `-`, `_`, `.` and `/`, made by the academy, not by visitors. Any
other key (absolute, a part that is empty or begins with a dot, NUL) raises ValueError before anything is touched. No
key is a folder of another one: where folders are real (local), an upload that would break this raises ValueError and
keeps nothing; a bucket is not asked, which would cost every upload several requests.

`upload` takes a stream of chunks, `compose` objects that are stored already. Both use memory that does not grow with
the size; the object appears under its key only when it is complete and durable, and nothing of it remains when the
stream fails, is cancelled or exceeds `limit`.
What is read equals what was written. `delete` of a missing key is no error. `list_files` is sorted by key.
"""

from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Protocol, Self

import msgspec

from academy.kit.errors import AcademyError, Kind, NotFoundError, UnavailableError

# A disk is freed or mounted, and a bucket's settings are mended, by people.
_RETRY_SECONDS = 60


class StoredObject(msgspec.Struct, frozen=True, kw_only=True):
    """An object in the storage: key, size in bytes, SHA-256 of its bytes in hex ("" when not computed)."""

    key: str
    size: int
    sha256: str = ""


class UploadForm(msgspec.Struct, frozen=True, kw_only=True):
    """A form that sends one file straight to the bucket.

    Attributes:
        url: where a `multipart/form-data` POST goes.
        fields: the form's fields, in any order; the field `file` with the bytes comes after all of them.
    """

    url: str
    fields: Mapping[str, str]


class ObjectTooLarge(AcademyError):
    """The stream was longer than the limit; nothing was kept."""

    code = "file_too_large"
    kind = Kind.TOO_LARGE

    @classmethod
    def over(cls, limit: int) -> Self:
        """Returns the failure of a file that is longer than `limit` bytes."""
        size = f"{limit / (1 << 20):.4g} MB" if limit >= 1 << 20 else f"{limit:,} bytes"
        return cls(f"The file is larger than the {size} allowed here. Nothing was kept.")


class StorageUnavailable(UnavailableError):
    """The storage does not answer, refuses or is full; nothing was kept.

    Attributes:
        detail: what the operator has to know: the reason and which settings to look at; "" when the message says it.
    """

    code = "storage_unavailable"

    def __init__(self, message: str, *, detail: str = "") -> None:
        super().__init__(message, retry_after=_RETRY_SECONDS)
        self.detail = detail


def missing(key: str) -> NotFoundError:
    """Returns the failure of every storage for a key under which nothing is stored."""
    return NotFoundError(f"There is no stored file {key}.")


class Storage(Protocol):
    """What features see of the storage. See the module's promise for what every method guarantees."""

    async def initialize(self) -> None:
        """Makes the storage ready: a folder is made and swept, a bucket is looked at. Raises StorageUnavailable.

        Safe to call again; a folder is then swept of what killed uploads left behind.
        """
        ...

    async def upload(self, key: str, chunks: AsyncIterable[bytes], *, limit: int, content_type: str) -> StoredObject:
        """Stores the stream under `key`. Raises ObjectTooLarge beyond `limit` bytes, StorageUnavailable, ValueError."""
        ...

    async def delete(self, key: str) -> None:
        """Removes the object, if there is one."""
        ...

    async def exists(self, key: str) -> bool:
        """Whether there is an object under `key`."""
        ...

    async def size(self, key: str) -> int:
        """Size in bytes. Raises NotFoundError."""
        ...

    def read(self, key: str, *, chunk_size: int = 1 << 20) -> AsyncIterator[bytes]:
        """Yields the bytes. Raises NotFoundError."""
        ...

    async def copy(self, source: str, target: str) -> None:
        """Copies an object within the storage. Raises NotFoundError."""
        ...

    async def compose(self, sources: Sequence[str], target: str, *, limit: int, content_type: str) -> StoredObject:
        """Makes `target` of the bytes of `sources`, one after another, in one step; the sources stay.

        Raises NotFoundError for a source that is missing, ObjectTooLarge when they have more than `limit` bytes
        together, StorageUnavailable, ValueError; an object that was under `target` is the same as before then.
        """
        ...

    async def list_files(self, prefix: str = "", *, after: str = "", limit: int = 100) -> list[StoredObject]:
        """Returns at most `limit` objects whose keys start with `prefix` and sort after `after`, sorted by key."""
        ...

    @property
    def address(self) -> str:
        """URL below which browsers reach objects by themselves, without a slash at the end; "" when they cannot."""
        ...

    async def get_file_url(
        self, key: str, *, expires_in: timedelta, content_type: str = "", disposition: str = ""
    ) -> str | None:
        """Returns an address that reads the object until it expires; None when the storage has none (`address`).

        The answer there has this Content-Type and Content-Disposition, when they are given. It supports byte ranges,
        but only GET. Nobody looks whether there is such an object. Raises StorageUnavailable, ValueError.
        """
        ...

    async def upload_form(self, key: str, *, content_type: str, limit: int, expires_in: timedelta) -> UploadForm | None:
        """Returns a form by which a browser stores one file itself; None when the storage has no addresses.

        It takes 1 to `limit` bytes of this content type under this key, and nothing else. What arrives so was not
        looked at: check it before it counts. Raises StorageUnavailable, ValueError.
        """
        ...

    async def health_check(self) -> str:
        """Writes, reads and deletes a tiny object; returns "" when well, else what is wrong. Never raises."""
        ...

    def local_path(self, key: str) -> Path | None:
        """Path at which the storage keeps `key` when it keeps files on this machine's disk, else None. Never blocks.

        Whether there is such a file is for the caller to see. Raises ValueError.
        """
        ...
