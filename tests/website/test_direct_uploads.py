"""Uploads of the studio in Chromium, of an academy whose files lie in a bucket: straight there, or else by tus."""

import hashlib
from collections.abc import Iterator

import pytest
from playwright.async_api import Page, Request, expect

from tests.academies.media import make_film
from tests.servers.academy import ServedAcademy
from tests.simulators.gcs import BUCKET, Gcs, running_gcs
from tests.website.conftest import Visitor
from tests.website.studio import drop, open_course, served_studio, sign_in, signed_in_api

READY_MS = 60_000


@pytest.fixture(scope="module")
def gcs() -> Iterator[Gcs]:
    with running_gcs() as bucket:
        yield bucket


@pytest.fixture(scope="module")
def served(gcs: Gcs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedAcademy]:
    home = tmp_path_factory.mktemp("direct") / "home"
    with served_studio(
        home,
        STORAGE_PROVIDER="gcs",
        GCS_BUCKET=BUCKET,
        GCS_CREDENTIALS=gcs.account_key,
        GCS_ENDPOINT=gcs.url,
        CONVERSION_CONCURRENCY="0",
    ) as academy:
        yield academy


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4")


async def requests_of_an_upload(page: Page, served: ServedAcademy, name: str, content: bytes) -> list[Request]:
    """Drops a film on a lesson and waits until its page shows it; returns what the page sent meanwhile."""
    await open_course(page, served, name)
    await page.get_by_role("link", name="Why", exact=True).click()
    await page.wait_for_url("**/lessons/*")
    sent: list[Request] = []

    def note(request: Request) -> None:
        sent.append(request)

    page.on("request", note)
    await drop(page.locator("#media [data-dropzone]"), f"{name}.mp4", "video/mp4", content)
    await expect(page.locator("#media video")).to_be_visible(timeout=READY_MS)
    with signed_in_api(served) as api:
        (video,) = [one for one in api.get("videos").json()["items"] if one["file_name"] == f"{name}.mp4"]
    assert video["sha256"] == hashlib.sha256(content).hexdigest()
    return sent


async def test_a_film_goes_straight_to_the_bucket(
    visitor: Visitor, served: ServedAcademy, gcs: Gcs, film: bytes
) -> None:
    gcs.cors_origin = served.url
    page = await visitor(served.url)
    await sign_in(page)
    sent = await requests_of_an_upload(page, served, "straight", film)
    forms = [one for one in sent if one.method == "POST" and one.url.startswith(gcs.url)]
    assert len(forms) == 1
    assert [one.method for one in sent if one.method in {"PATCH", "HEAD"}] == [], "nothing passed through the academy"


async def test_where_the_bucket_takes_no_forms_it_goes_by_tus(
    visitor: Visitor, served: ServedAcademy, gcs: Gcs, film: bytes
) -> None:
    gcs.cors_origin = ""
    page = await visitor(served.url, forgive=["CORS policy", "net::ERR_FAILED"])
    await sign_in(page)
    sent = await requests_of_an_upload(page, served, "around", film)
    assert "PATCH" in {one.method for one in sent}


async def test_a_refused_file_says_why(visitor: Visitor, served: ServedAcademy, gcs: Gcs) -> None:
    gcs.cors_origin = served.url
    page = await visitor(served.url, forgive=["status of 422"])
    await sign_in(page)
    await open_course(page, served, "refused")
    await page.get_by_role("link", name="Why", exact=True).click()
    await page.wait_for_url("**/lessons/*")
    await drop(page.locator("#media [data-dropzone]"), "lie.mp4", "video/mp4", b"MZ" + bytes(5000))
    await expect(page.locator("#media [data-state]")).to_contain_text("its content is something else")
    assert [key for key in gcs.objects if key.startswith("uploads/")] == []
