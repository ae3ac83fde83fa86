"""A file on its way into the local storage: written under a temporary name, moved to its place when complete.

All methods block; they are called in threads. The temporary file is locked as long as its maker lives: the kernel frees
the lock when the process dies, however it dies, so a file that can be locked is one that nobody will finish.
"""

import errno
import fcntl
import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from academy.infrastructure.storage.base import StorageUnavailable
from academy.kit.ids import new_id

_PLACE_ATTEMPTS = 10
# Small enough to stay in the processor's cache between reading, hashing and writing: twice as fast as megabytes, and
# faster than the system's own copy, which would have to be read once more for the digest.
_WINDOW = 256 * 1024
# What the system says when a part of the key is a file, or the whole key is a folder.
_KEY_TAKEN = {errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY}


def unavailable(reason: OSError) -> StorageUnavailable:
    """Returns the failure that callers of the storage see for a failure of the disk."""
    if reason.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageUnavailable("The academy's storage is full. Nothing was kept; please tell the academy's owner.")
    return StorageUnavailable("The academy's storage does not take files at the moment. Try again later.")


class IncomingFile:
    """One temporary file in `folder`. Call `open` first; end with `place` or `discard`.

    Attributes:
        size: bytes written so far.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"{new_id()}.part"
        self._descriptor = -1
        self._digest = hashlib.sha256()
        self.size = 0

    def open(self) -> None:
        """Makes and locks the temporary file. Raises OSError."""
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # A sweep may have come between making and locking; then the name is gone and we make it anew.
            if os.fstat(descriptor).st_nlink:
                self._descriptor = descriptor
                return
            os.close(descriptor)

    def write(self, batch: Sequence[bytes]) -> None:
        """Appends the chunks and takes them into the digest. Raises OSError."""
        # One piece: hashing and writing then leave the interpreter to others for long stretches.
        rest = memoryview(b"".join(batch))
        self._digest.update(rest)
        self.size += len(rest)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def append(self, source: BinaryIO, most: int) -> bool:
        """Appends at most `most` bytes of an unbuffered file and takes them into the digest.

        Returns whether there may be more in the file. Raises OSError.
        """
        window = memoryview(bytearray(_WINDOW))
        end = self.size + most
        while self.size < end:
            part = window[: os.readv(source.fileno(), [window[: end - self.size]])]
            if not part:
                return False
            self._digest.update(part)
            self.size += len(part)
            while part:
                part = part[os.write(self._descriptor, part) :]
        return True

    def place(self, root: Path, target: Path) -> str:
        """Makes the file durable, moves it to `target` under `root` in one step and returns its SHA-256 in hex.

        Raises OSError; ValueError when `target` is a folder, or a part of its path is a file.
        """
        os.fsync(self._descriptor)
        for attempt in range(_PLACE_ATTEMPTS):
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._path.replace(target)
                break
            except FileNotFoundError:
                # A deletion removed the empty folder between the two calls.
                if attempt == _PLACE_ATTEMPTS - 1:
                    raise
            except OSError as error:
                if error.errno in _KEY_TAKEN:
                    raise ValueError(f"the key {target.relative_to(root)} crosses the key of another object") from error
                raise
        for folder in (target.parent, *target.parent.parents):
            # A folder that is gone was emptied by a deletion in the meantime: nothing in it has to last.
            with suppress(FileNotFoundError):
                _sync_folder(folder)
            if folder == root:
                break
        self._close()
        return self._digest.hexdigest()

    def discard(self) -> None:
        """Removes what was written. Safe at any point, also after `place`."""
        if self._descriptor >= 0:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            self._close()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)


def sweep(folder: Path) -> int:
    """Removes the temporary files in `folder` whose makers are dead; returns how many. Raises OSError."""
    removed = 0
    for path in folder.glob("*.part"):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
            removed += 1
        except BlockingIOError:
            pass
        finally:
            os.close(descriptor)
    return removed


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
