"""Pages and API lists: from the cache against a constant answer, and made anew on both engines and three sizes."""

from collections.abc import Iterator
from pathlib import Path

import httpx

from benchmarks.academies import filled_academy
from benchmarks.load import Load, load
from benchmarks.results import Row, row
from benchmarks.servers import constant_server

REPEATS = 3
SECONDS = 4
CONNECTIONS = 32
_PLACES = {"catalogue page": "/courses", "API list": "/api/v1/courses"}
# Few enough that a request hardly waits for others: what is measured is one answer, not the queue.
_FEW = 2


def cached(folder: Path, mongodb_uri: str) -> Iterator[Row]:
    """Yields how many cached answers a second, as a share of constant answers of the same bytes, on each engine."""
    for engine, uri in (("SQLite", ""), ("MongoDB", mongodb_uri)):
        with filled_academy(folder, 1_000, mongodb_uri=uri, cache_seconds=600) as academy:
            for what, path in _PLACES.items():
                yield from _cached_place(folder, academy.url + path, f"{what} from the cache, {engine}")


def _cached_place(folder: Path, url: str, what: str) -> Iterator[Row]:
    body = httpx.get(url).content
    with constant_server(folder, body) as constant:
        shares: list[float] = []
        rates: list[float] = []
        for _ in range(REPEATS):
            ours = load(url, seconds=SECONDS, connections=CONNECTIONS)
            theirs = load(constant, seconds=SECONDS, connections=CONNECTIONS)
            _check(ours)
            shares.append(ours.requests_per_second / theirs.requests_per_second)
            rates.append(ours.requests_per_second)
    yield row(f"{what}, share of a constant answer's rate", shares, at_least=0.6)
    yield row(f"{what} ({len(body) // 1000} kB)", rates, unit=" /s")


def uncached(folder: Path, mongodb_uri: str) -> Iterator[Row]:
    """Yields the time of answers made anew, with 10,000 courses, and how it grows from 1,000 to 100,000."""
    for engine, uri in (("SQLite", ""), ("MongoDB", mongodb_uri)):
        medians: dict[int, dict[str, float]] = {}
        for count in (1_000, 10_000, 100_000):
            with filled_academy(folder, count, mongodb_uri=uri) as academy:
                medians[count] = {}
                for what, path in _PLACES.items():
                    times: list[float] = []
                    for _ in range(REPEATS):
                        found = load(academy.url + path, seconds=SECONDS, connections=_FEW)
                        _check(found)
                        times.append(found.p50)
                    medians[count][what] = sorted(times)[REPEATS // 2]
                    if count == 10_000:
                        name = f"{what}, 12 or 20 of 10,000 courses, not cached, {engine}, p50"
                        yield row(name, times, unit=" ms", at_most=5)
        for what in _PLACES:
            growth = medians[100_000][what] / medians[1_000][what]
            yield row(f"{what}, {engine}, p50 with 100,000 courses against 1,000", [growth], unit=" ×", at_most=1.5)


def many_clients(folder: Path) -> Iterator[Row]:
    """Yields what 1,000 keep-alive clients see who read different pages, in 20 s, with the cache as it comes."""
    with filled_academy(folder, 1_000, cache_seconds=5) as academy:
        paths = (
            "/",
            "/courses",
            "/courses/course-7",
            "/api/v1/courses",
            "/api/v1/courses/course-9",
            "/courses?q=python",
        )
        found = load(academy.url, seconds=20, connections=1_000, paths=paths)
        yield row("1,000 keep-alive clients, mixed reads, 20 s: errors", [found.errors], at_most=0)
        yield row("1,000 keep-alive clients, mixed reads: p99", [found.p99], unit=" ms", at_most=1_000)
        yield row("1,000 keep-alive clients, mixed reads", [found.requests_per_second], unit=" /s")


def _check(found: Load) -> None:
    if found.errors:
        raise RuntimeError(f"{found.errors} requests failed; the figures would mean nothing")
