"""A job queue on a real database, with a clock that stands still until a test moves it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import msgspec

from academy.infrastructure.database.base import Database
from academy.infrastructure.database.document import Document, Index
from academy.infrastructure.jobs.base import Event, JobKind
from academy.infrastructure.jobs.model import Job
from academy.infrastructure.jobs.queue import DatabaseJobQueue
from academy.infrastructure.jobs.settings import JobSettings
from academy.infrastructure.jobs.worker import Worker
from academy.kit.clock import Clock, SystemClock
from tests.contracts.database.places import Place

QUICK = JobSettings(poll_seconds=0.02)


class StandingClock:
    """Stands still until it is moved."""

    def __init__(self, moment: datetime = datetime(2026, 3, 1, 10, 20, 30, 456000, UTC)) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def move(self, **parts: float) -> None:
        self.moment += timedelta(**parts)

    async def sleep(self, seconds: float) -> None:
        """Lets time pass by sleeping, at no cost."""
        self.move(seconds=seconds)
        await asyncio.sleep(0)


class ShiftedClock:
    """Runs with the system's clock, some way ahead: leases of an earlier process are over for a later one."""

    def __init__(self, ahead: timedelta) -> None:
        self._system = SystemClock()
        self._ahead = ahead

    def now(self) -> datetime:
        return self._system.now() + self._ahead


class Count(msgspec.Struct, frozen=True):
    """Payload of the jobs of these tests."""

    number: int


class Counted(Event, frozen=True, kw_only=True):
    """An event of these tests."""

    __event__: ClassVar[str] = "counted"

    number: int


class Effect(Document, kw_only=True):
    """What a handler did; where `once` is given, it can be done once only."""

    __collection__: ClassVar[str] = "effects"
    __indexes__: ClassVar[tuple[Index, ...]] = (Index(("once",), unique=True, present="once"),)

    number: int
    worker: str = ""
    once: int | None = None


# Done by the processes of `working_process.py`.
CHAIN = JobKind("chain", Count, max_attempts=50)
FOLLOWING = 1000
COUNT = JobKind("count", Count, max_attempts=3)


def effect(clock: Clock, number: int, *, worker: str = "", once: int | None = None) -> Effect:
    now = clock.now()
    return Effect(number=number, worker=worker, once=once, created_at=now, updated_at=now)


class Workshop:
    """One process: its connection to the database, its queue and its worker."""

    def __init__(self, place: Place, clock: Clock) -> None:
        self.place = place
        self.clock = clock
        self.database: Database = place.database()
        self.queue = DatabaseJobQueue(self.database, clock)
        self.jobs = self.database.collection(Job)
        self.effects = self.database.collection(Effect)
        self.worker = self.new_worker()

    def new_worker(self, settings: JobSettings = QUICK) -> Worker:
        return Worker(self.queue, self.clock, settings)

    async def open(self) -> None:
        await self.database.connect()
        await self.database.create_indexes([Job, Effect])

    async def close(self) -> None:
        await self.worker.stop()
        await self.database.disconnect()

    async def job(self, job_id: str) -> Job:
        found = await self.jobs.get(job_id)
        assert found is not None
        return found

    async def all_jobs(self) -> list[Job]:
        return await self.jobs.find({}, sort=("created_at",))


@asynccontextmanager
async def opened_workshop(place: Place, clock: Clock) -> AsyncIterator[Workshop]:
    """Opens a workshop and closes it at the end."""
    workshop = Workshop(place, clock)
    await workshop.open()
    try:
        yield workshop
    finally:
        await workshop.close()


OpenWorkshop = Callable[..., Awaitable[Workshop]]


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 20.0) -> None:
    """Waits until a condition holds."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what it looks at lies in the database
            await asyncio.sleep(0.01)
