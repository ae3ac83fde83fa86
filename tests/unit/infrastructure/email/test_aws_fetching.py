"""Small files of AWS, fetched with no trust in who answers."""

import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat

import httpx
import pytest

from academy.infrastructure.email.aws_fetching import AwsFiles
from academy.infrastructure.http import small_answers
from academy.kit.errors import UnavailableError


@pytest.fixture
async def files() -> AsyncIterator[AwsFiles]:
    files = AwsFiles()
    yield files
    await files.close()


@contextmanager
def serving(head: str, content: Iterable[bytes] = ()) -> Iterator[tuple[str, list[str]]]:
    """A server on loopback that answers so, a piece every millisecond; its address, and the paths it was asked for."""
    asked: list[str] = []
    ended = threading.Event()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            with suppress(ConnectionError):
                self.wfile.write(f"HTTP/1.1 {head}\r\n\r\n".encode())
                for piece in content:
                    self.wfile.write(piece)
                    if ended.wait(0.001):
                        break

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/cert.pem", asked
        finally:
            ended.set()
            server.shutdown()
            thread.join()


async def test_an_answer_is_fetched(files: AwsFiles) -> None:
    with serving("200 OK", [b"a ", b"certificate"]) as (url, asked):
        assert await files.fetch(url) == b"a certificate"
    assert asked == ["/cert.pem"]


@pytest.mark.parametrize("head", ["404 Not Found", "500 Oh", "204 No Content", "302 Found\r\nLocation: {}"])
async def test_another_answer_is_none_and_no_redirect_is_followed(files: AwsFiles, head: str) -> None:
    refused = pytest.raises(UnavailableError, match="SNS answers with")
    with serving("200 OK") as (inner, asked), serving(head.format(inner)) as (url, _), refused:
        await files.fetch(url)
    assert asked == []


async def test_an_endless_answer_is_cut(files: AwsFiles) -> None:
    with serving("200 OK", repeat(b"x" * 16_384)) as (url, _), pytest.raises(UnavailableError, match="too large"):
        await files.fetch(url)


@pytest.mark.timeout(20)
async def test_an_answer_that_drips_is_given_up(files: AwsFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_answers, "_SECONDS", 0.5)
    with serving("200 OK", repeat(b"x")) as (url, _), pytest.raises(UnavailableError, match="cannot be reached"):
        await files.fetch(url)


async def test_nobody_there_is_no_answer(files: AwsFiles) -> None:
    with serving("200 OK") as (url, _):
        pass
    for address in (url, "nonsense"):
        with pytest.raises(UnavailableError):
            await files.fetch(address)


async def test_one_client_is_kept_until_it_is_closed(files: AwsFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    real = httpx.AsyncClient.__init__

    def count(client: httpx.AsyncClient, **options: object) -> None:
        made.append(client)
        real(client, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(httpx.AsyncClient, "__init__", count)
    with serving("200 OK", [b"a certificate"]) as (url, _):
        for _ in range(3):
            assert await files.fetch(url) == b"a certificate"
        assert len(made) == 1
        await files.close()
        await files.close()
        assert await files.fetch(url) == b"a certificate"
    assert len(made) == 2
