"""What the storages in a bucket have in common: S3 and Google Cloud Storage, spoken to through obstore."""

import atexit
import re
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError

from academy.infrastructure.storage.base import StorageUnavailable, StoredObject, UploadForm, missing
from academy.infrastructure.storage.health import check_health
from academy.infrastructure.storage.keys import checked_key, is_key
from academy.infrastructure.storage.presigning import Identity, Presigner
from academy.infrastructure.storage.sending import Sending
from academy.kit.clock import Clock

if TYPE_CHECKING:
    from obstore.store import ClientConfig, GCSStore, RetryConfig, S3Store

_CONNECT_SECONDS = 5
_RETRIES = 3
_LONGEST_QUOTE = 300
# Answers are read for as long as they keep coming; the read timeout watches over them.
_LONGEST_ANSWER = timedelta(days=1)
# How long the end of the process waits for obstore's threads; they need a moment of the interpreter.
_FAREWELL_SECONDS = 0.2
_ERROR_CODE = re.compile(r"<Code>([^<]*)</Code>(?:.*?<Message>([^<]*)</Message>)?", re.DOTALL)


def client_options(seconds: float, *, allow_http: bool) -> "ClientConfig":
    """Returns the options of obstore's HTTP client: how long one step may take, and whether TLS may be missing."""
    return {
        "allow_http": allow_http,
        "connect_timeout": timedelta(seconds=min(seconds, _CONNECT_SECONDS)),
        "read_timeout": timedelta(seconds=seconds),
        "timeout": _LONGEST_ANSWER,
    }


def retry_config(seconds: float) -> "RetryConfig":
    """Returns how often obstore tries again after a 5xx or a lost connection: thrice, and never after `seconds`."""
    backoff = {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2}
    return {"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=seconds), "backoff": backoff}  # type: ignore[typeddict-item]


class ObjectStorage(ABC):
    """Keeps each object under its key in a bucket. Keeps the promise of the storage door.

    A process that is killed while it uploads leaves an unfinished upload that nobody sees but the bill: a lifecycle
    rule of the bucket ends those (docs/storage.md).
    """

    def __init__(self, store: "S3Store | GCSStore", presigner: Presigner, clock: Clock, advice: str) -> None:
        """`advice` says to operators which settings to look at when the bucket refuses or does not answer."""
        self._store = store
        self._presigner = presigner
        self._clock = clock
        self._advice = advice
        # Once for the process, however many storages there are.
        atexit.unregister(_let_threads_finish)
        atexit.register(_let_threads_finish)

    @abstractmethod
    async def _identity(self) -> Identity:
        """Who signs. Raises StorageUnavailable when there are no credentials."""

    @property
    def address(self) -> str:
        """URL of the bucket."""
        return self._presigner.address

    async def initialize(self) -> None:
        """Looks whether the bucket is there and lets itself be listed. Raises StorageUnavailable."""
        await self.list_files(limit=1)

    async def upload(self, key: str, chunks: AsyncIterable[bytes], *, limit: int, content_type: str) -> StoredObject:
        """Stores the stream under `key`. Raises ObjectTooLarge beyond `limit` bytes, StorageUnavailable, ValueError."""
        sending = Sending(self._store, checked_key(key), limit=limit, content_type=content_type)
        with self._failures():
            return await sending.send(chunks)

    async def delete(self, key: str) -> None:
        """Removes the object, if there is one. Raises StorageUnavailable."""
        checked_key(key)
        with self._failures():
            try:
                await obstore.delete_async(self._store, key)
            except FileNotFoundError:
                return

    async def exists(self, key: str) -> bool:
        """Whether there is an object under `key`. Raises StorageUnavailable."""
        checked_key(key)
        with self._failures():
            try:
                await obstore.head_async(self._store, key)
            except FileNotFoundError:
                return False
        return True

    async def size(self, key: str) -> int:
        """Size in bytes. Raises NotFoundError, StorageUnavailable."""
        with self._failures(checked_key(key)):
            return (await obstore.head_async(self._store, key))["size"]

    async def read(self, key: str, *, chunk_size: int = 1 << 20) -> AsyncGenerator[bytes, None]:
        """Yields the bytes in chunks of about `chunk_size`. Raises NotFoundError, StorageUnavailable."""
        checked_key(key)
        with self._failures(key):
            answer = await obstore.get_async(self._store, key)
            async for chunk in answer.stream(min_chunk_size=chunk_size):
                yield bytes(chunk)

    async def copy(self, source: str, target: str) -> None:
        """Copies an object within the bucket. Raises NotFoundError, StorageUnavailable."""
        checked_key(target)
        with self._failures(checked_key(source)):
            await obstore.copy_async(self._store, source, target)

    async def compose(self, sources: Sequence[str], target: str, *, limit: int, content_type: str) -> StoredObject:
        """Makes `target` of the bytes of `sources`. Raises NotFoundError, ObjectTooLarge, StorageUnavailable.

        The bytes come here and go back: a bucket joins parts by itself, but tells no SHA-256 of what it joined.
        """

        async def joined() -> AsyncGenerator[bytes, None]:
            for source in sources:
                async with aclosing(self.read(source)) as chunks:
                    async for chunk in chunks:
                        yield chunk

        async with aclosing(joined()) as stream:
            return await self.upload(target, stream, limit=limit, content_type=content_type)

    async def list_files(self, prefix: str = "", *, after: str = "", limit: int = 100) -> list[StoredObject]:
        """Returns at most `limit` objects whose keys start with `prefix` and sort after `after`, sorted by key."""
        found: list[StoredObject] = []
        folder = prefix.rpartition("/")[0]
        if folder and not is_key(folder):
            return []
        with self._failures():
            pages = obstore.list(self._store, folder or None, offset=after or None, chunk_size=limit)
            async for page in pages:
                found += [
                    StoredObject(key=one["path"], size=one["size"]) for one in page if one["path"].startswith(prefix)
                ]
                if len(found) >= limit:
                    break
        return found[:limit]

    async def get_file_url(
        self, key: str, *, expires_in: timedelta, content_type: str = "", disposition: str = ""
    ) -> str | None:
        """Returns an address that reads the object from the bucket. Raises StorageUnavailable, ValueError."""
        checked_key(key)
        wanted = {"Content-Type": content_type, "Content-Disposition": disposition}
        answer = {name: value for name, value in wanted.items() if value}
        identity = await self._identity()
        return self._presigner.url(identity, key, now=self._clock.now(), expires_in=expires_in, answer=answer)

    async def upload_form(self, key: str, *, content_type: str, limit: int, expires_in: timedelta) -> UploadForm | None:
        """Returns a form by which a browser stores one file in the bucket. Raises StorageUnavailable, ValueError."""
        checked_key(key)
        identity = await self._identity()
        return self._presigner.form(
            identity, key, content_type=content_type, limit=limit, now=self._clock.now(), expires_in=expires_in
        )

    async def health_check(self) -> str:
        """Writes, reads and deletes a tiny object; returns "" when well, else what is wrong. Never raises."""
        return await check_health(self)

    def local_path(self, key: str) -> Path | None:
        """Returns None: nothing lies on the disk."""
        checked_key(key)
        return None

    @contextmanager
    def _failures(self, key: str = "") -> Iterator[None]:
        """Turns obstore's failures into the door's. A 404 means that `key` is missing, or without one, the bucket."""
        try:
            yield
        except FileNotFoundError as error:
            if key:
                raise missing(key) from error
            raise self._unavailable(error) from error
        except BaseError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> StorageUnavailable:
        return StorageUnavailable(
            "The academy's storage does not answer as it should at the moment. Try again later.",
            detail=f"{self._advice} ({_told(error)})",
        )


def _let_threads_finish() -> None:
    """Waits while the interpreter is still whole.

    A thread of obstore that has just given its answer has references to let go of. If the interpreter is ending then,
    the process aborts (https://github.com/PyO3/pyo3-async-runtimes/issues/40).
    """
    time.sleep(_FAREWELL_SECONDS)


def _told(error: Exception) -> str:
    """Returns what the bucket said, in a line: obstore adds its own inner state, which helps nobody."""
    text = str(error).partition("\n\nDebug source")[0]
    if found := _ERROR_CODE.search(text):
        return f"{found[1]}: {found[2]}"[:_LONGEST_QUOTE] if found[2] else found[1]
    return " ".join(text.split())[:_LONGEST_QUOTE]
