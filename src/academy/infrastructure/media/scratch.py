"""Folders for work in progress that do not outlive it for long, however the process ends."""

import asyncio
import fcntl
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from academy.kit.ids import new_id


@asynccontextmanager
async def scratch_folder(root: Path) -> AsyncIterator[Path]:
    """Gives a new empty folder below `root` and removes it afterwards, with those of processes that were killed."""
    await asyncio.to_thread(_sweep, root)
    folder = root / new_id()
    lock = await asyncio.to_thread(_hold, folder)
    try:
        yield folder
    finally:
        await asyncio.to_thread(_let_go, folder, lock)


def _lock_of(folder: Path) -> Path:
    return folder.with_suffix(".lock")


def _hold(folder: Path) -> int:
    """Makes the folder and returns the lock of its owner: the kernel frees it when the process dies."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    while True:
        lock = os.open(_lock_of(folder), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        # A sweep may have come between making and locking; then the name is gone and we make it anew.
        if os.fstat(lock).st_nlink:
            folder.mkdir(mode=0o700)
            return lock
        os.close(lock)


def _let_go(folder: Path, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _lock_of(folder).unlink(missing_ok=True)
    os.close(lock)


def _sweep(root: Path) -> None:
    for path in root.glob("*.lock"):
        try:
            lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # its owner lives
            os.close(lock)
        else:
            _let_go(path.with_suffix(""), lock)
