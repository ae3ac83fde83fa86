"""`/media/` sends people on to the bucket: only those who may, for as long as they may, and to nothing else."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from litestar import Litestar

from academy.features.videos.addresses import MediaAddresses
from academy.features.videos.delivery import media_handler
from academy.features.videos.kinds import PUBLIC
from academy.infrastructure.storage.base import Storage
from academy.infrastructure.storage.signing import UrlSigner
from academy.kit.clock import SystemClock
from tests.contracts.storage.places import gcs_place
from tests.simulators.gcs import Fault, Gcs, running_gcs

CONTENT = bytes(range(256)) * 40
VIDEO, COVER, PDF = "videos/1/original.mp4", f"{PUBLIC}images/1.webp", "files/1/file.pdf"
HOLD = 6 * 3600
CDN = "https://cdn.example.com/academy"


class Site:
    """The delivery over a bucket."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.signer = UrlSigner(b"a secret of more than sixteen bytes", SystemClock())

    async def fill(self) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield CONTENT

        for key in (VIDEO, COVER, PDF):
            await self.storage.upload(key, chunks(), limit=len(CONTENT), content_type="x/y")

    def url(self, key: str, name: str = "") -> str:
        return MediaAddresses(self.signer, HOLD).file_url(key, name)

    async def get(self, url: str, method: str = "GET", cdn: str = "") -> httpx.Response:
        app = Litestar([media_handler(self.storage, self.signer, cdn)], openapi_config=None)
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://academy.test") as client:
            return await client.request(method, url)

    async def follow(self, url: str, **headers: str) -> httpx.Response:
        answer = await self.get(url)
        assert answer.status_code == 302
        async with httpx.AsyncClient() as client:
            return await client.get(answer.headers["location"], headers=headers)


@pytest.fixture(scope="module")
def gcs() -> Iterator[Gcs]:
    with running_gcs() as gcs:
        yield gcs


@pytest.fixture
async def site(gcs: Gcs) -> Site:
    site = Site(gcs_place(gcs).storage)
    await site.fill()
    return site


async def test_who_may_have_a_file_is_sent_to_the_bucket(site: Site, gcs: Gcs) -> None:
    answer = await site.get(site.url(VIDEO))
    assert answer.status_code == 302
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["location"].startswith(f"{gcs.url}/{gcs.bucket}/{VIDEO}?")
    seconds = int(dict(parse_qsl(urlsplit(answer.headers["location"]).query))["X-Goog-Expires"])
    assert HOLD - 60 <= seconds <= HOLD, "no longer than the address that led here"
    reached = await site.follow(site.url(VIDEO))
    assert (reached.status_code, reached.content) == (200, CONTENT)
    assert reached.headers["content-type"] == "video/mp4"
    part = await site.follow(site.url(VIDEO), Range="bytes=100-199")
    assert (part.status_code, part.content) == (206, CONTENT[100:200])


async def test_the_longest_hold_that_may_be_set_can_be_passed_on(site: Site) -> None:
    query = site.signer.sign(f"/media/{VIDEO}", timedelta(days=7))
    assert (await site.follow(f"/media/{VIDEO}?{query}")).content == CONTENT


async def test_a_document_is_saved_under_its_name(site: Site) -> None:
    reached = await site.follow(site.url(PDF, "पाठ & 1.pdf"))
    assert reached.headers["content-type"] == "application/pdf"
    assert reached.headers["content-disposition"] == (
        "attachment; filename*=utf-8''%E0%A4%AA%E0%A4%BE%E0%A4%A0%20%26%201.pdf"
    )


async def test_who_may_not_is_not_sent_anywhere(site: Site) -> None:
    ended = UrlSigner(b"a secret of more than sixteen bytes", SystemClock()).sign(
        f"/media/{VIDEO}", timedelta(seconds=-5)
    )
    signed = site.url(VIDEO)
    for url in (f"/media/{VIDEO}", f"/media/{VIDEO}?{ended}", signed[:-1] + "x", signed.replace(VIDEO, PDF)):
        answer = await site.get(url)
        assert answer.status_code == 403
        assert "location" not in answer.headers


async def test_public_files_are_sent_on_for_a_while(site: Site) -> None:
    answer = await site.get(f"/media/{COVER}")
    seconds = int(dict(parse_qsl(urlsplit(answer.headers["location"]).query))["X-Goog-Expires"])
    remembered = int(answer.headers["cache-control"].removeprefix("public, max-age="))
    assert 0 < remembered < seconds, "what is remembered has to hold"
    reached = await site.follow(f"/media/{COVER}")
    assert (reached.content, reached.headers["content-type"]) == (CONTENT, "image/webp")


async def test_a_delivery_network_shows_what_is_public_and_nothing_else(site: Site) -> None:
    answer = await site.get(f"/media/{COVER}", cdn=CDN)
    assert (answer.status_code, answer.headers["location"]) == (302, f"{CDN}/{COVER}")
    answer = await site.get(site.url(VIDEO), cdn=CDN)
    assert answer.headers["location"].startswith(f"{site.storage.address}/")


@pytest.mark.parametrize("key", [VIDEO, COVER, PDF])
async def test_head_is_answered_here(site: Site, key: str) -> None:
    answer = await site.get(site.url(key), "HEAD")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["accept-ranges"] == "bytes"
    assert (await site.get(site.url(key).replace("1", "9", 1) if key == COVER else f"/media/{key}", "HEAD")).is_error


@pytest.mark.parametrize("key", ["", "../secret", "a//b", "A", "a%00b", "a b", f"{PUBLIC}../videos/1/original.mp4"])
async def test_no_key_leads_out_of_the_bucket(site: Site, key: str) -> None:
    signature = site.signer.sign(f"/media/{key}", timedelta(hours=1))
    answer = await site.get(f"/media/{key}?{signature}")
    assert answer.status_code in {403, 404}
    assert "location" not in answer.headers


async def test_a_bucket_that_is_away_is_told(site: Site, gcs: Gcs) -> None:
    gcs.fault = Fault.DENIED
    answer = await site.get(site.url(VIDEO), "HEAD")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert "GCS" not in answer.text
    assert (await site.get(site.url(VIDEO))).status_code == 302, "an address is made without asking the bucket"
