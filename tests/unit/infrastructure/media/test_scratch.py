"""Folders for work in progress."""

import asyncio
import sys
from pathlib import Path

import pytest

from academy.infrastructure.media.scratch import scratch_folder

HOLD = """
import asyncio, sys
from pathlib import Path
from academy.infrastructure.media.scratch import scratch_folder

async def hold():
    async with scratch_folder(Path(sys.argv[1])) as folder:
        (folder / "large").write_bytes(b"x")
        print(folder, flush=True)
        await asyncio.Event().wait()

asyncio.run(hold())
"""


async def test_it_is_gone_afterwards_also_after_a_failure(tmp_path: Path) -> None:
    async with scratch_folder(tmp_path / "scratch") as folder:
        (folder / "file").write_bytes(b"x")
    with pytest.raises(ValueError, match="wrong"):
        async with scratch_folder(tmp_path / "scratch") as folder:
            raise ValueError("wrong")
    assert list((tmp_path / "scratch").iterdir()) == []


async def test_those_of_the_living_stay_and_those_of_the_killed_go(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    theirs = Path((await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip())
    async with scratch_folder(tmp_path):
        assert (theirs / "large").exists()
    process.kill()
    await process.wait()
    async with scratch_folder(tmp_path) as ours:
        names = {path.name for path in tmp_path.iterdir()}  # noqa: ASYNC240 - nothing else runs in the test
        assert names == {ours.name, f"{ours.name}.lock"}
