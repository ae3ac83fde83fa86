"""Files: a 1 GB upload, and ranges of a 200 MB file against nginx."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx

from academy.infrastructure.media.synthesis import Slide, synthesize
from academy.infrastructure.storage.signing import UrlSigner
from academy.kit.clock import SystemClock
from benchmarks.academies import INSTRUCTOR, PASSWORD, filled_academy, resident_memory
from benchmarks.load import load
from benchmarks.results import Row, row
from benchmarks.servers import nginx
from tests.servers.academy import ServedAcademy

_GIGABYTE = 1_000_000_000
_PIECE = bytes(1 << 20)
_BOUNDARY = "measured-boundary"
_LARGE = 200_000_000
REPEATS = 3


def upload(folder: Path) -> Iterator[Row]:
    """Yields the rate of a 1 GB multipart upload on local disk, beside `cp`, and the memory that it adds."""
    with filled_academy(folder, 10) as academy:
        film = folder / "film.mp4"
        synthesize(film, [Slide("Measured", "A film that is made long.")], 2, seed=1)
        before = resident_memory(academy.pid)
        rates: list[float] = []
        copies: list[float] = []
        added: list[float] = []
        for _ in range(REPEATS):
            highest = HighestMemory(academy.pid)
            with highest:
                rates.append(_GIGABYTE / _upload(academy, film.read_bytes()) / 1e6)
            added.append((highest.bytes - before) / (1 << 20))
            stored = max((academy.home / "files").rglob("original.mp4"), key=lambda path: path.stat().st_size)
            begun = time.perf_counter()
            shutil.copyfile(stored, folder / "copy")
            copies.append(_GIGABYTE / (time.perf_counter() - begun) / 1e6)
            (folder / "copy").unlink()
        yield row("upload of 1 GB by multipart, local disk", rates, unit=" MB/s", at_least=150)
        yield row("copying the same file on the same disk", copies, unit=" MB/s")
        yield row("memory that a 1 GB upload adds", added, unit=" MiB", at_most=64)


class HighestMemory:
    """Watches the memory of a process while something runs."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.bytes = 0

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            self.bytes = max(self.bytes, resident_memory(self._pid))


def _token(academy: ServedAcademy) -> str:
    answer = httpx.post(f"{academy.url}/api/v1/auth/login", json={"email": INSTRUCTOR, "password": PASSWORD})
    return str(answer.json()["access_token"])


def _upload(academy: ServedAcademy, film: bytes) -> float:
    """Sends a gigabyte that begins with a real film, over a bare socket; returns the seconds until the answer."""
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="film.mp4"\r\n'
        "Content-Type: video/mp4\r\n\r\n"
    ).encode()
    tail = f"\r\n--{_BOUNDARY}--\r\n".encode()
    request = (
        "POST /api/v1/videos HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Authorization: Bearer {_token(academy)}\r\nContent-Type: multipart/form-data; boundary={_BOUNDARY}\r\n"
        f"Content-Length: {len(head) + _GIGABYTE + len(tail)}\r\n\r\n"
    ).encode()
    begun = time.perf_counter()
    with socket.create_connection(("127.0.0.1", academy.port)) as connection:
        connection.sendall(request + head + film)
        rest = _GIGABYTE - len(film)
        while rest:
            rest -= connection.send(_PIECE[: min(rest, len(_PIECE))])
        connection.sendall(tail)
        answer = connection.recv(1 << 16)
    if b" 201 " not in answer.partition(b"\r\n")[0]:
        raise RuntimeError(answer.decode("latin-1"))
    return time.perf_counter() - begun


def ranges(folder: Path) -> Iterator[Row]:
    """Yields the throughput of byte ranges of a 200 MB file, as a share of nginx's with sendfile."""
    with filled_academy(folder, 10) as academy:
        key = "videos/measured/original.mp4"
        file = academy.home / "files" / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(_LARGE))
        secret = (academy.home / "secret-key").read_bytes().strip()
        signature = _signature(secret, f"/media/{key}")
        with nginx(folder, file.parent) as other:
            for what, header in (
                ("a whole 200 MB file", ()),
                ("bytes=0- of a 200 MB file", ("Range: bytes=0-",)),
                ("4 MB from the middle of a 200 MB file", ("Range: bytes=100000000-103999999",)),
            ):
                shares: list[float] = []
                for _ in range(REPEATS):
                    ours = load(f"{academy.url}/media/{key}?{signature}", seconds=5, connections=4, headers=header)
                    theirs = load(f"{other}{file.name}", seconds=5, connections=4, headers=header)
                    if ours.errors or theirs.errors:
                        raise RuntimeError("requests failed; the figures would mean nothing")
                    shares.append(ours.bytes_per_second / theirs.bytes_per_second)
                yield row(f"{what}, share of nginx's throughput (sendfile)", shares, at_least=0.5)


def _signature(secret: bytes, text: str) -> str:
    return UrlSigner(secret, SystemClock()).sign(text, timedelta(hours=1))
