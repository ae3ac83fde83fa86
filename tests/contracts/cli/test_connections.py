"""`academy serve` with more clients than it once could hold, who send nothing, half of something, or read nothing."""

import re
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.servers.academy import ServedAcademy, served_academy

CLIENTS = 1_500
HALF_SENT = (
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedAcademy]:
    with served_academy(tmp_path_factory.mktemp("served") / "home") as academy:
        yield academy


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < 2 * CLIENTS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (2 * CLIENTS if hard < 0 else min(2 * CLIENTS, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize("sent", ["nothing", "half of a request", "a request, and nothing is read"])
def test_many_who_dawdle_do_not_keep_others_out(served: ServedAcademy, sent: str) -> None:
    style = re.search(r"/static/app\.[^\"]+\.css", httpx.get(served.url).text)
    assert style
    whole = f"GET {style[0]} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    with ExitStack() as opened:
        for _ in range(CLIENTS):
            client = opened.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
            client.connect(("127.0.0.1", served.port))
            if sent != "nothing":
                client.sendall(HALF_SENT if sent.startswith("half") else whole)
        assert httpx.get(f"{served.url}/courses", timeout=20).status_code == 200
