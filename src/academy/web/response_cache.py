"""Answers kept in memory: whole pages and API answers for anonymous visitors.

An entry is the finished answer under its URL, with the tags that the services noted while they read what it shows (see
`infrastructure.cache.dependencies`). Whoever changes something invalidates its tags at the cache door, after the
transaction commits, and the entries with one of them go: so no stale answer follows a write in the same process. Other
processes are told through Redis where they share one; without it they see the write after the lifetime.
"""

import asyncio
import hashlib
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

from academy.infrastructure.cache.dependencies import collected_tags
from academy.kit.clock import Clock
from academy.web.compression import (
    Encoding,
    Headers,
    accepted_encoding,
    compress,
    encoded_headers,
    is_compressible,
    is_worth_compressing,
    varying,
)
from academy.web.requests import VARYING, wants_fragment

_LARGEST_TOTAL = 24 << 20
_LARGEST_ENTRY = 1 << 20
# What an entry weighs beside its body: key, headers, objects.
_ENTRY_OVERHEAD = 4 << 10
_TAG_OVERHEAD = 200
# Invalidations that are remembered one by one, for answers that were begun before them.
_MOST_REMEMBERED = 10_000
_LONGEST_QUERY = 300
_OK, _NOT_MODIFIED, _TOO_MANY = 200, 304, 429
_QUALITY = 5
_PERSONAL = (b"no-store", b"private")
# The app answers in plain bytes, so that the answer can be sent in every encoding; and nothing in what many may get
# tells where one of them came from (an error page leads back there).
_NOT_TOLD = (b"accept-encoding", b"referer")
_OF_ASKER = (b"ratelimit", b"ratelimit-policy")
# What a 304 repeats of the answer it stands for (RFC 9110, section 15.4.5).
_IN_NOT_MODIFIED = (b"cache-control", b"etag", b"vary", b"x-robots-tag")


class RequestKey(NamedTuple):
    """What tells public answers apart; `fragment` when htmx asks for a part of the page."""

    path: str
    query: bytes
    fragment: bool


class Answer:
    """A finished answer in the encodings that were asked for so far."""

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status = status
        self.body = body
        self._headers = varying(headers, b"Accept-Encoding") if is_compressible(headers) else headers
        self._is_compressible = is_compressible(headers) and is_worth_compressing(body)
        self._forms: dict[Encoding, tuple[Headers, bytes]] = {}
        self._etag = b""

    @property
    def is_for_everybody(self) -> bool:
        """Whether it tells whoever asks the same, at the moment."""
        return self.status != _TOO_MANY and not any(
            name == b"set-cookie" or (name == b"cache-control" and any(word in value for word in _PERSONAL))
            for name, value in self._headers
        )

    @property
    def may_be_kept(self) -> bool:
        """Whether it is the same for everybody, also later."""
        return self.status == _OK and len(self.body) <= _LARGEST_ENTRY and self.is_for_everybody

    @property
    def weight(self) -> int:
        """Bytes of memory it takes at most: its compressed forms together are shorter than the body."""
        return 2 * len(self.body) + _ENTRY_OVERHEAD

    def add_validator(self) -> None:
        """Gives the answer an entity tag, unless it came with one, which then tells only what its maker means by it."""
        names = {name for name, _ in self._headers}
        if b"cache-control" not in names:
            self._headers = [*self._headers, (b"cache-control", b"no-cache")]
        if b"etag" not in names:
            self._etag = b'W/"' + hashlib.blake2b(self.body, digest_size=12).hexdigest().encode() + b'"'
            self._headers = [*self._headers, (b"etag", self._etag)]

    def forget_asker(self) -> None:
        """Takes out where its asker stands under a rate limit: others stand elsewhere."""
        self._headers = [pair for pair in self._headers if pair[0] not in _OF_ASKER]

    async def send(self, scope: Scope, send: Send) -> None:
        """Answers a request: with the body in the client's encoding, or with 304 when the client has it."""
        if self._etag and self._is_known(scope):
            headers = [pair for pair in self._headers if pair[0] in _IN_NOT_MODIFIED]
            await send({"type": "http.response.start", "status": _NOT_MODIFIED, "headers": headers})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        headers, body = self._form(accepted_encoding(scope) if self._is_compressible else Encoding.IDENTITY)
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def _is_known(self, scope: Scope) -> bool:
        asked = next((value for name, value in scope["headers"] if name == b"if-none-match"), b"")
        if not asked:
            return False
        tags = {tag.strip().removeprefix(b"W/") for tag in asked.split(b",")}
        return b"*" in tags or self._etag.removeprefix(b"W/") in tags

    def _form(self, encoding: Encoding) -> tuple[Headers, bytes]:
        form = self._forms.get(encoding)
        if form is None:
            body = compress(self.body, encoding, _QUALITY)
            form = self._forms[encoding] = (encoded_headers(self._headers, encoding, len(body)), body)
        return form


class _Entry(NamedTuple):
    """A kept answer: until when (Unix seconds), what it depends on, and its bytes of memory."""

    answer: Answer
    until: float
    tags: frozenset[str]
    weight: int


class ResponseCache:
    """Bounded store of finished answers, the longest unused dropped first. An answer without tags is not kept.

    Attributes:
        generation: counts the invalidations; read it before an answer is made, and give it to `put`.
        weight: bytes of memory that the answers take.
    """

    def __init__(self, clock: Clock, seconds: int) -> None:
        self._clock = clock
        self._seconds = seconds
        self._entries: OrderedDict[RequestKey, _Entry] = OrderedDict()
        self._tagged: defaultdict[str, set[RequestKey]] = defaultdict(set)
        self._invalidated: OrderedDict[str, int] = OrderedDict()
        self._oldest_known = 0
        self.weight = 0
        self.generation = 0

    def get(self, key: RequestKey) -> Answer | None:
        """Returns the live answer, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.until <= self._clock.now().timestamp():
            self._remove(key)
            return None
        self._entries.move_to_end(key)
        return entry.answer

    def put(self, key: RequestKey, answer: Answer, tags: Collection[str], generation: int) -> None:
        """Keeps an answer, unless one of its tags was invalidated since `generation`, when its making began."""
        if not self._seconds or not tags or self._is_late(tags, generation):
            return
        self._remove(key)
        weight = answer.weight + _TAG_OVERHEAD * len(tags)
        self._entries[key] = _Entry(answer, self._clock.now().timestamp() + self._seconds, frozenset(tags), weight)
        for tag in tags:
            self._tagged[tag].add(key)
        self.weight += weight
        while self.weight > _LARGEST_TOTAL:
            self._remove(next(iter(self._entries)))

    def _is_late(self, tags: Collection[str], generation: int) -> bool:
        return generation < self._oldest_known or any(self._invalidated.get(tag, 0) > generation for tag in tags)

    def forget(self, tags: Sequence[str] | None) -> None:
        """Drops what depends on one of the tags, also what is being made now; with None everything."""
        self.generation += 1
        if tags is None:
            self._oldest_known = self.generation
            self._invalidated.clear()
            self._entries.clear()
            self._tagged.clear()
            self.weight = 0
            return
        for tag in tags:
            self._invalidated[tag] = self.generation
            self._invalidated.move_to_end(tag)
            for key in tuple(self._tagged.get(tag, ())):
                self._remove(key)
        while len(self._invalidated) > _MOST_REMEMBERED:
            _, self._oldest_known = self._invalidated.popitem(last=False)

    def _remove(self, key: RequestKey) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self.weight -= entry.weight
        for tag in entry.tags:
            self._tagged[tag].discard(key)
            if not self._tagged[tag]:
                del self._tagged[tag]


class ResponseCacheMiddleware:
    """Answers anonymous GET requests to public pages from the cache, and fills it.

    Only paths that start with one of `prefixes` (or equal "/") count, only requests without cookies and authorization,
    and only answers with status 200 that set no cookie. Many who ask for the same missing answer wait for one.

    When it was not kept, because it is a 404 or something changed meanwhile, one of those who waited has it made again
    for all: this one was begun after they had asked, and is theirs, kept or not, if it is the same for everybody.
    """

    def __init__(self, app: ASGIApp, cache: ResponseCache, prefixes: tuple[str, ...]) -> None:
        self._app = app
        self._cache = cache
        self._prefixes = prefixes
        self._in_making: dict[RequestKey, asyncio.Future[Answer | None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves from the cache or passes on and keeps the answer."""
        key = self._key(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        answer = self._cache.get(key) or await self._made_once(key, scope, receive)
        await answer.send(scope, send)

    async def _made_once(self, key: RequestKey, scope: Scope, receive: Receive) -> Answer:
        """Has the answer made, or waits for who has it made already."""
        has_waited = False
        while (making := self._in_making.get(key)) is not None:
            await asyncio.wait([making])
            if kept := self._cache.get(key):
                return kept
            answer = making.result()
            if answer is not None and not answer.is_for_everybody:
                break
            if answer is not None and has_waited:
                return answer
            has_waited = True
        return await self._make(key, scope, receive)

    def _key(self, scope: Scope) -> RequestKey | None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "GET":
            return None
        path, query = scope["path"], scope["query_string"]
        if (path != "/" and not path.startswith(self._prefixes)) or len(query) > _LONGEST_QUERY:
            return None
        names = [name for name, _ in scope["headers"]]
        # What comes more than once is no browser's, and who made it may hope that two of us read it differently.
        if b"cookie" in names or b"authorization" in names or any(names.count(name) > 1 for name in VARYING):
            return None
        return RequestKey(path, query, wants_fragment(scope))

    async def _make(self, key: RequestKey, scope: Scope, receive: Receive) -> Answer:
        """Has the app make the answer, keeps it when it may be kept, and hands it on to those who wait."""
        done: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._in_making.setdefault(key, done)
        handed_on: Answer | None = None
        try:
            generation = self._cache.generation
            with collected_tags() as tags:
                answer = await self._ask(scope, receive)
            if answer.is_for_everybody:
                answer.forget_asker()
            if answer.may_be_kept:
                answer.add_validator()
                self._cache.put(key, answer, tags, generation)
            if answer.status != _TOO_MANY:  # what is refused to one is still to be made for the others
                handed_on = answer
            return answer
        finally:
            if self._in_making.get(key) is done:
                del self._in_making[key]
            done.set_result(handed_on)

    async def _ask(self, scope: Scope, receive: Receive) -> Answer:
        start: HTTPResponseStartEvent | None = None
        parts: list[bytes] = []

        async def collect(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        headers = [pair for pair in scope["headers"] if pair[0] not in _NOT_TOLD]
        await self._app({**scope, "headers": headers}, receive, collect)  # type: ignore[arg-type]
        if start is None:
            raise RuntimeError("the application ended without an answer")
        return Answer(start["status"], list(start["headers"]), b"".join(parts))
