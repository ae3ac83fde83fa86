"""Scheduled jobs: once in a time slot, whoever and however many look after it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from academy.infrastructure.jobs.base import Handler, JobKind
from academy.infrastructure.jobs.model import JobStatus
from academy.infrastructure.jobs.queue import Schedule
from academy.kit.clock import to_milliseconds
from tests.contracts.jobs.workshop import Count, OpenWorkshop, StandingClock, Workshop

HOURLY = JobKind("hourly", Count, max_attempts=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Hourly:
    """Several processes with the same hourly job."""

    def __init__(self, workshops: list[Workshop]) -> None:
        self.workshops = workshops
        self.runs: list[datetime] = []
        self.fails = False
        for workshop in workshops:
            workshop.queue.register(HOURLY, self._handler(workshop))
            workshop.queue.schedule(HOURLY, Count(0), every=timedelta(hours=1))

    def _handler(self, workshop: Workshop) -> Handler[Count]:
        async def handle(_: Count) -> None:
            self.runs.append(workshop.clock.now())
            if self.fails:
                raise RuntimeError

        return handle

    async def drain(self) -> None:
        await asyncio.gather(*(workshop.worker.drain() for workshop in self.workshops))


async def test_once_per_slot_among_several_workers(open_workshop: OpenWorkshop, clock: StandingClock) -> None:
    hourly = Hourly([await open_workshop() for _ in range(3)])
    await hourly.drain()
    assert hourly.runs == [], "it begins with the next full hour"
    for number in range(1, 5):
        clock.move(minutes=60)
        await hourly.drain()
        await hourly.drain()
        assert len(hourly.runs) == number
    jobs = await hourly.workshops[0].all_jobs()
    assert len(jobs) == len({job.slot for job in jobs}) == 5
    assert all(job.slot == f"hourly:2026-03-01T{11 + number}:00:00+00:00" for number, job in enumerate(jobs))


async def test_clocks_that_differ_do_not_double_a_slot(open_workshop: OpenWorkshop) -> None:
    ahead, behind = StandingClock(), StandingClock()
    behind.move(seconds=-2)
    hourly = Hourly([await open_workshop(ahead), await open_workshop(behind)])
    fast, slow = hourly.workshops
    await fast.worker.drain()
    ahead.moment = EPOCH + timedelta(hours=500_000)
    behind.moment = ahead.moment - timedelta(seconds=2)
    await fast.worker.drain()
    await fast.worker.drain()
    assert len(hourly.runs) == 1
    await slow.worker.drain()
    behind.move(seconds=2)
    await slow.worker.drain()
    assert len(hourly.runs) == 1
    assert await fast.jobs.count({"status": JobStatus.QUEUED}) == 1


async def test_slots_pass_by_while_nobody_works(open_workshop: OpenWorkshop, clock: StandingClock) -> None:
    hourly = Hourly([await open_workshop()])
    await hourly.drain()
    clock.move(days=9)
    await hourly.drain()
    await hourly.drain()
    assert len(hourly.runs) == 1
    clock.move(hours=1)
    await hourly.drain()
    assert len(hourly.runs) == 2


async def test_a_run_longer_than_a_slot_is_not_overtaken(open_workshop: OpenWorkshop, clock: StandingClock) -> None:
    hourly = Hourly([await open_workshop()])
    workshop = hourly.workshops[0]
    await hourly.drain()
    clock.move(hours=1)
    held = await workshop.queue.claim("slow worker")
    assert held is not None
    for _ in range(3):
        assert await workshop.queue.renew(held, timedelta(hours=2))
        await hourly.drain()
        clock.move(hours=1)
    assert await workshop.jobs.count({}) == 1
    await workshop.queue.finish(held)
    await hourly.drain()
    clock.move(hours=1)
    await hourly.drain()
    assert len(hourly.runs) == 1


async def test_a_dead_run_does_not_end_the_schedule(open_workshop: OpenWorkshop, clock: StandingClock) -> None:
    hourly = Hourly([await open_workshop()])
    hourly.fails = True
    await hourly.drain()
    for _ in range(3):
        clock.move(hours=1)
        await hourly.drain()
    assert len(hourly.runs) == 3
    workshop = hourly.workshops[0]
    assert await workshop.queue.counts() == {"dead": 3, "queued": 1}
    hourly.fails = False
    dead = await workshop.jobs.find_one({"status": JobStatus.DEAD})
    assert dead is not None
    await workshop.queue.retry(dead.id)
    await hourly.drain()
    assert await workshop.queue.counts() == {"dead": 2, "queued": 1, "done": 1}


async def test_a_kind_has_one_schedule(workshop: Workshop) -> None:
    Hourly([workshop])
    with pytest.raises(ValueError, match="hourly"):
        workshop.queue.schedule(HOURLY, Count(0), every=timedelta(hours=2))


@settings(deadline=None)
@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)).map(to_milliseconds),  # noqa: DTZ001
    st.timedeltas(timedelta(seconds=1), timedelta(days=40)).map(lambda d: timedelta(seconds=d // timedelta(seconds=1))),
)
def test_every_process_finds_the_same_slot(now: datetime, every: timedelta) -> None:
    schedule = Schedule(HOURLY, Count(0), every)
    slot = schedule.next_slot(now)
    assert (slot - EPOCH) % every == timedelta(0)
    assert now < slot <= now + every
    assert schedule.next_slot(slot - timedelta(milliseconds=1)) == slot
    assert schedule.next_slot(slot) == slot + every
