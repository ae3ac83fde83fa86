"""A bucket that is broken, slow, silent or gone: all are told in time, nothing half done is left, nothing is lost."""

import asyncio
import hashlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from academy.infrastructure.storage.base import Storage, StorageUnavailable
from academy.infrastructure.storage.factory import make_storage
from academy.infrastructure.storage.settings import GcsSettings, S3Settings, StorageSettings
from tests.contracts.storage.places import gcs_storage, s3_storage
from tests.faults.cache.proxy import Proxy, running_proxy
from tests.servers.moto import Moto, running_moto
from tests.simulators.gcs import Fault, Gcs, running_gcs
from tests.simulators.local_server import Trouble

PATIENCE = 1.0
"""STORAGE_TIMEOUT_SECONDS of these tests."""
SOON = 8 * PATIENCE
LARGE = 32_000_000


async def small() -> AsyncIterator[bytes]:
    yield b"kept"


async def large() -> AsyncIterator[bytes]:
    for number in range(LARGE // 1_000_000):
        yield bytes([number]) * 1_000_000


async def upload(storage: Storage) -> None:
    await storage.upload("small", small(), limit=4, content_type="x/y")


async def upload_in_parts(storage: Storage) -> None:
    await storage.upload("large", large(), limit=LARGE, content_type="x/y")


async def read(storage: Storage) -> None:
    assert b"".join([chunk async for chunk in storage.read("kept")]) == b"kept"


CALLS: dict[str, Callable[[Storage], Awaitable[object]]] = {
    "initialize": lambda storage: storage.initialize(),
    "upload": upload,
    "upload in parts": upload_in_parts,
    "read": read,
    "size": lambda storage: storage.size("kept"),
    "exists": lambda storage: storage.exists("kept"),
    "copy": lambda storage: storage.copy("kept", "copied"),
    "compose": lambda storage: storage.compose(["kept"], "composed", limit=9, content_type="x/y"),
    "list": lambda storage: storage.list_files(),
    "delete": lambda storage: storage.delete("kept"),
}
calls = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
SOME = ("upload in parts", "read", "list")
some_calls = pytest.mark.parametrize("call", [CALLS[name] for name in SOME], ids=SOME)


@pytest.fixture
def gcs() -> Iterator[Gcs]:
    with running_gcs() as gcs:
        yield gcs


@pytest.fixture(scope="module")
def moto() -> Iterator[Moto]:
    with running_moto() as moto:
        yield moto


async def filled(storage: Storage) -> Storage:
    await storage.upload("kept", small(), limit=4, content_type="x/y")
    return storage


async def is_told(call: Callable[[Storage], Awaitable[object]], storage: Storage) -> StorageUnavailable:
    """Expects the failure that everybody understands, before patience is at its end several times over."""
    begun = time.monotonic()
    with pytest.raises(StorageUnavailable) as raised:
        await call(storage)
    assert time.monotonic() - begun < SOON
    assert raised.value.retry_after == 60
    for word in ("S3", "GCS", "http", "Traceback"):
        assert word not in raised.value.message, "visitors need not know"
    return raised.value


@calls
@pytest.mark.parametrize("fault", [Fault.ERROR_500, Fault.DENIED])
async def test_a_broken_bucket_is_told(gcs: Gcs, fault: Fault, call: Callable[[Storage], Awaitable[object]]) -> None:
    storage = await filled(gcs_storage(gcs, PATIENCE))
    gcs.fault = fault
    told = await is_told(call, storage)
    assert "GCS_BUCKET" in told.detail
    assert "GCS_BUCKET" in await storage.health_check()
    gcs.fault = Fault.NONE
    assert set(gcs.objects) == {"kept"}
    assert gcs.multiparts == {}
    assert await storage.health_check() == ""
    await read(storage)


@calls
async def test_a_silent_server_is_told(gcs: Gcs, call: Callable[[Storage], Awaitable[object]]) -> None:
    storage = await filled(gcs_storage(gcs, PATIENCE))
    gcs.server.trouble = Trouble.HANG
    await is_told(call, storage)


@some_calls
@pytest.mark.parametrize("trouble", [Trouble.DROP_BEFORE, Trouble.CUT])
async def test_a_server_that_hangs_up_is_told(
    gcs: Gcs, trouble: Trouble, call: Callable[[Storage], Awaitable[object]]
) -> None:
    storage = await filled(gcs_storage(gcs, PATIENCE))
    gcs.server.trouble = trouble
    await is_told(call, storage)


async def test_a_slow_server_is_waited_for(gcs: Gcs) -> None:
    storage = await filled(gcs_storage(gcs, PATIENCE))
    gcs.server.trouble, gcs.server.delay = Trouble.SLOW, PATIENCE / 5
    for call in CALLS.values():
        await call(storage)


async def test_a_failure_that_passes_is_not_noticed(gcs: Gcs) -> None:
    storage = await filled(gcs_storage(gcs, PATIENCE))
    gcs.fault = Fault.ERROR_503
    uploading = asyncio.create_task(upload_in_parts(storage))
    requests = gcs.server.requests
    while gcs.server.requests == requests:  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.001)
    gcs.fault = Fault.NONE
    await uploading
    assert len(gcs.objects["large"].content) == LARGE
    assert gcs.multiparts == {}


async def test_a_bucket_that_breaks_under_way_is_told_and_the_old_object_stays(gcs: Gcs) -> None:
    storage = await filled(gcs_storage(gcs, PATIENCE))

    async def breaking() -> AsyncIterator[bytes]:
        async for chunk in large():
            yield chunk
            if gcs.multiparts:
                gcs.fault = Fault.ERROR_500

    begun = time.monotonic()
    with pytest.raises(StorageUnavailable):
        await storage.upload("kept", breaking(), limit=LARGE, content_type="x/y")
    assert time.monotonic() - begun < SOON
    gcs.fault = Fault.NONE
    await read(storage)


@pytest.mark.parametrize("provider", ["s3", "gcs"])
async def test_a_bucket_that_is_not_there_is_told_at_the_start(provider: str, gcs: Gcs, moto: Moto) -> None:
    if provider == "s3":
        storage = s3_storage(moto.url, "no-such-bucket", PATIENCE)
    else:
        gcs.bucket = "another"
        storage = gcs_storage(gcs, PATIENCE)
    for call in (storage.initialize, lambda: upload(storage)):
        with pytest.raises(StorageUnavailable) as raised:
            await call()
        assert "NoSuchBucket" in raised.value.detail
        assert f"{provider.upper()}_BUCKET" in raised.value.detail


@some_calls
async def test_a_server_that_is_gone_is_told(call: Callable[[Storage], Awaitable[object]]) -> None:
    with running_gcs() as gcs:
        storage = gcs_storage(gcs, PATIENCE)
    await is_told(call, storage)


async def proxied(moto: Moto, proxy: Proxy, bucket: str) -> Storage:
    moto.make_bucket(bucket)
    return await filled(s3_storage(f"http://127.0.0.1:{proxy.port}", bucket, PATIENCE))


def port_of(moto: Moto) -> int:
    port = urlsplit(moto.url).port
    assert port is not None
    return port


@some_calls
async def test_s3_behind_a_line_that_is_cut_is_told(
    moto: Moto, request: pytest.FixtureRequest, call: Callable[[Storage], Awaitable[object]]
) -> None:
    name = request.node.name.partition("[")[2].strip("]").replace(" ", "-")
    async with running_proxy(port_of(moto)) as proxy:
        storage = await proxied(moto, proxy, f"cut-{name}")
        proxy.refuse()
        told = await is_told(call, storage)
        assert "S3_BUCKET" in told.detail
        proxy.mend()
        await read(storage)


async def test_s3_cut_in_the_middle_of_an_upload_keeps_nothing_of_it(moto: Moto) -> None:
    async with running_proxy(port_of(moto)) as proxy:
        storage = await proxied(moto, proxy, "cut-under-way")

        async def cutting() -> AsyncIterator[bytes]:
            async for chunk in large():
                yield chunk
                if moto.unfinished_uploads("cut-under-way"):
                    proxy.refuse()

        begun = time.monotonic()
        with pytest.raises(StorageUnavailable):
            await storage.upload("kept", cutting(), limit=LARGE, content_type="x/y")
        assert time.monotonic() - begun < SOON
        proxy.mend()
        await read(storage)
        assert [found.key for found in await storage.list_files()] == ["kept"]


async def test_an_answer_that_is_cut_is_never_taken_for_the_whole(moto: Moto) -> None:
    async with running_proxy(port_of(moto)) as proxy:
        storage = await proxied(moto, proxy, "cut-answer")
        await upload_in_parts(storage)
        received: list[int] = []

        async def watch() -> None:
            async for chunk in storage.read("large"):
                received.append(len(chunk))
                proxy.refuse()

        with pytest.raises(StorageUnavailable):
            await watch()
        assert 0 < sum(received) < LARGE


async def test_a_cancelled_upload_to_a_silent_server_ends(gcs: Gcs) -> None:
    storage = await filled(gcs_storage(gcs, PATIENCE))
    gcs.server.trouble = Trouble.HANG
    uploading = asyncio.create_task(upload_in_parts(storage))
    requests = gcs.server.requests
    while gcs.server.requests == requests:  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.001)
    uploading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(uploading, SOON)


LAST_WORD = """
import asyncio, sys
from pathlib import Path
from academy.infrastructure.storage.base import StorageUnavailable
from academy.infrastructure.storage.factory import make_storage
from academy.infrastructure.storage.settings import GcsSettings, S3Settings, StorageSettings

async def main():
    s3 = S3Settings(bucket="files", endpoint="http://127.0.0.1:9", access_key_id="a", secret_access_key="b")
    storage = make_storage(StorageSettings(storage_provider="s3"), s3, GcsSettings(), Path("unused"))
    try:
        await storage.initialize()
    except StorageUnavailable:
        sys.exit(7)

asyncio.run(main())
"""


def test_a_process_that_ends_with_the_storage_s_answer_ends_in_peace() -> None:
    """Without care, every second one is aborted here."""
    for _ in range(6):
        assert subprocess.run([sys.executable, "-c", LAST_WORD], check=False, timeout=60).returncode == 7


ENDLESS_UPLOAD = """
import asyncio, sys
from pathlib import Path
from academy.infrastructure.storage.factory import make_storage
from academy.infrastructure.storage.settings import GcsSettings, S3Settings, StorageSettings

async def chunks():
    while True:
        yield b"x" * 1_000_000

async def main():
    bucket, credentials, endpoint = sys.argv[1:]
    settings = GcsSettings(bucket=bucket, credentials=credentials, endpoint=endpoint)
    storage = make_storage(StorageSettings(storage_provider="gcs"), S3Settings(), settings, Path("unused"))
    await storage.upload("kept", chunks(), limit=10**12, content_type="x/y")

asyncio.run(main())
"""


async def test_a_killed_upload_changes_nothing_that_anybody_sees(gcs: Gcs) -> None:
    storage = await filled(gcs_storage(gcs))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ENDLESS_UPLOAD, gcs.bucket, gcs.account_key, gcs.url
    )
    while not any(upload.parts for upload in gcs.multiparts.values()):
        assert process.returncode is None
        await asyncio.sleep(0.01)
    process.kill()
    await process.wait()
    await read(storage)
    assert [found.key for found in await storage.list_files()] == ["kept"]


async def test_many_uploads_at_a_time_are_all_whole(gcs: Gcs) -> None:
    storage = gcs_storage(gcs)

    async def one(number: int) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(7):
                yield bytes([number]) * 1_000_001

        stored = await storage.upload(f"many/{number}", chunks(), limit=LARGE, content_type="x/y")
        assert stored.sha256 == hashlib.sha256(gcs.objects[f"many/{number}"].content).hexdigest()

    await asyncio.gather(*(one(number) for number in range(12)))
    assert gcs.multiparts == {}


def test_the_settings_of_a_bucket_are_checked() -> None:
    with pytest.raises(ValueError, match="service account"):
        make_storage(
            StorageSettings(storage_provider="gcs"), S3Settings(), GcsSettings(credentials="{}"), Path("unused")
        )
