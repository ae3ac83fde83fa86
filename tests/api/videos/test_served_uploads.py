"""Uploads to a real `academy serve` process: its memory, clients that go away, and power cuts."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from academy.features.videos.model import VideoStatus
from academy.infrastructure.security.principal import Principal, Role
from tests.academies.in_process import PASSWORD, TestAcademy, opened_test_academy
from tests.servers.academy import ServedAcademy, served_academy

MIB = 1 << 20
LIMIT = 205 * MIB
EMAIL = "teacher@example.com"
HEAD = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\nContent-Type: video/mp4\r\n\r\n'
END = b"\r\n--edge--\r\n"
WAIT_SECONDS = 30.0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedAcademy]:
    home = tmp_path_factory.mktemp("served") / "home"
    with served_academy(home, variables={"MAX_VIDEO_BYTES": str(LIMIT)}) as academy:
        made = academy.command(
            *("users", "create", "--email", EMAIL, "--name", "Asha Rao", "--role", "instructor", "--password-stdin"),
            given=PASSWORD,
        )
        assert made.returncode == 0, made.stderr
        yield academy


@asynccontextmanager
async def signed_in(served: ServedAcademy) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{served.url}/api/v1", timeout=60) as client:
        answer = await client.post("auth/login", json={"email": EMAIL, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


async def upload(client: httpx.AsyncClient, film: bytes, size: int) -> httpx.Response:
    """Sends a film of `size` bytes: a real one, filled up with a free box of zeros (ISO/IEC 14496-12, 8.1.2)."""
    zeros = bytes(256 * 1024)

    async def body() -> AsyncIterator[bytes]:
        yield HEAD + film + struct.pack(">I4s", size - len(film), b"free")
        rest = size - len(film) - 8
        while rest > 0:
            yield zeros[: min(rest, len(zeros))]
            rest -= len(zeros)
        yield END

    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    return await client.post("videos", content=body(), headers=headers)


def files(served: ServedAcademy) -> list[Path]:
    """Everything in the storage's folder, half-written files too."""
    return [path for path in (served.home / "files").rglob("*") if path.is_file()]


def half_written(served: ServedAcademy) -> list[Path]:
    return [path for path in files(served) if path.suffix == ".part" and size_of(path) > 0]


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # removed since its name was read
        return 0


async def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"still not: {what}"
        await asyncio.sleep(0.005)


def family(served: ServedAcademy) -> list[psutil.Process]:
    """The server's process with all below it."""
    main = psutil.Process(served.pid)
    return [main, *main.children(recursive=True)]


def peak_bytes(process: psutil.Process) -> int:
    """The most memory a process ever had (VmHWM)."""
    status = Path(f"/proc/{process.pid}/status").read_text("ascii")
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))


@asynccontextmanager
async def begun_upload(served: ServedAcademy, film: bytes) -> AsyncIterator[asyncio.StreamWriter]:
    """Gives a connection over which a part of a film has been sent, some of which is on the disk."""
    async with signed_in(served) as client:
        authorization = client.headers["Authorization"]
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    try:
        head = (
            f"POST /api/v1/videos HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {authorization}\r\n"
            f"Content-Type: multipart/form-data; boundary=edge\r\nContent-Length: {100 * MIB}\r\n\r\n"
        )
        writer.write(head.encode() + HEAD + film + bytes(12 * MIB))
        await writer.drain()
        await until(lambda: bool(half_written(served)), "the upload began")
        yield writer
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def test_an_upload_of_200_mb_needs_little_memory(served: ServedAcademy, film: bytes) -> None:
    async with signed_in(served) as client:
        small = await upload(client, film, MIB)
        assert small.status_code == 201, small.text
        servers = family(served)[:2]
        before = {process.pid: peak_bytes(process) for process in servers}
        sent = await upload(client, film, 200 * MIB)
        assert sent.status_code == 201, sent.text
        assert sent.json()["size"] == 200 * MIB
        for process in servers:
            assert peak_bytes(process) - before[process.pid] < 64 * MIB
        too_large = await upload(client, film, LIMIT + 1)
        assert (too_large.status_code, too_large.json()["code"]) == (413, "file_too_large")
        kept = [small.json()["id"], sent.json()["id"]]
        originals = {path.parent.name for path in files(served) if path.name.startswith("original")}
        assert originals == set(kept)
        # The refusal is answered before the rest of the body is read, and removes what came of it after that.
        await until(lambda: not [path for path in files(served) if path.suffix == ".part"], "nothing is left of it")
        for video_id in kept:
            assert (await client.delete(f"videos/{video_id}")).status_code == 204


async def test_a_client_that_goes_away_leaves_nothing(served: ServedAcademy, film: bytes) -> None:
    async with begun_upload(served, film) as writer:
        writer.transport.abort()
        await until(lambda: not files(served), "nothing is left of the upload")
    async with signed_in(served) as client:
        assert (await client.get("videos")).json()["items"] == []
    assert "request_failed" not in served.output.read_text("utf-8", "replace"), "nothing of ours failed"


async def test_a_power_cut_during_an_upload_leaves_nothing_after_the_start(served: ServedAcademy, film: bytes) -> None:
    async with begun_upload(served, film):
        served.kill()
    assert len(half_written(served)) == 1
    served.start()
    assert files(served) == []
    async with signed_in(served) as client:
        assert (await client.get("videos")).json()["items"] == []


async def test_the_check_of_a_video_survives_a_power_cut(served: ServedAcademy, film: bytes) -> None:
    def is_being_checked() -> bool:
        return any("probe_process" in command_of(process) for process in family(served))

    async with signed_in(served) as client:
        sent = await upload(client, film, MIB)
        await until(is_being_checked, "the check began")
    served.kill()
    async with opened_test_academy(served.home) as academy:
        teacher = await teacher_of(academy)
        assert (await academy.academy.videos.get(teacher, sent.json()["id"])).status is VideoStatus.CHECKING
        academy.clock.move(minutes=3)
        await academy.work()
        video = await academy.academy.videos.get(teacher, sent.json()["id"])
        assert (video.status, video.width) == (VideoStatus.CONVERTING, 960)
        await academy.academy.videos.delete(teacher, video.id)
    served.start()


def command_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # ended since it was found
        return ""


async def teacher_of(academy: TestAcademy) -> Principal:
    user = await academy.academy.administration.find(EMAIL)
    return Principal(user_id=user.id, session_id="", email=user.email, name=user.name, role=Role.INSTRUCTOR)
