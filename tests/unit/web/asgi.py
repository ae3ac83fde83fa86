"""Small ASGI apps and one request to them, for tests of middleware."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from litestar.types import ASGIApp

from academy.infrastructure.cache.dependencies import depends_on


class Reply(NamedTuple):
    """What an app answered."""

    status: int
    headers: dict[str, str]
    body: bytes


class FixedApp:
    """Answers every request alike, in one piece or several, and counts them. `tags`: what the answers depend on."""

    def __init__(
        self,
        *pieces: bytes,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        tags: Sequence[str] = ("everything",),
    ) -> None:
        self.tags = tags
        self.pieces = pieces
        self.status = status
        self.headers = dict(headers or {"content-type": "text/html; charset=utf-8"})
        self.requests: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests.append(scope)
        depends_on(*self.tags)
        length = str(sum(map(len, self.pieces)))
        headers = [(n.encode(), v.encode()) for n, v in {**self.headers, "content-length": length}.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        for number, piece in enumerate(self.pieces, start=1):
            await send({"type": "http.response.body", "body": piece, "more_body": number < len(self.pieces)})


async def ask(app: ASGIApp, path: str = "/", *, method: str = "GET", query: str = "", **headers: str) -> Reply:
    """Sends one request; `accept_encoding="br"` is a header."""
    given = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope: Any = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": given,
    }
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    await app(scope, receive, send)
    start, *bodies = messages
    names = [name.decode() for name, _ in start["headers"]]
    assert len(names) == len(set(names)), f"a header is sent twice: {names}"
    return Reply(
        start["status"],
        {name.decode(): value.decode() for name, value in start["headers"]},
        b"".join(message["body"] for message in bodies),
    )
