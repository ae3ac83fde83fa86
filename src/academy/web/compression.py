"""Compressed answers: brotli or gzip, whichever the client takes (RFC 9110, section 12.5.3)."""

import asyncio
import gzip
from enum import StrEnum
from functools import lru_cache

import brotli
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]

_QUALITY = 4
_GZIP_LEVEL = 5
_SMALLEST = 1024
_IN_THREAD_ABOVE = 256 << 10
_LONGEST_HEADER = 300
_TEXTUAL = (b"text/", b"application/json", b"application/xml", b"image/svg+xml")
_TEXTUAL_SUFFIXES = (b"+json", b"+xml")


class Encoding(StrEnum):
    """How a body is sent."""

    IDENTITY = "identity"
    GZIP = "gzip"
    BROTLI = "br"


def accepted_encoding(scope: Scope) -> Encoding:
    """Returns the encoding in which this client is best answered."""
    return preferred_encoding(b",".join(value for name, value in scope["headers"] if name == b"accept-encoding"))


@lru_cache(maxsize=64)
def preferred_encoding(accepted: bytes) -> Encoding:
    """Returns the encoding that the value of an `Accept-Encoding` header likes best, brotli before gzip.

    A client that takes neither, or sends nothing that makes sense, gets the plain bytes.
    """
    weights: dict[str, float] = {}
    for part in accepted[:_LONGEST_HEADER].decode("latin-1").lower().split(","):
        name, _, parameter = part.partition(";")
        weights[name.strip()] = _weight(parameter)
    liked = {one: weights.get(one, weights.get("*", 0.0)) for one in (Encoding.BROTLI, Encoding.GZIP)}
    best = max(liked, key=liked.__getitem__)
    is_best = liked[best] > 0 and liked[best] >= weights.get(Encoding.IDENTITY, 0.0)
    return best if is_best else Encoding.IDENTITY


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def compress(body: bytes, encoding: Encoding, quality: int = _QUALITY) -> bytes:
    """Returns `body` in an encoding; `quality` is brotli's, 0 to 11."""
    if encoding is Encoding.BROTLI:
        return bytes(brotli.compress(body, quality=quality))
    if encoding is Encoding.GZIP:
        return gzip.compress(body, _GZIP_LEVEL, mtime=0)
    return body


def is_compressible(headers: Headers) -> bool:
    """Whether an answer with these headers is text that nobody has compressed yet."""
    content_type = b""
    for name, value in headers:
        if name == b"content-encoding":
            return False
        if name == b"content-type":
            content_type = value.partition(b";")[0].strip()
    return content_type.startswith(_TEXTUAL) or content_type.endswith(_TEXTUAL_SUFFIXES)


def is_worth_compressing(body: bytes) -> bool:
    """Whether a body is long enough to become noticeably shorter."""
    return len(body) >= _SMALLEST


def varying(headers: Headers, name: bytes) -> Headers:
    """Returns the headers of an answer that depends on the request header `name`, told by `Vary`."""
    named = [value for header, value in headers if header == b"vary"]
    if any(name.lower() in value.lower() for value in named):
        return headers
    return [*(pair for pair in headers if pair[0] != b"vary"), (b"vary", b", ".join([*named, name]))]


def encoded_headers(headers: Headers, encoding: Encoding, length: int) -> Headers:
    """Returns the headers of an answer whose body, now of `length` bytes, has been put into `encoding`."""
    others = [pair for pair in headers if pair[0] != b"content-length"]
    length_header = (b"content-length", str(length).encode())
    if encoding is Encoding.IDENTITY:
        return [*others, length_header]
    return [*others, (b"content-encoding", encoding.encode()), length_header]


class CompressionMiddleware:
    """Compresses text that comes in one piece. Files and streams pass as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on and compresses the answer for this client."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        held: HTTPResponseStartEvent | None = None

        async def send_compressed(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start":
                held = message  # until its body shows whether it comes in one piece
                return
            if held is not None:
                start, held = held, None
                if message["type"] == "http.response.body" and not message.get("more_body"):
                    body = message.get("body", b"")
                    headers, message["body"] = await _compressed(list(start["headers"]), body, scope)
                    start["headers"] = headers
                await send(start)
            await send(message)

        await self._app(scope, receive, send_compressed)


async def _compressed(headers: Headers, body: bytes, scope: Scope) -> tuple[Headers, bytes]:
    if not is_compressible(headers):
        return headers, body
    headers = varying(headers, b"Accept-Encoding")
    encoding = accepted_encoding(scope)
    if encoding is Encoding.IDENTITY or not is_worth_compressing(body):
        return headers, body
    if len(body) > _IN_THREAD_ABOVE:
        body = await asyncio.to_thread(compress, body, encoding)
    else:
        body = compress(body, encoding)
    return encoded_headers(headers, encoding, len(body)), body
