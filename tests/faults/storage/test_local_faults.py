"""The local storage loses nothing it acknowledged and keeps nothing it did not, whatever happens."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from academy.infrastructure.storage.base import StorageUnavailable
from academy.infrastructure.storage.local import LocalStorage

ENDLESS_UPLOAD = """
import asyncio, sys
from pathlib import Path
from academy.infrastructure.storage.local import LocalStorage

async def chunks():
    while True:
        yield b"x" * 1_000_000
        print("chunk", flush=True)

async def main():
    storage = LocalStorage(Path(sys.argv[1]))
    await storage.initialize()
    await storage.upload("videos/killed", chunks(), limit=10**12, content_type="video/mp4")

asyncio.run(main())
"""

UPLOAD_ON_A_FULL_DISK = """
import asyncio, resource, signal, sys
from pathlib import Path
from academy.infrastructure.storage.base import StorageUnavailable
from academy.infrastructure.storage.local import LocalStorage

async def chunks():
    for _ in range(20):
        yield b"x" * 1_000_000

async def main():
    storage = LocalStorage(Path(sys.argv[1]))
    await storage.initialize()
    await storage.upload("small", small(), limit=100, content_type="x/y")
    try:
        await storage.upload("big", chunks(), limit=10**9, content_type="x/y")
    except StorageUnavailable as error:
        print("refused:", error.message)
    await storage.upload("part", part(), limit=10**9, content_type="x/y")
    try:
        await storage.compose(["part", "part"], "whole", limit=10**9, content_type="x/y")
    except StorageUnavailable as error:
        print("refused:", error.message)
    await storage.delete("part")
    print("health:", await storage.health_check())

async def small():
    yield b"kept"

async def part():
    yield b"x" * 3_000_000

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5_500_000, 5_500_000))
asyncio.run(main())
"""


def files_under(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


async def endless(started: asyncio.Event) -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 3_000_000
        started.set()
        await asyncio.sleep(0)


async def test_a_cancelled_upload_leaves_nothing(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    await storage.initialize()
    for _ in range(5):
        started = asyncio.Event()
        upload = asyncio.create_task(storage.upload("a/b", endless(started), limit=10**12, content_type="x/y"))
        await asyncio.wait_for(started.wait(), 10)
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload
        assert files_under(tmp_path) == []
    assert not any(str(path).startswith(str(tmp_path)) for path in open_files())


async def test_a_cancelled_compose_leaves_nothing(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    await storage.initialize()
    (tmp_path / "part").write_bytes(b"")
    os.truncate(tmp_path / "part", 1 << 30)
    compose = asyncio.create_task(storage.compose(["part"] * 1000, "whole", limit=10**12, content_type="x/y"))
    while len(files_under(tmp_path)) < 2:  # noqa: ASYNC110 - the disk tells nobody
        await asyncio.sleep(0.001)
    compose.cancel()
    with pytest.raises(asyncio.CancelledError):
        await compose
    assert files_under(tmp_path) == ["part"]


def open_files() -> list[Path]:
    return [entry.readlink() for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]


async def test_a_killed_upload_is_swept_at_the_next_start_but_a_living_one_is_not(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ENDLESS_UPLOAD, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    for _ in range(9):
        assert await process.stdout.readline() == b"chunk\n"
    storage = LocalStorage(tmp_path)
    await storage.initialize()
    assert len(files_under(tmp_path)) == 1, "the file of a living process stays"
    assert process.returncode is None
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    assert len(files_under(tmp_path)) == 1
    assert not await storage.exists("videos/killed")
    await storage.initialize()
    assert files_under(tmp_path) == []


def test_a_full_disk_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    command = [sys.executable, "-c", UPLOAD_ON_A_FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("refused: The academy's storage") == 2
    assert done.stdout.endswith("health: \n")
    assert files_under(tmp_path) == ["small"]
    assert (tmp_path / "small").read_bytes() == b"kept"


async def test_a_disk_that_went_away_is_told(tmp_path: Path) -> None:
    async def one() -> AsyncIterator[bytes]:
        yield b"x"

    storage = LocalStorage(tmp_path / "mount")
    await storage.initialize()
    (tmp_path / "mount" / ".incoming").rmdir()
    with pytest.raises(StorageUnavailable):
        await storage.upload("a", one(), limit=1, content_type="x/y")
    assert "Try again later" in await storage.health_check()
    (tmp_path / "mount").rmdir()
    (tmp_path / "mount").write_text("a file where the folder was")
    with pytest.raises(StorageUnavailable):
        await storage.initialize()


async def test_a_large_upload_uses_little_memory(tmp_path: Path) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for number in range(4096):
            yield bytes([number % 251]) * 65_536

    storage = LocalStorage(tmp_path)
    await storage.initialize()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stored = await storage.upload("large", chunks(), limit=1 << 30, content_type="x/y")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert stored.size == 256 << 20
    assert grown < 64 << 20
    made = await storage.compose(["large"], "again", limit=1 << 30, content_type="x/y")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert made.sha256 == stored.sha256
    assert grown < 64 << 20
