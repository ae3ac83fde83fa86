"""What an operator feels: the start, the memory, the health checks."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from benchmarks.academies import LEARNER, PASSWORD, filled_academy, resident_memory
from benchmarks.results import Row, row

REPEATS = 5


def operation(folder: Path) -> Iterator[Row]:
    """Yields the time from start to first answer with data present, the idle memory, and the time of all checks."""
    with filled_academy(folder, 1_000, cache_seconds=5) as academy:
        answer = httpx.post(f"{academy.url}/api/v1/auth/login", json={"email": LEARNER, "password": PASSWORD})
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        checks: list[float] = []
        with httpx.Client(base_url=academy.url, headers=headers) as client:
            for _ in range(20):
                begun = time.perf_counter()
                client.get("/api/v1/admin/health").raise_for_status()
                checks.append((time.perf_counter() - begun) * 1000)
        starts: list[float] = []
        memories: list[float] = []
        for _ in range(REPEATS):
            academy.stop()
            begun = time.perf_counter()
            academy.start()
            starts.append(time.perf_counter() - begun)
            memories.append(resident_memory(academy.pid) / (1 << 20))
        yield row("health, all checks, over the API", checks, unit=" ms", at_most=50)
        yield row("start to first answer, 1,000 courses present", starts, unit=" s", at_most=1.5)
        yield row("memory, embedded, idle (all processes)", memories, unit=" MiB", at_most=150)
