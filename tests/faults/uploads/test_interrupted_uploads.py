"""A real client, tuspy, and a real server, of which neither the line nor the process lasts: the bytes are right."""

import asyncio
import hashlib
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import requests
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

from tests.academies.in_process import PASSWORD
from tests.academies.media import make_film
from tests.faults.cache.proxy import Proxy, running
from tests.servers.academy import ServedAcademy, served_academy

MIB = 1 << 20
LENGTH = 60 * MIB
WAIT_SECONDS = 60.0
EMAIL = "teacher@example.com"
SEEDS = [random.SystemRandom().randrange(1 << 32), 20261124]


class CuttingLine(Proxy):
    """Cuts each connection after a random number of bytes that its client sent."""

    def __init__(self, target: int, seed: int) -> None:
        super().__init__(target)
        self._random = random.Random(seed)  # noqa: S311 - chooses where to cut
        self.cuts = 0

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool) -> None:
        if is_answer:
            await super()._copy(reader, writer, is_answer=True)
            return
        # The first two come early, so that every seed cuts twice however the client splits the file up.
        left = self._random.randrange(1, 24 * MIB if self.cuts > 1 else 2 * MIB)
        while piece := await reader.read(1 << 16):
            writer.write(piece[:left])
            await writer.drain()
            left -= len(piece)
            if left <= 0:
                self.cuts += 1
                return


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedAcademy]:
    with served_academy(tmp_path_factory.mktemp("served") / "home") as academy:
        made = academy.command(
            *("users", "create", "--email", EMAIL, "--name", "Asha Rao", "--role", "instructor", "--password-stdin"),
            given=PASSWORD,
        )
        assert made.returncode == 0, made.stderr
        yield academy


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4")


@pytest.fixture
def large(film: bytes, tmp_path: Path) -> Path:
    """A file of LENGTH bytes that begins as a video does."""
    path = tmp_path / "large.mp4"
    path.write_bytes(film + os.urandom(LENGTH - len(film)))
    return path


@pytest.fixture
def token(served: ServedAcademy) -> dict[str, str]:
    answer = httpx.post(f"{served.url}/api/v1/auth/login", json={"email": EMAIL, "password": PASSWORD})
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def send_with_tuspy(url: str, token: dict[str, str], path: Path, *, chunk: int, checked: bool = False) -> str:
    """Sends a file, however often the line breaks; returns the upload's id."""
    client = TusClient(f"{url}/api/v1/uploads", headers=token)
    address: str | None = None
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            with path.open("rb") as file:
                # Made anew each time, as by a program that was started again: it asks where to go on.
                uploader = client.uploader(
                    file_stream=file,
                    url=address,
                    chunk_size=chunk,
                    metadata={"filename": path.name},
                    upload_checksum=checked,
                )
                if address is None:
                    address = str(uploader.create_url())
                    uploader.set_url(address)
                uploader.upload()
            return address.rpartition("/")[2]
        except (TusCommunicationError, requests.RequestException):
            time.sleep(0.2)  # the client's own pause before it tries again
    raise AssertionError("the upload never came to its end")


async def become_of(served: ServedAcademy, token: dict[str, str], upload_id: str) -> dict[str, object]:
    """The video that an upload becomes."""
    async with httpx.AsyncClient(base_url=f"{served.url}/api/v1", headers=token, timeout=30) as client:
        deadline = time.monotonic() + WAIT_SECONDS
        while (upload := (await client.get(f"uploads/{upload_id}")).json())["state"] == "assembling":
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert upload["state"] == "done", upload
        video: dict[str, object] = (await client.get(f"videos/{upload['result_id']}")).json()
        return video


def parts(served: ServedAcademy) -> list[Path]:
    return [path for path in (served.home / "files" / "uploads").rglob("*") if path.is_file()]


async def check_video(served: ServedAcademy, token: dict[str, str], upload_id: str, path: Path) -> None:
    video = await become_of(served, token, upload_id)
    assert video["sha256"] == hashlib.sha256(await asyncio.to_thread(path.read_bytes)).hexdigest()
    deadline = time.monotonic() + WAIT_SECONDS
    while parts(served):
        assert time.monotonic() < deadline, "parts are left"
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("checked", [False, True], ids=["plain", "with checksums"])
@pytest.mark.parametrize("seed", SEEDS, ids=["new seed", "known seed"])
async def test_a_line_that_is_cut_at_random_offsets(
    served: ServedAcademy, token: dict[str, str], large: Path, seed: int, *, checked: bool
) -> None:
    print(f"seed {seed}")  # noqa: T201 - to be shown when the test fails
    line = CuttingLine(served.port, seed)
    async with running(line):
        url = f"http://127.0.0.1:{line.port}"
        # A piece that has to arrive as a whole must be shorter than most cuts.
        chunk = 4 * MIB if checked else LENGTH
        upload_id = await asyncio.to_thread(send_with_tuspy, url, token, large, chunk=chunk, checked=checked)
    assert line.cuts >= 2
    await check_video(served, token, upload_id, large)


async def test_a_server_that_is_killed_and_started_again(
    served: ServedAcademy, token: dict[str, str], large: Path
) -> None:
    sending = asyncio.create_task(asyncio.to_thread(send_with_tuspy, served.url, token, large, chunk=8 * MIB))
    for count in (1, 3):
        deadline = time.monotonic() + WAIT_SECONDS
        while len(parts(served)) < count and not sending.done():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.001)
        served.kill()
        await asyncio.to_thread(served.start)
    await check_video(served, token, await sending, large)


async def test_a_server_that_is_killed_while_it_joins(
    served: ServedAcademy, token: dict[str, str], large: Path
) -> None:
    seed = SEEDS[0]
    print(f"seed {seed}")  # noqa: T201 - to be shown when the test fails
    chance = random.Random(seed)  # noqa: S311 - chooses when to kill
    for _ in range(2):
        upload_id = await asyncio.to_thread(send_with_tuspy, served.url, token, large, chunk=LENGTH)
        await asyncio.sleep(chance.random() * 0.4)
        served.kill()
        await asyncio.to_thread(served.start)
        await check_video(served, token, upload_id, large)
    async with httpx.AsyncClient(base_url=f"{served.url}/api/v1", headers=token) as client:
        videos = (await client.get("videos", params={"limit": 100})).json()["items"]
        assert len({video["id"] for video in videos}) == len(videos)
        known = {video["id"] for video in videos}
    stored = {path.parent.name for path in (served.home / "files" / "videos").rglob("original.*")}
    assert stored == known, "each video once, and none that nobody knows"
