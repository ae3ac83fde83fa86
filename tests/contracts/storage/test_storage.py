"""The promise of the storage door, on every storage."""

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from academy.infrastructure.storage.base import ObjectTooLarge, Storage, StoredObject
from academy.infrastructure.storage.incoming import unavailable
from academy.infrastructure.storage.local import LocalStorage
from academy.infrastructure.storage.memory import MemoryStorage
from academy.kit.errors import NotFoundError
from tests.contracts.storage.places import Place, gcs_place, local_place
from tests.simulators.gcs import Gcs

NASTY_KEYS = [
    "",
    "/",
    "/etc/passwd",
    "a//b",
    "a/",
    "..",
    "../a",
    "a/../b",
    "a/..",
    "./a",
    "a/./b",
    ".hidden",
    ".incoming/x.part",
    "a/.b",
    "A",
    "a b",
    "a\0b",
    "a\nb",
    "a\n",
    "a\\b",
    "ключ",
    "a%2e%2e",
    "a:b",
    "~a\x7f",
    "x" * 201,
    "/".join(["part"] * 120),
]


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


async def put(storage: Storage, key: str, content: bytes = b"x") -> None:
    await storage.upload(key, stream(content), limit=len(content), content_type="text/plain")


async def content_of(storage: Storage, key: str, chunk_size: int = 1 << 20) -> bytes:
    return b"".join([chunk async for chunk in storage.read(key, chunk_size=chunk_size)])


async def keys(storage: Storage, prefix: str = "", after: str = "", limit: int = 100) -> list[str]:
    return [found.key for found in await storage.list_files(prefix, after=after, limit=limit)]


async def test_what_is_read_equals_what_was_written(storage: Storage) -> None:
    parts = (b"one", b"", b"two" * 1000, b"\0\xff")
    stored = await storage.upload("videos/1/original.mp4", stream(*parts), limit=10_000, content_type="video/mp4")
    whole = b"".join(parts)
    assert (stored.key, stored.size) == ("videos/1/original.mp4", len(whole))
    assert stored.sha256 == hashlib.sha256(whole).hexdigest()
    assert await content_of(storage, stored.key, chunk_size=7) == whole
    assert await storage.size(stored.key) == len(whole)
    assert await storage.exists(stored.key)


async def test_a_stream_beyond_one_batch_keeps_its_order(storage: Storage) -> None:
    parts = [bytes([number]) * 700_001 for number in range(20)]
    stored = await storage.upload("big", stream(*parts), limit=20 * 700_001, content_type="x/y")
    assert stored.sha256 == hashlib.sha256(b"".join(parts)).hexdigest()
    assert await content_of(storage, "big") == b"".join(parts)


async def test_an_empty_object_exists(storage: Storage) -> None:
    assert (await storage.upload("empty", stream(), limit=0, content_type="x/y")).size == 0
    assert await content_of(storage, "empty") == b""
    assert await storage.exists("empty")


async def test_the_limit_is_exact_and_leaves_nothing(storage: Storage) -> None:
    await storage.upload("fits", stream(b"12345", b"67890"), limit=10, content_type="x/y")
    with pytest.raises(ObjectTooLarge, match="9 bytes"):
        await storage.upload("not", stream(b"12345", b"67890"), limit=9, content_type="x/y")
    assert await keys(storage) == ["fits"]


async def test_a_refused_upload_leaves_the_old_object(storage: Storage) -> None:
    await put(storage, "a", b"old")
    with pytest.raises(ObjectTooLarge):
        await storage.upload("a", stream(b"newer"), limit=4, content_type="x/y")
    assert await content_of(storage, "a") == b"old"
    await put(storage, "a", b"new")
    assert await content_of(storage, "a") == b"new"


@pytest.mark.parametrize("size", [5_000, 30_000_000], ids=["at once", "under way"])
async def test_a_failing_stream_leaves_nothing(place: Place, size: int) -> None:
    async def broken() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * (size // 10)
        raise ConnectionError("client gone")

    with pytest.raises(ConnectionError):
        await place.storage.upload("gone", broken(), limit=size, content_type="x/y")
    assert not await place.storage.exists("gone")
    assert await keys(place.storage) == []
    assert place.unfinished() == []


async def test_a_long_stream_beyond_the_limit_leaves_nothing(place: Place) -> None:
    with pytest.raises(ObjectTooLarge):
        await place.storage.upload("long", stream(*[b"x" * 1_000_000] * 20), limit=19_999_999, content_type="x/y")
    assert await keys(place.storage) == []
    assert place.unfinished() == []


@pytest.mark.parametrize("chunks", [1, 7, 20])
async def test_a_cancelled_upload_leaves_nothing(place: Place, chunks: int) -> None:
    waiting = asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        for _ in range(chunks):
            yield b"x" * 1_500_000
        waiting.set()
        await asyncio.Event().wait()

    upload = asyncio.create_task(place.storage.upload("stuck", stuck(), limit=10**9, content_type="x/y"))
    await asyncio.wait_for(waiting.wait(), 30)
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    assert await keys(place.storage) == []
    assert place.unfinished() == []


@pytest.mark.parametrize("key", NASTY_KEYS, ids=range(len(NASTY_KEYS)))
async def test_nasty_keys_are_refused_everywhere(storage: Storage, key: str) -> None:
    await put(storage, "good")
    calls: list[Callable[[], object]] = [
        lambda: put(storage, key),
        lambda: storage.delete(key),
        lambda: storage.exists(key),
        lambda: storage.size(key),
        lambda: content_of(storage, key),
        lambda: storage.copy(key, "b"),
        lambda: storage.copy("good", key),
        lambda: storage.compose(["good", key], "b", limit=9, content_type="x/y"),
        lambda: storage.compose(["good"], key, limit=9, content_type="x/y"),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="not a storage key"):
            await call()  # type: ignore[misc]
    with pytest.raises(ValueError, match="not a storage key"):
        storage.local_path(key)
    assert await keys(storage) == ["good"]


@pytest.mark.parametrize("place", ["memory", "local"], indirect=True)
async def test_no_key_is_a_folder_of_another(storage: Storage) -> None:
    await put(storage, "a/b")
    for key in ("a", "a/b/c", "a/b/c/d"):
        with pytest.raises(ValueError, match="crosses"):
            await put(storage, key)
        with pytest.raises(ValueError, match="crosses"):
            await storage.compose(["a/b"], key, limit=1, content_type="x/y")
    assert await keys(storage) == ["a/b"]
    assert await content_of(storage, "a/b") == b"x"
    assert not await storage.exists("a")
    assert not await storage.exists("a/b/c")


async def test_missing_objects(storage: Storage) -> None:
    await put(storage, "a/b")
    for key in ("none", "a", "a/b/c"):
        with pytest.raises(NotFoundError):
            await storage.size(key)
        with pytest.raises(NotFoundError):
            await content_of(storage, key)
        with pytest.raises(NotFoundError):
            await storage.copy(key, "target")
        await storage.delete(key)
        assert not await storage.exists(key)
    assert await keys(storage) == ["a/b"]


async def test_delete_and_write_again(storage: Storage) -> None:
    await put(storage, "a/b/c")
    await storage.delete("a/b/c")
    assert not await storage.exists("a/b/c")
    await put(storage, "a/b")
    assert await keys(storage) == ["a/b"]


async def test_copy(storage: Storage) -> None:
    await put(storage, "a", b"content")
    await storage.copy("a", "b/c")
    await storage.delete("a")
    assert await content_of(storage, "b/c") == b"content"


async def test_compose_joins_the_sources_in_their_order(storage: Storage) -> None:
    parts = {"parts/2": b"two" * 100_000, "parts/1": b"", "parts/0": b"0"}
    for key, content in parts.items():
        await put(storage, key, content)
    order = ["parts/0", "parts/2", "parts/1", "parts/0"]
    whole = b"".join(parts[key] for key in order)
    made = await storage.compose(order, "whole/file.mp4", limit=len(whole), content_type="video/mp4")
    assert made == StoredObject(key="whole/file.mp4", size=len(whole), sha256=hashlib.sha256(whole).hexdigest())
    assert await content_of(storage, "whole/file.mp4") == whole
    assert await keys(storage) == [*sorted(parts), "whole/file.mp4"], "the sources stay"


async def test_compose_may_take_the_place_of_one_of_its_sources(storage: Storage) -> None:
    await put(storage, "a", b"first")
    await put(storage, "b", b"second")
    await storage.compose(["a", "b"], "a", limit=11, content_type="x/y")
    assert await content_of(storage, "a") == b"firstsecond"


async def test_compose_of_nothing_is_empty(storage: Storage) -> None:
    made = await storage.compose([], "empty", limit=0, content_type="x/y")
    assert (made.size, made.sha256) == (0, hashlib.sha256(b"").hexdigest())
    assert await content_of(storage, "empty") == b""


async def test_a_refused_compose_leaves_everything_as_it_was(storage: Storage) -> None:
    await put(storage, "a/b", b"12345")
    await put(storage, "target", b"old")
    for sources in (["a/b", "none"], ["none"], ["a/b", "a"]):
        with pytest.raises(NotFoundError):
            await storage.compose(sources, "target", limit=100, content_type="x/y")
    with pytest.raises(ObjectTooLarge, match="9 bytes"):
        await storage.compose(["a/b", "a/b"], "target", limit=9, content_type="x/y")
    assert await content_of(storage, "target") == b"old"
    assert await keys(storage) == ["a/b", "target"]


async def test_list_is_paged_and_sorted(storage: Storage) -> None:
    names = ["a", "a-b", "a.b/c", "a0", "ab/c", "b/a/z", "b/b", "b.c"]
    for name in names:
        await put(storage, name)
    assert await keys(storage) == sorted(names)
    assert await keys(storage, "b") == ["b.c", "b/a/z", "b/b"]
    assert await keys(storage, "b/a/") == ["b/a/z"]
    walked: list[str] = []
    while page := await keys(storage, after=walked[-1] if walked else "", limit=3):
        walked += page
    assert walked == sorted(names)


@pytest.mark.parametrize("place", ["memory", "s3", "gcs"], indirect=True)
async def test_thousands_of_objects_are_listed_page_by_page(storage: Storage) -> None:
    names = [f"many/{number:04}" for number in range(2_500)]
    for start in range(0, len(names), 50):
        await asyncio.gather(*(put(storage, name) for name in names[start : start + 50]))
    await put(storage, "more/1")
    assert await keys(storage, limit=3_000) == [*names, "more/1"]
    walked: list[str] = []
    while page := await keys(storage, "many/", after=walked[-1] if walked else "", limit=900):
        walked += page
    assert walked == names


PARTS = st.text("ab.-0", min_size=1, max_size=3).filter(lambda part: part[0] != ".")
KEYS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)


NAMES, PREFIXES = st.sets(KEYS, max_size=12), st.text("ab.-0/", max_size=3)


@settings(max_examples=40, deadline=None)
@given(NAMES, PREFIXES, KEYS | st.just(""), st.integers(1, 6))
def test_local_lists_as_memory_does(
    tmp_path_factory: pytest.TempPathFactory, names: set[str], prefix: str, after: str, limit: int
) -> None:
    async def compare() -> None:
        local, memory = LocalStorage(tmp_path_factory.mktemp("files")), MemoryStorage()
        await local.initialize()
        for name in sorted(names):
            outcomes = []
            for storage in (local, memory):
                try:
                    await put(storage, name)
                    outcomes.append(True)
                except ValueError:
                    outcomes.append(False)
            assert outcomes[0] == outcomes[1]
        assert await keys(local, prefix, after, limit) == await keys(memory, prefix, after, limit)

    asyncio.run(compare())


@settings(max_examples=15, deadline=None)
@given(NAMES, PREFIXES, KEYS | st.just(""), st.integers(1, 6), st.integers(1, 3))
def test_a_bucket_lists_as_memory_does(
    gcs: Gcs, names: set[str], prefix: str, after: str, limit: int, page: int
) -> None:
    async def compare() -> None:
        bucket, memory = gcs_place(gcs).storage, MemoryStorage()
        for name in sorted(names):
            with suppress(ValueError):
                await put(memory, name)
                await put(bucket, name)
        gcs.page = page
        assert await keys(bucket, prefix, after, limit) == await keys(memory, prefix, after, limit)

    asyncio.run(compare())


async def test_concurrent_writers_of_one_key_leave_one_whole_object(storage: Storage) -> None:
    contents = [bytes([number]) * 100_000 for number in range(8)]
    await asyncio.gather(*(put(storage, "race/x", content) for content in contents))
    assert await content_of(storage, "race/x") in contents
    assert await keys(storage) == ["race/x"]


async def test_writing_and_deleting_in_one_folder_do_not_disturb_each_other(storage: Storage) -> None:
    async def churn(name: str) -> None:
        for _ in range(20):
            await put(storage, f"folder/{name}/x")
            await storage.delete(f"folder/{name}/x")

    await asyncio.gather(*(churn(name) for name in ("a", "a", "b", "c")))
    assert await keys(storage) == []


async def test_health(storage: Storage) -> None:
    assert await storage.health_check() == ""
    assert await keys(storage) == []


async def test_local_path_is_the_file(tmp_path: Path) -> None:
    storage = local_place(tmp_path).storage
    await storage.initialize()
    await put(storage, "a/b", b"here")
    path = storage.local_path("a/b")
    assert path == tmp_path / "files" / "a" / "b"
    assert path.read_bytes() == b"here"
    assert storage.local_path("a/none") == tmp_path / "files" / "a" / "none", "looking is left to the caller"


@pytest.mark.parametrize("place", ["memory", "s3", "gcs"], indirect=True)
async def test_what_is_not_on_this_disk_has_no_path_here(storage: Storage) -> None:
    assert storage.local_path("a/b") is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_says_when_to_try_again(number: int) -> None:
    assert unavailable(OSError(number, "")).retry_after == 60
