"""`kill -9` of the worker, or of the process that converts for it, anywhere in a conversion: it goes on to its end."""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

import av
import psutil
import pytest

from academy.features.videos.model import Video, VideoStatus
from academy.infrastructure.security.principal import Role
from tests.academies.films import Film, make
from tests.academies.in_process import TestAcademy, opened_test_academy
from tests.academies.media import stream
from tests.servers.academy import UNLIMITED

SECONDS, RATE = 30, 10
# Longer than a lease and than the pause after a failed try.
STEP_SECONDS = 120


@pytest.fixture(params=["sqlite", "mongodb"])
async def academy(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TestAcademy]:
    uri: str = request.getfixturevalue("mongodb_uri") if request.param == "mongodb" else ""
    async with opened_test_academy(tmp_path / "home", mongodb_uri=uri) as opened:
        yield opened


@asynccontextmanager
async def converting_process(academy: TestAcademy, ahead: int) -> AsyncIterator[psutil.Process]:
    settings = academy.academy.settings
    own = {
        "ACADEMY_HOME": str(settings.home.path),
        "MONGODB_URI": settings.database.mongodb_uri,
        "MONGODB_DATABASE": settings.database.mongodb_database,
        "JOB_POLL_SECONDS": "0.05",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.videos.converting_process", str(ahead)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **UNLIMITED, **own},
    )
    assert process.stdout
    try:
        assert await asyncio.wait_for(process.stdout.readline(), 60)
        yield psutil.Process(process.pid)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def converters(worker: psutil.Process) -> list[psutil.Process]:
    return [child for child in worker.children() if any("conversion_process" in word for word in child.cmdline())]


async def converter_of(worker: psutil.Process) -> psutil.Process:
    async with asyncio.timeout(60):
        while not (found := converters(worker)):  # noqa: ASYNC110 - a process starts without an event
            await asyncio.sleep(0.01)
    return found[0]


async def stored_names(academy: TestAcademy, video_id: str) -> set[str]:
    stored = await academy.academy.storage.list_files(limit=200)
    return {found.key.removeprefix(f"videos/{video_id}/") for found in stored}


async def stream_of(academy: TestAcademy, folder: str, segments: int) -> bytes:
    names = ["init.mp4", *(f"{number:05d}.m4s" for number in range(segments))]
    parts = [chunk for name in names async for chunk in academy.academy.storage.read(f"{folder}/{name}")]
    return b"".join(parts)


@pytest.mark.timeout(240)
async def test_a_conversion_survives_its_workers(academy: TestAcademy, tmp_path: Path) -> None:
    film = make(tmp_path / "film.mp4", Film(seconds=SECONDS, sound=("aac", 48_000, "stereo")))
    teacher = await academy.person(Role.INSTRUCTOR)
    video = await academy.academy.videos.upload(teacher, "film.mp4", "", stream(film.read_bytes()))
    await academy.work()
    is_ready = False
    for number in range(4):
        async with converting_process(academy, number * STEP_SECONDS) as worker:
            child = await converter_of(worker)
            # Anywhere in its life.
            await asyncio.sleep(random.uniform(0, 0.8))  # noqa: S311
            if number % 2:
                if child.is_running():
                    child.kill()
                await asyncio.sleep(random.uniform(0, 0.1))  # noqa: S311
            worker.kill()
        gone, alive = await asyncio.to_thread(psutil.wait_procs, [child], 20)
        assert (gone, alive) == ([child], []), "the process ends with its worker"
        is_ready = (await academy.academy.videos.get(teacher, video.id)).status is VideoStatus.READY
        if is_ready:
            break

    scratch = academy.academy.settings.scratch_path
    async with converting_process(academy, 5 * STEP_SECONDS), asyncio.timeout(120):
        while (await academy.academy.videos.get(teacher, video.id)).status is not VideoStatus.READY:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        # The last conversion sweeps what killed ones left, and then its own, which a video that is ready has no more.
        while not is_ready and list(scratch.iterdir()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    ready = await academy.academy.videos.get(teacher, video.id)
    assert (ready.note, [one.name for one in ready.renditions]) == ("", ["90p"])
    assert await academy.academy.database.collection(Video).count({"status": "ready"}, at_most=9) == 1
    await check_stream(academy, video.id)


async def check_stream(academy: TestAcademy, video_id: str) -> None:
    """Every segment is there once, nothing else is, and all decode without a gap."""
    segments = SECONDS // 6
    files = {"index.m3u8", "init.mp4", *(f"{number:05d}.m4s" for number in range(segments))}
    names = await stored_names(academy, video_id)
    assert names == {
        *("original.mp4", "poster.webp", "hls/master.m3u8", "hls/thumbnails.webp", "hls/thumbnails.vtt"),
        *(f"hls/{folder}/{name}" for folder in ("90p", "audio") for name in files),
    }
    with av.open(BytesIO(await stream_of(academy, f"videos/{video_id}/hls/90p", segments)), "r") as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx([number / RATE for number in range(SECONDS * RATE)])
    with av.open(BytesIO(await stream_of(academy, f"videos/{video_id}/hls/audio", segments)), "r") as container:
        stamps = [frame.pts for frame in container.decode(audio=0)]
    assert stamps == [1024 * number for number in range(len(stamps))]
    assert len(stamps) * 1024 / 48_000 == pytest.approx(SECONDS, abs=0.05)
