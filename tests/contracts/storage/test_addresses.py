"""What browsers get from a bucket, and send to it, without the academy in between."""

import re
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from academy.infrastructure.storage.base import Storage, StorageUnavailable, UploadForm
from academy.infrastructure.storage.factory import make_storage
from academy.infrastructure.storage.settings import GcsSettings, S3Settings, StorageSettings
from tests.contracts.storage.places import BUCKETS, gcs_place, s3_storage
from tests.servers.moto import ACCESS_KEY_ID, REGION, Moto
from tests.simulators.gcs import Gcs
from tests.simulators.local_server import Answer, Request, running

HOUR = timedelta(hours=1)
CONTENT = b"the bytes of a film"
in_buckets = pytest.mark.parametrize("place", BUCKETS, indirect=True)
"""moto takes every signature; the simulator of Google's checks them."""
where_signatures_count = pytest.mark.parametrize("place", ["gcs"], indirect=True)


async def put(storage: Storage, key: str, content_type: str = "x/y") -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield CONTENT

    await storage.upload(key, chunks(), limit=100, content_type=content_type)


async def url_of(storage: Storage, key: str, hold: timedelta = HOUR, **answer: str) -> str:
    url = await storage.get_file_url(key, expires_in=hold, **answer)
    assert url is not None
    return url


async def list_files(storage: Storage, prefix: str) -> None:
    await storage.list_files(prefix)


async def form_of(storage: Storage, key: str, limit: int = 100, hold: timedelta = HOUR) -> UploadForm:
    form = await storage.upload_form(key, content_type="video/mp4", limit=limit, expires_in=hold)
    assert form is not None
    return form


async def get(url: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(url, headers=headers)


async def post(form: UploadForm, content: bytes = CONTENT, changed: Mapping[str, str] | None = None) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(form.url, data={**form.fields, **(changed or {})}, files={"file": ("a.mp4", content)})


@in_buckets
async def test_an_address_reads_the_object_from_the_bucket(storage: Storage) -> None:
    await put(storage, "videos/1/a.mp4", "video/mp4")
    url = await url_of(storage, "videos/1/a.mp4")
    assert url.startswith(f"{storage.address}/videos/1/a.mp4?")
    answer = await get(url)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == "video/mp4"
    part = await get(url, Range="bytes=4-8")
    assert (part.status_code, part.content) == (206, b"bytes")
    assert part.headers["content-range"] == f"bytes 4-8/{len(CONTENT)}"


@in_buckets
async def test_an_address_says_how_the_bucket_answers(storage: Storage) -> None:
    await put(storage, "files/1/file.pdf")
    disposition = "attachment; filename*=utf-8''%E0%A4%AA%E0%A4%BE%E0%A4%A0%20%26%201.pdf"
    url = await url_of(storage, "files/1/file.pdf", content_type="application/pdf", disposition=disposition)
    answer = await get(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == disposition


@where_signatures_count
async def test_a_changed_address_is_refused(storage: Storage) -> None:
    await put(storage, "a")
    await put(storage, "b")
    url = await url_of(storage, "a", content_type="text/plain")
    for changed in (
        url.replace("/a?", "/b?"),
        url.replace("text%2Fplain", "text%2Fhtml"),
        url.replace("Expires=3600", "Expires=7200"),
        url + "&response-content-disposition=inline",
    ):
        assert changed != url
        assert (await get(changed)).status_code == 403
    async with httpx.AsyncClient() as client:
        assert (await client.delete(url)).status_code == 403
    assert (await get(url)).status_code == 200


@where_signatures_count
async def test_an_address_ends(storage: Storage) -> None:
    await put(storage, "a")
    assert (await get(await url_of(storage, "a", timedelta(seconds=-1)))).status_code == 400


@in_buckets
async def test_a_form_stores_one_file(storage: Storage) -> None:
    answer = await post(await form_of(storage, "in/1.mp4"))
    assert answer.status_code == 204
    assert b"".join([chunk async for chunk in storage.read("in/1.mp4")]) == CONTENT
    assert (await get(await url_of(storage, "in/1.mp4"))).headers["content-type"] == "video/mp4"


@where_signatures_count
@pytest.mark.parametrize(
    ("changed", "content", "status"),
    [
        ({"key": "in/2.mp4"}, CONTENT, 403),
        ({"Content-Type": "text/html"}, CONTENT, 403),
        ({"x-goog-meta-more": "field"}, CONTENT, 403),
        ({"x-goog-signature": "00"}, CONTENT, 403),
        ({}, b"x" * 101, 400),
        ({}, b"", 400),
    ],
    ids=["key", "type", "another field", "signature", "too large", "empty"],
)
async def test_a_form_takes_nothing_else(
    storage: Storage, changed: dict[str, str], content: bytes, status: int
) -> None:
    assert (await post(await form_of(storage, "in/1.mp4", limit=100), content, changed)).status_code == status
    assert await storage.list_files() == []


@where_signatures_count
async def test_a_form_ends(storage: Storage) -> None:
    assert (await post(await form_of(storage, "in/1.mp4", hold=timedelta(seconds=-1)))).status_code == 400


@pytest.mark.parametrize("place", ["memory", "local"], indirect=True)
async def test_what_is_in_no_bucket_has_no_address(storage: Storage) -> None:
    await put(storage, "a")
    assert storage.address == ""
    assert await storage.get_file_url("a", expires_in=HOUR) is None
    assert await storage.upload_form("a", content_type="x/y", limit=1, expires_in=HOUR) is None


async def test_no_key_leads_elsewhere(storage: Storage) -> None:
    for key in ("../other-bucket/a", "a?b", "a#b", "A", "a b"):
        with pytest.raises(ValueError, match="not a storage key"):
            await storage.get_file_url(key, expires_in=HOUR)
        with pytest.raises(ValueError, match="not a storage key"):
            await storage.upload_form(key, content_type="x/y", limit=1, expires_in=HOUR)


@pytest.mark.parametrize(
    ("bucket", "region", "address"),
    [
        ("files", "ap-south-1", "https://files.s3.ap-south-1.amazonaws.com"),
        ("my.files", "ap-south-1", "https://s3.ap-south-1.amazonaws.com/my.files"),
        ("files", "cn-north-1", "https://files.s3.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_amazon_has_an_address_for_each_bucket(bucket: str, region: str, address: str) -> None:
    s3 = S3Settings(bucket=bucket, region=region, access_key_id="A", secret_access_key="B")
    storage = make_storage(StorageSettings(storage_provider="s3"), s3, GcsSettings(), Path("unused"))
    assert storage.address == address


def without_keys(moto: Moto, bucket: str) -> Storage:
    s3 = S3Settings(bucket=bucket, region=REGION, endpoint=moto.url)
    return make_storage(StorageSettings(storage_provider="s3"), s3, GcsSettings(), Path("unused"))


async def test_without_keys_aws_finds_its_own(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFOUND")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a session")
    moto.make_bucket("found-keys")
    storage = without_keys(moto, "found-keys")
    await storage.initialize()
    await put(storage, "a")
    url = await url_of(storage, "a")
    assert "AKIAFOUND" in url
    assert "X-Amz-Security-Token=a%20session" in url
    assert (await get(url)).content == CONTENT


async def test_what_is_set_for_something_else_of_aws_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_BUCKET"):
        monkeypatch.setenv(name, "other")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return Answer(200, b"<ListBucketResult></ListBucketResult>")

    with running(answer) as server:
        await s3_storage(server.url, "files").initialize()
    (request,) = asked
    assert request.path.startswith("/files?")
    assert f"Credential={ACCESS_KEY_ID}/" in request.headers["authorization"]
    assert f"/{REGION}/s3/aws4_request" in request.headers["authorization"]
    assert "x-amz-security-token" not in request.headers


async def test_no_credentials_are_told(moto: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    storage = without_keys(moto, "found-keys")
    for call in (list_files, url_of):
        with pytest.raises(StorageUnavailable) as raised:
            await call(storage, "a")
        assert re.search("no AWS credentials.*S3_ACCESS_KEY_ID", raised.value.detail)
        assert "AWS" not in raised.value.message


async def test_another_account_is_refused(gcs: Gcs) -> None:
    gcs_place(gcs)
    stranger = Gcs()
    settings = GcsSettings(bucket=gcs.bucket, credentials=stranger.account_key, endpoint=gcs.url)
    storage = make_storage(StorageSettings(storage_provider="gcs"), S3Settings(), settings, Path("unused"))
    with pytest.raises(StorageUnavailable) as raised:
        await storage.initialize()
    assert "GCS_CREDENTIALS" in raised.value.detail
    url = await url_of(storage, "a")
    assert (await get(url)).status_code == 403
