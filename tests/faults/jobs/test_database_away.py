"""The database goes away while a worker runs: it waits, and goes on by itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest
from structlog.testing import capture_logs

from academy.infrastructure.database.errors import DatabaseUnavailable
from academy.infrastructure.database.settings import DatabaseSettings
from academy.infrastructure.jobs.model import JobStatus
from tests.contracts.database.places import Place
from tests.contracts.jobs.workshop import COUNT, Count, StandingClock, Workshop, effect, opened_workshop, until
from tests.servers.mongodb import running_replica_set


@asynccontextmanager
async def working(place: Place) -> AsyncIterator[Workshop]:
    """A workshop whose worker runs, and has done a job already."""
    async with opened_workshop(place, StandingClock()) as workshop:

        async def handle(payload: Count) -> None:
            await workshop.effects.insert(effect(workshop.clock, payload.number))

        workshop.queue.register(COUNT, handle)
        await workshop.queue.enqueue(COUNT, Count(1))
        workshop.worker.start()
        await until(lambda: has_done(workshop, 1))
        yield workshop


async def has_done(workshop: Workshop, number: int) -> bool:
    try:
        return await workshop.jobs.count({"status": JobStatus.DONE}) == number
    except DatabaseUnavailable:
        return False


async def enqueued(workshop: Workshop) -> bool:
    try:
        await workshop.queue.enqueue(COUNT, Count(2), key="two")
    except DatabaseUnavailable:
        return False
    return True


async def waits(logs: list[dict[str, object]]) -> bool:
    return "jobs_wait_for_database" in [log["event"] for log in logs]


async def test_a_locked_file(tmp_path: Path) -> None:
    place = Place(DatabaseSettings(sqlite_timeout_seconds=0.1), tmp_path / "academy.sqlite3")
    async with working(place) as workshop:
        other = apsw.Connection(str(place.path))
        with capture_logs() as logs:
            other.execute("BEGIN IMMEDIATE")
            await until(lambda: waits(logs))  # type: ignore[arg-type]
            other.execute("ROLLBACK")
            other.close()
            await workshop.queue.enqueue(COUNT, Count(2))
            await until(lambda: has_done(workshop, 2))
        assert await workshop.effects.count({}) == 2


@pytest.mark.timeout(120)
async def test_a_killed_server(tmp_path: Path) -> None:
    with running_replica_set() as replica_set:
        settings = DatabaseSettings(mongodb_uri=replica_set.uri, mongodb_timeout_seconds=0.5)
        async with working(Place(settings, tmp_path)) as workshop:
            with capture_logs() as logs:
                replica_set.members[0].kill()
                await until(lambda: waits(logs))  # type: ignore[arg-type]
                replica_set.members[0].start()
                await until(lambda: enqueued(workshop), 60)
                await until(lambda: has_done(workshop, 2))
            assert await workshop.effects.count({}) == 2
