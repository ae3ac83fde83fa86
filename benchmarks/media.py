"""Files: 1 GB uploads by multipart and by tus, and ranges of a 200 MB file against nginx."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Self

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
    """Yields the rates of 1 GB uploads on local disk, beside `cp`, and the memory that they add."""
    with filled_academy(folder, 10) as academy:
        film = folder / "film.mp4"
        synthesize(film, [Slide("Measured", "A film that is made long.")], 2, seed=1)
        before = resident_memory(academy.pid)
        rates: dict[str, list[float]] = {"multipart": [], "tus": [], "join": [], "copy": []}
        added: dict[str, list[float]] = {"multipart": [], "tus": []}
        for _ in range(REPEATS):
            with HighestMemory(academy.pid) as highest:
                rates["multipart"].append(_rate(_upload(academy, film.read_bytes())))
            added["multipart"].append((highest.bytes - before) / (1 << 20))
            with HighestMemory(academy.pid) as highest:
                sent, joined = _upload_by_tus(academy, film.read_bytes())
            rates["tus"].append(_rate(sent))
            rates["join"].append(_rate(joined))
            added["tus"].append((highest.bytes - before) / (1 << 20))
            stored = max((academy.home / "files").rglob("original.mp4"), key=lambda path: path.stat().st_size)
            begun = time.perf_counter()
            shutil.copyfile(stored, folder / "copy")
            rates["copy"].append(_rate(time.perf_counter() - begun))
            (folder / "copy").unlink()
        yield row("upload of 1 GB by multipart, local disk", rates["multipart"], unit=" MB/s", at_least=150)
        yield row("upload of 1 GB by tus, local disk", rates["tus"], unit=" MB/s", at_least=150)
        yield row("joining the parts of that upload into a video", rates["join"], unit=" MB/s")
        yield row("copying the same file on the same disk", rates["copy"], unit=" MB/s")
        for way, bytes_added in added.items():
            yield row(f"memory that a 1 GB upload by {way} adds", bytes_added, unit=" MiB", at_most=64)


def _rate(seconds: float) -> float:
    return _GIGABYTE / seconds / 1e6


class HighestMemory:
    """Watches the memory of a process while something runs."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.bytes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

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
    headers = {
        "Authorization": f"Bearer {_token(academy)}",
        "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
        "Content-Length": str(len(head) + _GIGABYTE + len(tail)),
    }
    begun = time.perf_counter()
    _send(academy, "POST /api/v1/videos", headers, film, head, tail)
    return time.perf_counter() - begun


def _upload_by_tus(academy: ServedAcademy, film: bytes) -> tuple[float, float]:
    """Sends the same by tus, in one PATCH; returns the seconds until the answer, and from there to the video."""
    headers = {"Authorization": f"Bearer {_token(academy)}", "Tus-Resumable": "1.0.0"}
    new = {"Upload-Length": str(_GIGABYTE), "Upload-Metadata": "filename ZmlsbS5tcDQ="}
    with httpx.Client(base_url=academy.url, headers=headers) as client:
        begun = time.perf_counter()
        address = client.post("/api/v1/uploads", headers=new).headers["Location"]
        piece = {
            **headers,
            "Upload-Offset": "0",
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(_GIGABYTE),
        }
        _send(academy, f"PATCH {address}", piece, film)
        answered = time.perf_counter()
        while (state := client.get(address).json()["state"]) == "assembling":
            time.sleep(0.02)
    if state != "done":
        raise RuntimeError(f"the upload is {state}")
    return answered - begun, time.perf_counter() - answered


def _send(
    academy: ServedAcademy, target: str, headers: dict[str, str], film: bytes, head: bytes = b"", tail: bytes = b""
) -> None:
    """Sends a request whose body is a gigabyte that begins with a film, between `head` and `tail`."""
    lines = [f"{target} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *(f"{k}: {v}" for k, v in headers.items())]
    with socket.create_connection(("127.0.0.1", academy.port)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + head + film)
        rest = _GIGABYTE - len(film)
        while rest:
            rest -= connection.send(_PIECE[: min(rest, len(_PIECE))])
        connection.sendall(tail)
        answer = connection.recv(1 << 16)
    if b" 20" not in answer.partition(b"\r\n")[0]:
        raise RuntimeError(answer.decode("latin-1"))


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
