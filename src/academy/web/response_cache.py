"""Answers kept in memory: whole pages and API answers for anonymous visitors.

An entry is the finished answer (status, headers, body) under its URL. A write drops all entries at once, after its
transaction commits; so no stale answer follows a write in the same process. Other processes see it after the lifetime.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

from academy.kit.clock import Clock

_LARGEST_TOTAL = 32 << 20
_LARGEST_ENTRY = 1 << 20
_KEPT_QUERY_LENGTH = 300
_OK = 200


class _Entry:
    __slots__ = ("body", "etag", "headers", "until")

    def __init__(self, headers: list[tuple[bytes, bytes]], body: bytes, etag: bytes, until: float) -> None:
        self.headers = headers
        self.body = body
        self.etag = etag
        self.until = until


class ResponseCache:
    """Bounded store of finished answers, the longest unused dropped first."""

    def __init__(self, clock: Clock, seconds: int) -> None:
        self._clock = clock
        self._seconds = seconds
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._size = 0
        self.generation = 0

    def get(self, key: bytes) -> _Entry | None:
        """Returns the live entry, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.until <= self._clock.now().timestamp():
            self._remove(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, key: bytes, headers: list[tuple[bytes, bytes]], body: bytes, generation: int) -> None:
        """Keeps an answer, unless a write happened since `generation`, when its making began."""
        if generation != self.generation or len(body) > _LARGEST_ENTRY or not self._seconds:
            return
        etag = b'W/"' + hashlib.blake2b(body, digest_size=12).hexdigest().encode() + b'"'
        self._remove(key)
        until = self._clock.now().timestamp() + self._seconds
        self._entries[key] = _Entry([*headers, (b"etag", etag)], body, etag, until)
        self._size += len(body)
        while self._size > _LARGEST_TOTAL:
            self._remove(next(iter(self._entries)))

    async def clear(self) -> None:
        """Drops everything; given to `Database.after_commit` by whoever changes what the public sees."""
        self.generation += 1
        self._entries.clear()
        self._size = 0

    def _remove(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size -= len(entry.body)


PublicContentChanged = Callable[[], Awaitable[None]]


class ResponseCacheMiddleware:
    """Answers anonymous GET requests to public pages from the cache, and fills it.

    Only paths that start with one of `prefixes` (or equal "/") count, only requests without cookies and authorization,
    and only answers with status 200 that set no cookie.
    """

    def __init__(self, app: ASGIApp, cache: ResponseCache, prefixes: tuple[str, ...]) -> None:
        self._app = app
        self._cache = cache
        self._prefixes = prefixes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves from the cache or passes on and keeps the answer."""
        key = self._key(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        entry = self._cache.get(key)
        if entry is not None:
            await self._answer(entry, scope, send)
            return
        generation = self._cache.generation
        start: HTTPResponseStartEvent | None = None
        parts: list[bytes] = []

        async def keep(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))
                if not message.get("more_body") and start and self._may_keep(start):
                    headers = [(n, v) for n, v in start["headers"] if n != b"x-request-id"]
                    self._cache.put(key, headers, b"".join(parts), generation)
            await send(message)

        await self._app(scope, receive, keep)

    def _key(self, scope: Scope) -> bytes | None:
        if scope["type"] != ScopeType.HTTP:
            return None
        if scope["method"] != "GET":
            return None
        path = scope["path"]
        if path != "/" and not path.startswith(self._prefixes):
            return None
        query = scope["query_string"]
        if len(query) > _KEPT_QUERY_LENGTH:
            return None
        htmx = b""
        for name, value in scope["headers"]:
            if name in (b"cookie", b"authorization"):
                return None
            if name == b"hx-request":
                htmx = value
        return path.encode() + b"?" + query + b"#" + htmx

    @staticmethod
    def _may_keep(start: HTTPResponseStartEvent) -> bool:
        names = {name for name, _ in start["headers"]}
        return start["status"] == _OK and b"set-cookie" not in names

    @staticmethod
    async def _answer(entry: _Entry, scope: Scope, send: Send) -> None:
        asked = next((v for n, v in scope["headers"] if n == b"if-none-match"), b"")
        if asked and entry.etag in asked:
            await send({"type": "http.response.start", "status": 304, "headers": [(b"etag", entry.etag)]})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await send({"type": "http.response.start", "status": _OK, "headers": list(entry.headers)})
        await send({"type": "http.response.body", "body": entry.body, "more_body": False})
