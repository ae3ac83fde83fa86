import asyncio
import gzip
from typing import Any

import brotli
import pytest
from litestar.types import ASGIApp

from academy.infrastructure.cache.dependencies import depends_on
from academy.web.response_cache import Answer, RequestKey, ResponseCache, ResponseCacheMiddleware
from tests.academies.in_process import MovedClock
from tests.unit.web.asgi import FixedApp, Reply, ask

LONG = b"<p>a course about courses</p>" * 200
SECONDS = 5


class CachedApp(ResponseCacheMiddleware):
    """A fixed app behind a cache."""

    def __init__(self, app: FixedApp, seconds: int = SECONDS) -> None:
        self.clock = MovedClock()
        self.store = ResponseCache(self.clock, seconds)
        super().__init__(app, self.store, ("/courses",))


async def test_the_second_request_is_answered_from_memory() -> None:
    app = FixedApp(LONG)
    cached = CachedApp(app)
    first, second = await ask(cached, "/courses"), await ask(cached, "/courses")
    assert len(app.requests) == 1
    assert first == second
    assert second.body == LONG
    assert second.headers["etag"].startswith('W/"')


async def test_each_client_gets_the_encoding_it_takes_whoever_asked_first() -> None:
    app = FixedApp(LONG)
    cached = CachedApp(app)
    by_brotli = await ask(cached, "/courses", accept_encoding="br, gzip")
    plain = await ask(cached, "/courses")
    refusing = await ask(cached, "/courses", accept_encoding="br;q=0, gzip;q=0")
    by_gzip = await ask(cached, "/courses", accept_encoding="gzip")
    assert len(app.requests) == 1
    assert brotli.decompress(by_brotli.body) == LONG
    assert by_brotli.headers["content-encoding"] == "br"
    assert gzip.decompress(by_gzip.body) == LONG
    assert by_gzip.headers["content-encoding"] == "gzip"
    for reply in (plain, refusing):
        assert reply.body == LONG
        assert "content-encoding" not in reply.headers
    for reply in (by_brotli, by_gzip, plain):
        assert int(reply.headers["content-length"]) == len(reply.body)
        assert reply.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("known", ["{tag}", '"other", {tag}', "{strong}", "*"])
async def test_who_has_the_answer_is_told_so(known: str) -> None:
    cached = CachedApp(FixedApp(LONG, headers={"content-type": "text/html", "vary": "Cookie"}))
    first = await ask(cached, "/courses")
    tag = first.headers["etag"]
    again = await ask(cached, "/courses", if_none_match=known.format(tag=tag, strong=tag.removeprefix("W/")))
    assert again.status == 304
    assert again.body == b""
    assert again.headers == {"etag": tag, "cache-control": "no-cache", "vary": "Cookie, Accept-Encoding"}
    assert (await ask(cached, "/courses", if_none_match='"other"')).status == 200


async def test_an_entity_tag_of_the_maker_stays_and_proves_nothing() -> None:
    cached = CachedApp(FixedApp(b'{"revision": 3}', headers={"content-type": "application/json", "etag": '"3"'}))
    reply = await ask(cached, "/courses/x")
    assert reply.headers["etag"] == '"3"'
    assert (await ask(cached, "/courses/x", if_none_match='"3"')).status == 200


@pytest.mark.parametrize(
    "request_",
    [
        {"path": "/login"},
        {"path": "/courses", "method": "POST"},
        {"path": "/courses", "cookie": "academy_session=x"},
        {"path": "/courses", "authorization": "Bearer x"},
        {"path": "/courses", "query": "q=" + "x" * 400},
    ],
    ids=["not public", "unsafe", "cookie", "token", "endless query"],
)
async def test_what_may_be_personal_is_never_kept(request_: dict[str, str]) -> None:
    app = FixedApp(LONG)
    cached = CachedApp(app)
    await ask(cached, **request_)
    await ask(cached, **request_)
    assert len(app.requests) == 2


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {"set-cookie": "a=b"}),
        (200, {"cache-control": "private, no-store"}),
        (404, {}),
        (500, {}),
        (303, {"location": "/login"}),
    ],
)
async def test_an_answer_for_one_visitor_or_moment_is_not_kept(status: int, headers: dict[str, str]) -> None:
    app = FixedApp(LONG, status=status, headers={"content-type": "text/html", **headers})
    cached = CachedApp(app)
    await ask(cached, "/courses")
    reply = await ask(cached, "/courses", accept_encoding="br")
    assert len(app.requests) == 2
    assert reply.status == status
    assert brotli.decompress(reply.body) == LONG


async def test_requests_that_differ_have_different_answers() -> None:
    app = FixedApp(LONG)
    cached = CachedApp(app)
    await ask(cached, "/courses")
    await ask(cached, "/courses", query="q=python")
    await ask(cached, "/courses/python")
    await ask(cached, "/courses?q=python")
    await ask(cached, "/courses", hx_request="true")
    assert len(app.requests) == 5
    await ask(cached, "/courses", hx_request="true", hx_boosted="true")
    await ask(cached, "/courses", hx_request="true", hx_history_restore_request="true")
    await ask(cached, "/courses", hx_request="whatever")
    assert len(app.requests) == 5, "htmx that asks for the whole page gets the whole page"


def _with_two(name: bytes, app: Any) -> ASGIApp:
    """An app that is asked with a header given twice."""

    async def asked(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "headers": [*scope["headers"], (name, b"false"), (name, b"true")]}, receive, send)

    return asked


@pytest.mark.parametrize("name", [b"hx-request", b"hx-boosted"])
async def test_what_is_asked_in_two_ways_at_once_is_neither_kept_nor_answered_from_memory(name: bytes) -> None:
    """Who reads the first of two headers, and who reads the last, would keep one's answer for the other's question."""
    app = FixedApp(LONG)
    cached = CachedApp(app)
    await ask(cached, "/courses", hx_request="true")
    await ask(cached, "/courses")
    kept = cached.store.weight
    for _ in range(2):
        assert (await ask(_with_two(name, cached), "/courses")).body == LONG
    assert (len(app.requests), cached.store.weight) == (4, kept)


async def test_an_answer_is_forgotten_after_its_time() -> None:
    app = FixedApp(LONG)
    cached = CachedApp(app)
    await ask(cached, "/courses")
    cached.clock.move(seconds=SECONDS - 1)
    await ask(cached, "/courses")
    assert len(app.requests) == 1
    cached.clock.move(seconds=2)
    await ask(cached, "/courses")
    assert len(app.requests) == 2


async def test_no_lifetime_means_no_cache() -> None:
    app = FixedApp(LONG)
    cached = CachedApp(app, seconds=0)
    await ask(cached, "/courses")
    await ask(cached, "/courses")
    assert len(app.requests) == 2


def key(path: str) -> RequestKey:
    return RequestKey(path, b"", fragment=False)


OLD = Answer(200, [], b"old")


async def test_an_answer_is_dropped_with_each_of_its_tags_and_no_other() -> None:
    app = FixedApp(LONG, tags=["bread", "lists"])
    cached = CachedApp(app)
    await ask(cached, "/courses/bread")
    cached.store.forget(["cheese"])
    await ask(cached, "/courses/bread")
    assert len(app.requests) == 1
    for number, tag in enumerate(("bread", "lists"), start=2):
        cached.store.forget(["cheese", tag])
        await ask(cached, "/courses/bread")
        assert len(app.requests) == number
    cached.store.forget(None)
    assert cached.store.weight == 0
    await ask(cached, "/courses/bread")
    assert len(app.requests) == 4


async def test_an_answer_that_depends_on_nothing_known_is_not_kept() -> None:
    app = FixedApp(LONG, tags=())
    cached = CachedApp(app)
    await ask(cached, "/courses")
    await ask(cached, "/courses")
    assert len(app.requests) == 2


def test_what_was_begun_before_a_change_is_kept_only_if_the_change_is_none_of_its_own() -> None:
    store = ResponseCache(MovedClock(), SECONDS)
    begun = store.generation
    store.forget(["bread"])
    store.put(key("/bread"), OLD, ["bread", "lists"], begun)
    store.put(key("/cheese"), OLD, ["cheese"], begun)
    assert (store.get(key("/bread")), store.get(key("/cheese"))) == (None, OLD)
    store.put(key("/bread"), OLD, ["bread"], store.generation)
    assert store.get(key("/bread")) is OLD
    begun = store.generation
    store.forget(None)
    store.put(key("/cheese"), OLD, ["cheese"], begun)
    assert store.get(key("/cheese")) is None


def test_more_changes_than_are_remembered_let_nothing_old_in() -> None:
    store = ResponseCache(MovedClock(), SECONDS)
    begun = store.generation
    store.forget(["bread"])
    for number in range(10_001):
        store.forget([f"course:{number}"])
    store.put(key("/bread"), OLD, ["bread"], begun)
    assert store.get(key("/bread")) is None
    store.put(key("/bread"), OLD, ["bread"], store.generation)
    assert store.get(key("/bread")) is OLD


class SlowApp(FixedApp):
    """Waits with its answers until it is let go."""

    def __init__(self, *pieces: bytes, **rest: Any) -> None:
        super().__init__(*pieces, **rest)
        self.may_answer = asyncio.Event()
        self.is_asked = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.is_asked.set()
        await self.may_answer.wait()
        await super().__call__(scope, receive, send)


async def many(cached: CachedApp, app: SlowApp) -> list[Reply]:
    """Asks for one page twenty times while it is being made."""
    first = asyncio.create_task(ask(cached, "/courses"))
    await app.is_asked.wait()
    others = [asyncio.create_task(ask(cached, "/courses", accept_encoding="br")) for _ in range(19)]
    await asyncio.sleep(0)
    app.may_answer.set()
    return await asyncio.gather(first, *others)


async def test_many_who_ask_at_once_wait_for_one_answer() -> None:
    app = SlowApp(LONG)
    replies = await many(CachedApp(app), app)
    assert len(app.requests) == 1
    assert [reply.status for reply in replies] == [200] * 20


async def test_nobody_gets_the_answer_of_another_when_it_may_not_be_shared() -> None:
    app = SlowApp(LONG, headers={"content-type": "text/html", "set-cookie": "a=b"})
    await many(CachedApp(app), app)
    assert len(app.requests) == 20


class ChangingApp(FixedApp):
    """While it makes its first answers, what they show is changed. Answers with the number of the making."""

    def __init__(self, changes: int, *, status: int = 200) -> None:
        super().__init__(status=status)
        self.cached = CachedApp(self)
        self._changes = changes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        number = len(self.requests) + 1
        await asyncio.sleep(0.02)
        if number <= self._changes:
            self.cached.store.forget(["everything"])
        self.pieces = (f"making {number}".encode(),)
        await super().__call__(scope, receive, send)


@pytest.mark.parametrize(("changes", "makings"), [(0, 1), (1, 2), (9, 2)])
async def test_a_change_while_many_wait_lets_one_of_them_make_it_again(changes: int, makings: int) -> None:
    app = ChangingApp(changes)
    replies = await asyncio.gather(*(ask(app.cached, "/courses") for _ in range(200)))
    assert len(app.requests) == makings
    assert [reply.body for reply in replies] == [b"making 1"] + [f"making {makings}".encode()] * 199


@pytest.mark.parametrize("status", [404, 503])
async def test_many_who_wait_share_an_answer_that_is_not_kept(status: int) -> None:
    app = ChangingApp(0, status=status)
    replies = await asyncio.gather(*(ask(app.cached, "/courses") for _ in range(200)))
    assert len(app.requests) == 2
    assert {reply.status for reply in replies} == {status}


async def test_where_one_came_from_is_not_in_what_many_may_get() -> None:
    app = FixedApp(LONG, status=404)
    await ask(CachedApp(app), "/courses", referer="http://academy.test/verify?email=asha@example.com")
    assert [name for name, _ in app.requests[0]["headers"]] == []


async def test_who_asks_after_a_change_never_gets_what_was_begun_before_it() -> None:
    app = SlowApp(LONG, tags=(), status=404)
    cached = CachedApp(app)
    first = asyncio.create_task(ask(cached, "/courses"))
    await app.is_asked.wait()
    after = asyncio.create_task(ask(cached, "/courses"))
    await asyncio.sleep(0)
    app.may_answer.set()
    assert (await first).status == 404
    app.status = 200
    assert (await after).status == 200


async def test_what_is_refused_to_one_is_made_for_the_others() -> None:
    made: list[str] = []

    async def limited(scope: Any, receive: Any, send: Any) -> None:
        made.append(scope["client"])
        await asyncio.sleep(0.01)
        depends_on("everything")
        refused = scope["client"] == "greedy"
        headers = [
            (b"content-type", b"text/html"),
            (b"ratelimit", scope["client"].encode()),
            (b"ratelimit-policy", b"p"),
        ]
        await send({"type": "http.response.start", "status": 429 if refused else 200, "headers": headers})
        await send({"type": "http.response.body", "body": LONG})

    cached = ResponseCacheMiddleware(limited, ResponseCache(MovedClock(), SECONDS), ("/courses",))

    async def of(client: str) -> Reply:
        async def named(scope: Any, receive: Any, send: Any) -> None:
            asked: Any = {**scope, "client": client}
            await cached(asked, receive, send)

        return await ask(named, "/courses")

    greedy, *others = await asyncio.gather(of("greedy"), *(of(f"guest{number}") for number in range(50)))
    assert made == ["greedy", "guest0"]
    assert (greedy.status, greedy.headers["ratelimit"]) == (429, "greedy")
    for reply in [*others, await of("later")]:
        assert reply.status == 200
        assert not [name for name in reply.headers if name.startswith("ratelimit")]


async def test_who_waits_is_answered_when_the_first_goes_away() -> None:
    app = SlowApp(LONG)
    cached = CachedApp(app)
    first = asyncio.create_task(ask(cached, "/courses"))
    await app.is_asked.wait()
    second = asyncio.create_task(ask(cached, "/courses"))
    await asyncio.sleep(0)
    first.cancel()
    app.may_answer.set()
    assert (await second).body == LONG


async def test_a_failure_leaves_nothing_behind() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("no answer today")

    cached = ResponseCacheMiddleware(broken, ResponseCache(MovedClock(), SECONDS), ("/courses",))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no answer today"):
            await ask(cached, "/courses")


async def test_memory_is_bounded_by_bodies_and_by_number() -> None:
    large = CachedApp(FixedApp(b"x" * 1_000_000))
    for number in range(40):
        await ask(large, f"/courses/{number}")
    assert large.store.weight <= 24 << 20
    small = CachedApp(FixedApp(b"{}"))
    for number in range(8_000):
        await ask(small, "/courses", query=f"q={number}")
    assert small.store.weight <= 24 << 20
    assert small.store.get(RequestKey("/courses", b"q=0", fragment=False)) is None
    assert small.store.get(RequestKey("/courses", b"q=7999", fragment=False)) is not None


async def test_an_enormous_answer_is_not_kept() -> None:
    app = FixedApp(b"x" * ((1 << 20) + 1))
    cached = CachedApp(app)
    await ask(cached, "/courses")
    await ask(cached, "/courses")
    assert len(app.requests) == 2
