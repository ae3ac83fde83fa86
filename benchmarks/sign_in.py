"""Signing in: what it costs beside the hash, and what others feel of it."""

import asyncio
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import httpx

from benchmarks.academies import LEARNER, PASSWORD, filled_academy
from benchmarks.load import load
from benchmarks.results import Row, row

_TIMES = 30


def sign_in(folder: Path) -> Iterator[Row]:
    """Yields a sign-in's time beyond its hash, and the p99 of a page with and without 16 parallel sign-ins."""
    with filled_academy(folder, 1_000) as academy:
        hash_ms = _hash_milliseconds()
        with httpx.Client(base_url=academy.url) as client:
            beyond: list[float] = []
            for _ in range(_TIMES):
                begun = time.perf_counter()
                _sign_in(client)
                beyond.append((time.perf_counter() - begun) * 1000 - hash_ms)
        yield row(f"sign-in, time beyond its hash of {hash_ms:.0f} ms", beyond, unit=" ms", at_most=10)
        page = f"{academy.url}/api/v1/courses"
        calm = load(page, seconds=6, connections=1).p99
        ended = threading.Event()
        people = threading.Thread(target=lambda: asyncio.run(_crowd(academy.url, ended)))
        people.start()
        try:
            busy = load(page, seconds=6, connections=1).p99
        finally:
            ended.set()
            people.join()
        yield row("API list, p99, alone", [calm], unit=" ms")
        yield row("API list, p99, beside 16 people signing in without a pause", [busy], unit=" ms")


def _sign_in(client: httpx.Client) -> None:
    client.post("/api/v1/auth/login", json={"email": LEARNER, "password": PASSWORD}).raise_for_status()


def _hash_milliseconds() -> float:
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10))
    times: list[float] = []
    for _ in range(_TIMES):
        begun = time.perf_counter()
        bcrypt.checkpw(PASSWORD.encode(), hashed)
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


async def _crowd(url: str, ended: threading.Event) -> None:
    async def person() -> None:
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            while not ended.is_set():
                answer = await client.post("/api/v1/auth/login", json={"email": LEARNER, "password": PASSWORD})
                answer.raise_for_status()

    await asyncio.gather(*(person() for _ in range(16)))
