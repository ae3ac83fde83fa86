"""`/media/` keeps the rules of HTTP for files: ranges, validators, signatures, headers (RFC 9110)."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar import Litestar
from litestar.types import HTTPSendMessage

from academy.features.videos.addresses import MediaAddresses
from academy.features.videos.delivery import MediaDelivery, media_handler
from academy.features.videos.kinds import PUBLIC
from academy.infrastructure.storage.local import LocalStorage
from academy.infrastructure.storage.signing import UrlSigner

SECRET = b"a secret of more than sixteen bytes"
CONTENT = bytes(range(256)) * 40 + b"tail"
VIDEO, COVER, PDF = "videos/1/original.mp4", f"{PUBLIC}images/1.webp", "files/1/file.pdf"


class SetClock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 23, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


class Site:
    """The delivery over a real storage, with signed addresses at hand."""

    def __init__(self, root: Path) -> None:
        self.clock = SetClock()
        self.storage = LocalStorage(root)
        self.signer = UrlSigner(SECRET, self.clock)

    async def fill(self) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield CONTENT

        await self.storage.initialize()
        for key in (VIDEO, COVER, PDF):
            await self.storage.upload(key, chunks(), limit=len(CONTENT), content_type="x/y")

    def url(self, key: str, name: str = "") -> str:
        return MediaAddresses(self.signer, 6 * 3600).file_url(key, name)

    def client(self) -> httpx.AsyncClient:
        app = Litestar([media_handler(self.storage, self.signer)], openapi_config=None)
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://academy.test")  # type: ignore[arg-type]

    async def get(self, url: str, method: str = "GET", **headers: str) -> httpx.Response:
        async with self.client() as client:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, url, headers=named)


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    await site.fill()
    return site


async def test_a_whole_file(site: Site) -> None:
    answer = await site.get(site.url(VIDEO))
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"].startswith("private")
    assert "content-disposition" not in answer.headers


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=100-", 100, len(CONTENT) - 1),
        ("bytes=-4", len(CONTENT) - 4, len(CONTENT) - 1),
        ("bytes=0-", 0, len(CONTENT) - 1),
        ("bytes=10-99999999", 10, len(CONTENT) - 1),
    ],
)
async def test_one_range(site: Site, header: str, first: int, last: int) -> None:
    answer = await site.get(site.url(VIDEO), range=header)
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert answer.headers["content-length"] == str(last - first + 1)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.content == CONTENT[first : last + 1]


async def test_several_ranges(site: Site) -> None:
    answer = await site.get(site.url(VIDEO), range="bytes=0-1, 300-309, -2")
    assert answer.status_code == 206
    boundary = answer.headers["content-type"].removeprefix("multipart/byteranges; boundary=")
    parts = answer.content.split(f"--{boundary}".encode())
    assert [part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n") for part in parts[1:-1]] == [
        CONTENT[0:2],
        CONTENT[300:310],
        CONTENT[-2:],
    ]
    assert parts[-1] == b"--"


@pytest.mark.parametrize("header", ["bytes=999999-", "bytes=-0", "bytes=999999-1000000, 888888-"])
async def test_unsatisfiable(site: Site, header: str) -> None:
    answer = await site.get(site.url(VIDEO), range=header)
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"


@pytest.mark.parametrize("header", ["items=0-1", "bytes=5-4", "bytes=x", "bytes=" + "0-0," * 50 + "1-1"])
async def test_ignored_ranges(site: Site, header: str) -> None:
    answer = await site.get(site.url(VIDEO), range=header)
    assert (answer.status_code, answer.content) == (200, CONTENT)


async def test_head(site: Site) -> None:
    answer = await site.get(site.url(VIDEO), "HEAD", range="bytes=0-9")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(CONTENT))


async def test_validators(site: Site) -> None:
    url = site.url(VIDEO)
    whole = await site.get(url)
    etag, modified = whole.headers["etag"], whole.headers["last-modified"]
    for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        fresh = await site.get(url, if_none_match=known)
        assert (fresh.status_code, fresh.content, fresh.headers["etag"]) == (304, b"", etag)
    assert (await site.get(url, if_none_match='"other"')).status_code == 200
    for condition, status in ((etag, 206), (modified, 206), ('"other"', 200), (f"W/{etag}", 200)):
        for wanted in ("bytes=0-1", "bytes=0-"):
            assert (await site.get(url, range=wanted, if_range=condition)).status_code == status

    async def other() -> AsyncIterator[bytes]:
        yield b"new content"

    await site.storage.upload(VIDEO, other(), limit=100, content_type="x/y")
    changed = await site.get(url, range="bytes=0-1", if_range=etag)
    assert (changed.status_code, changed.content) == (200, b"new content")


async def test_only_signed_addresses_lead_to_private_files(site: Site) -> None:
    url = site.url(VIDEO)
    signature = url.partition("?")[2]
    tampered = url[:-1] + ("0" if url[-1] != "0" else "1")
    many_fields = f"/media/{VIDEO}?{'&'.join(f'a{number}=b' for number in range(30))}&{signature}"
    for wrong in (f"/media/{VIDEO}", f"/media/{PDF}?{signature}", tampered, many_fields):
        answer = await site.get(wrong)
        assert answer.status_code == 403
        assert answer.headers["cache-control"] == "no-store"
    site.clock.moment += timedelta(hours=7)
    assert (await site.get(url)).status_code == 403


async def test_public_files_are_for_everybody_and_for_ever(site: Site) -> None:
    answer = await site.get(site.url(COVER))
    assert site.url(COVER) == f"/media/{COVER}"
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_documents_are_downloads_that_cannot_act(site: Site) -> None:
    url = site.url(PDF, 'Plan "A"; ₹ पाठ.pdf')
    answer = await site.get(url)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    disposition = answer.headers["content-disposition"]
    assert disposition == "attachment; filename*=utf-8''Plan%20%22A%22%3B%20%E2%82%B9%20%E0%A4%AA%E0%A4%BE%E0%A4%A0.pdf"
    assert (await site.get(re.sub("name=[^&]*", "name=evil.exe", url))).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "",
        "public/",
        "public/../videos/1/original.mp4",
        "public/%2e%2e/videos/1/original.mp4",
        "public//etc/passwd",
        "public/.incoming/x",
        "public/images",
        "public/a%00b",
        "public/images/none.webp",
        "public/images/1.webp/x",
    ],
)
async def test_no_way_around(site: Site, path: str) -> None:
    async with site.client() as client:
        request = client.build_request("GET", "http://academy.test/media/x")
        request.url = request.url.copy_with(raw_path=f"/media/{path}".encode())
        answer = await client.send(request)
    assert answer.status_code in {403, 404}
    assert CONTENT not in answer.content


async def test_other_methods(site: Site) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = await site.get(site.url(COVER), method)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("wanted", [None, b"bytes=0-"])
async def test_whole_files_are_left_to_the_server(site: Site, wanted: bytes | None) -> None:
    sent: list[dict[str, object]] = []

    async def send(message: HTTPSendMessage) -> None:
        sent.append(dict(message))

    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/media/{COVER}",
        "query_string": b"",
        "headers": [(b"range", wanted)] if wanted else [],
        "extensions": {"http.response.pathsend": {}},
    }
    await MediaDelivery(site.storage, site.signer)(scope, receive, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == (206 if wanted else 200)
    assert sent[1] == {"type": "http.response.pathsend", "path": str(site.storage.local_path(COVER))}


RANGES = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 12_000), st.integers(0, 12_000)).map(lambda ends: f"{ends[0]}-{ends[1]}"),
        st.integers(0, 12_000).map(lambda first: f"{first}-"),
        st.integers(0, 12_000).map(lambda length: f"-{length}"),
        st.text("0123456789-, x", max_size=8),
    ),
    min_size=1,
    max_size=5,
).map(lambda parts: "bytes=" + ",".join(parts))


@settings(max_examples=150, deadline=None)
@given(RANGES)
def test_any_range_is_answered_with_the_right_bytes(tmp_path_factory: pytest.TempPathFactory, header: str) -> None:
    async def check() -> None:
        site = Site(tmp_path_factory.getbasetemp() / "any-range")
        if not (tmp_path_factory.getbasetemp() / "any-range" / VIDEO).exists():
            await site.fill()
        answer = await site.get(site.url(VIDEO), range=header)
        assert answer.status_code in {200, 206, 416}
        if answer.status_code == 200:
            assert answer.content == CONTENT
        if answer.status_code == 206:
            assert int(answer.headers["content-length"]) == len(answer.content)
            check_parts(answer)

    asyncio.run(check())


def check_parts(answer: httpx.Response) -> None:
    if "content-range" in answer.headers:
        first, last = spans(answer.headers["content-range"])
        assert answer.content == CONTENT[first : last + 1]
        return
    boundary = answer.headers["content-type"].removeprefix("multipart/byteranges; boundary=")
    for part in answer.content.split(f"--{boundary}".encode())[1:-1]:
        head, content = part.split(b"\r\n\r\n", 1)
        first, last = spans(head.decode())
        assert content == CONTENT[first : last + 1] + b"\r\n"


def spans(content_range: str) -> tuple[int, int]:
    found = re.search(rf"bytes (\d+)-(\d+)/{len(CONTENT)}", content_range)
    assert found
    return int(found[1]), int(found[2])
