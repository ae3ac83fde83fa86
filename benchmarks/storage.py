"""The storages by themselves: a gigabyte to a bucket that keeps nothing, and parts joined on the local disk."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from academy.infrastructure.storage.base import Storage
from academy.infrastructure.storage.factory import make_storage
from academy.infrastructure.storage.settings import GcsSettings, S3Settings, StorageSettings
from benchmarks.academies import resident_memory
from benchmarks.media import HighestMemory
from benchmarks.results import Row, row
from benchmarks.servers import sink

_GIGABYTE = 1_000_000_000
_CHUNK = bytes(64 * 1024)
_PARTS = 16
REPEATS = 3


def storage(folder: Path) -> Iterator[Row]:
    """Yields the rate of an upload to a bucket with the memory that it adds, and the rate of joining parts."""
    with sink() as url:
        rates, added = asyncio.run(_to_bucket(url))
    yield row("upload of 1 GB to a bucket (S3 over HTTP, to a sink)", rates, unit=" MB/s", at_least=150)
    yield row("memory that a 1 GB upload to a bucket adds", added, unit=" MiB", at_most=64)
    yield row(f"joining {_PARTS} parts to 1 GB, local disk", asyncio.run(_joined(folder)), unit=" MB/s", at_least=500)


async def _to_bucket(url: str) -> tuple[list[float], list[float]]:
    s3 = S3Settings(bucket="measured", endpoint=url, access_key_id="measured", secret_access_key="measured")
    bucket = make_storage(StorageSettings(storage_provider="s3"), s3, GcsSettings(), Path())
    rates: list[float] = []
    added: list[float] = []
    for _ in range(REPEATS):
        before = resident_memory(os.getpid())
        highest = HighestMemory(os.getpid())
        with highest:
            rates.append(await _upload(bucket, "measured", _GIGABYTE))
        added.append((highest.bytes - before) / (1 << 20))
    return rates, added


async def _joined(folder: Path) -> list[float]:
    local = make_storage(StorageSettings(storage_path=str(folder)), S3Settings(), GcsSettings(), folder)
    await local.initialize()
    parts = [f"parts/{number:02}" for number in range(_PARTS)]
    for part in parts:
        await _upload(local, part, _GIGABYTE // _PARTS)
    rates: list[float] = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        made = await local.compose(parts, "whole", limit=_GIGABYTE, content_type="video/mp4")
        rates.append(made.size / (time.perf_counter() - begun) / 1e6)
    return rates


async def _upload(target: Storage, key: str, size: int) -> float:
    """Uploads `size` bytes and returns the megabytes per second."""

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, size, len(_CHUNK)):
            yield _CHUNK[: size - start]

    begun = time.perf_counter()
    await target.upload(key, chunks(), limit=size, content_type="video/mp4")
    return size / (time.perf_counter() - begun) / 1e6
