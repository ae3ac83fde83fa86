"""Workers: tries, leases, stopping, and several of them at once."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from structlog.testing import capture_logs

from academy.infrastructure.jobs import worker as worker_module
from academy.infrastructure.jobs.base import JobKind, PutBack
from academy.infrastructure.jobs.model import JobStatus
from academy.infrastructure.jobs.settings import JobSettings
from tests.contracts.jobs.workshop import COUNT, Count, OpenWorkshop, StandingClock, Workshop, effect, until


class Handler:
    """Notes its calls; fails as often as it is told to."""

    def __init__(self, *, failures: int = 0) -> None:
        self.failures = failures
        self.calls: list[int] = []

    async def __call__(self, payload: Count) -> None:
        self.calls.append(payload.number)
        if len(self.calls) <= self.failures:
            raise RuntimeError(f"failure {len(self.calls)}")


class Gate:
    """A handler that stays inside until it is opened."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.opened = asyncio.Event()
        self.cancelled = 0
        self.calls = 0

    async def __call__(self, _: Count) -> None:
        self.calls += 1
        self.entered.set()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


async def test_a_job_runs_and_is_done(workshop: Workshop, clock: StandingClock) -> None:
    handler = Handler()
    workshop.queue.register(COUNT, handler)
    job_id = await workshop.queue.enqueue(COUNT, Count(7))
    await workshop.worker.drain()
    job = await workshop.job(job_id)
    assert handler.calls == [7]
    assert (job.status, job.attempts, job.finished_at, job.due_at) == (JobStatus.DONE, 1, clock.now(), None)
    clock.move(days=30)
    await workshop.worker.drain()
    assert handler.calls == [7]


async def test_drain_also_runs_what_jobs_write(workshop: Workshop) -> None:
    done: list[int] = []

    async def count_down(payload: Count) -> None:
        done.append(payload.number)
        if payload.number:
            await workshop.queue.enqueue(COUNT, Count(payload.number - 1))

    workshop.queue.register(COUNT, count_down)
    await workshop.queue.enqueue(COUNT, Count(3))
    await workshop.worker.drain()
    assert done == [3, 2, 1, 0]


async def test_a_failing_job_is_tried_again_with_growing_pauses(workshop: Workshop, clock: StandingClock) -> None:
    handler = Handler(failures=2)
    workshop.queue.register(COUNT, handler)
    job_id = await workshop.queue.enqueue(COUNT, Count(1))
    for attempt, longest in ((1, 2), (2, 4)):
        await workshop.worker.drain()
        job = await workshop.job(job_id)
        assert (job.status, job.attempts) == (JobStatus.QUEUED, attempt)
        assert job.last_error == f"RuntimeError: failure {attempt}"
        assert job.due_at is not None
        assert longest / 2 <= (job.due_at - clock.now()).total_seconds() <= longest
        await workshop.worker.drain()
        assert len(handler.calls) == attempt, "not before its time"
        clock.move(seconds=longest)
    await workshop.worker.drain()
    job = await workshop.job(job_id)
    assert (job.status, job.attempts, job.last_error) == (JobStatus.DONE, 3, "")


async def test_a_job_that_is_put_back_runs_at_its_time_and_costs_no_try(
    workshop: Workshop, clock: StandingClock
) -> None:
    times = []

    async def not_yet(_: Count) -> None:
        times.append(clock.now())
        if len(times) <= COUNT.max_attempts + 2:
            raise PutBack(clock.now() + timedelta(minutes=5))

    workshop.queue.register(COUNT, not_yet)
    job_id = await workshop.queue.enqueue(COUNT, Count(1))
    for tries in range(1, COUNT.max_attempts + 4):
        await workshop.worker.drain()
        await workshop.worker.drain()
        assert len(times) == tries
        clock.move(minutes=5)
    job = await workshop.job(job_id)
    assert (job.status, job.attempts, job.last_error) == (JobStatus.DONE, 1, "")


async def test_a_job_that_never_works_is_dead_and_told_of(workshop: Workshop, clock: StandingClock) -> None:
    handler, mourner = Handler(failures=99), Handler()
    workshop.queue.register(COUNT, handler, when_dead=mourner)
    job_id = await workshop.queue.enqueue(COUNT, Count(5))
    for _ in range(6):
        await workshop.worker.drain()
        clock.move(hours=1)
    job = await workshop.job(job_id)
    assert handler.calls == [5, 5, 5]
    assert mourner.calls == [5]
    assert (job.status, job.attempts, job.last_error) == (JobStatus.DEAD, 3, "RuntimeError: failure 3")

    await workshop.queue.retry(job_id)
    for _ in range(6):
        await workshop.worker.drain()
        clock.move(hours=1)
    assert handler.calls == [5] * 6, "all its tries again"
    assert (await workshop.job(job_id)).status is JobStatus.DEAD


async def test_an_unreadable_payload_is_dead_in_the_end(workshop: Workshop, clock: StandingClock) -> None:
    handler, mourner = Handler(), Handler()
    workshop.queue.register(COUNT, handler, when_dead=mourner)
    job_id = await workshop.queue.enqueue(COUNT, Count(5))
    await workshop.jobs.update_one({"id": job_id}, {"$set": {"payload": '{"other": 1}'}})
    for _ in range(4):
        await workshop.worker.drain()
        clock.move(hours=1)
    job = await workshop.job(job_id)
    assert job.status is JobStatus.DEAD
    assert "number" in job.last_error
    assert handler.calls == mourner.calls == []


async def test_a_job_whose_workers_die_is_not_tried_for_ever(workshop: Workshop, clock: StandingClock) -> None:
    handler, mourner = Handler(), Handler()
    workshop.queue.register(COUNT, handler, when_dead=mourner)
    job_id = await workshop.queue.enqueue(COUNT, Count(5))
    for number in range(COUNT.max_attempts):
        assert await workshop.queue.claim(f"worker {number} that dies at once") is not None
        clock.move(minutes=3)
    await workshop.worker.drain()
    job = await workshop.job(job_id)
    assert job.status is JobStatus.DEAD
    assert "worker ended" in job.last_error
    assert (handler.calls, mourner.calls) == ([], [5])


async def test_jobs_run_side_by_side_up_to_the_limit(workshop: Workshop) -> None:
    gate = Gate()
    workshop.queue.register(COUNT, gate)
    for number in range(5):
        await workshop.queue.enqueue(COUNT, Count(number))
    worker = workshop.new_worker(JobSettings(concurrency=3, poll_seconds=0.02))
    worker.start()
    await until(lambda: has_calls(gate, 3))
    await until(lambda: has_status(workshop, JobStatus.QUEUED, 2))
    assert gate.calls == 3
    gate.opened.set()
    await until(lambda: has_status(workshop, JobStatus.DONE, 5))
    await worker.stop()
    assert gate.calls == 5


async def has_calls(gate: Gate, number: int) -> bool:
    return gate.calls >= number


async def has_status(workshop: Workshop, status: JobStatus, number: int) -> bool:
    return await workshop.jobs.count({"status": status}) == number


async def test_a_worker_starts_at_once_on_what_its_process_writes(workshop: Workshop) -> None:
    workshop.queue.register(COUNT, Handler())
    worker = workshop.new_worker(JobSettings(poll_seconds=60))
    worker.start()
    await workshop.database.transaction(lambda: workshop.queue.enqueue(COUNT, Count(1)))
    await until(lambda: has_status(workshop, JobStatus.DONE, 1))
    await worker.stop()


async def test_a_worker_finds_what_another_process_wrote(open_workshop: OpenWorkshop) -> None:
    writing, working = await open_workshop(), await open_workshop()
    working.queue.register(COUNT, Handler())
    working.worker.start()
    await writing.queue.enqueue(COUNT, Count(1))
    await until(lambda: has_status(writing, JobStatus.DONE, 1))


async def test_a_long_try_keeps_its_lease(open_workshop: OpenWorkshop, clock: StandingClock) -> None:
    kind = JobKind("long", Count, lease=timedelta(seconds=0.06))
    gate, other = Gate(), Handler()
    one, two = await open_workshop(), await open_workshop()
    one.queue.register(kind, gate)
    two.queue.register(kind, other)
    job_id = await one.queue.enqueue(kind, Count(1))
    one.worker.start()
    await gate.entered.wait()

    async def renewed() -> bool:
        return (await one.job(job_id)).due_at == clock.now() + kind.lease

    for _ in range(5):
        await until(renewed)
        clock.move(seconds=0.05)
        assert await two.queue.claim("two") is None
    gate.opened.set()
    await until(lambda: has_status(one, JobStatus.DONE, 1))
    assert (await one.job(job_id)).attempts == 1


async def test_a_lease_longer_than_the_first_one_is_renewed_before_that_ends(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "FIRST_LEASE", timedelta(seconds=0.06))
    gate = Gate()
    kind = JobKind("long", Count, lease=timedelta(hours=9))
    workshop.queue.register(kind, gate)
    job_id = await workshop.queue.enqueue(kind, Count(1))
    workshop.worker.start()

    async def renewed() -> bool:
        return (await workshop.job(job_id)).due_at == workshop.clock.now() + timedelta(hours=9)

    await until(renewed)
    gate.opened.set()


async def test_a_worker_that_lost_its_lease_stops_the_try(open_workshop: OpenWorkshop, clock: StandingClock) -> None:
    kind = JobKind("long", Count, lease=timedelta(seconds=0.06))
    gate = Gate()
    one, two = await open_workshop(), await open_workshop()
    for workshop in (one, two):
        workshop.queue.register(kind, gate)
    job_id = await one.queue.enqueue(kind, Count(1))
    worker = one.new_worker(JobSettings(concurrency=1, poll_seconds=0.02))  # it does not take the job over itself

    async def cancelled() -> bool:
        return gate.cancelled == 1

    with capture_logs() as logs:
        worker.start()
        await gate.entered.wait()
        clock.move(minutes=5)
        while (taken := await two.queue.claim("two")) is None:  # the renewal was quicker
            clock.move(minutes=5)
        await until(cancelled)
        await worker.stop()
    assert [log["event"] for log in logs] == ["job_lease_lost"]
    assert await one.job(job_id) == taken


async def test_stopping_lets_running_jobs_finish_and_takes_no_new_ones(workshop: Workshop) -> None:
    gate = Gate()
    workshop.queue.register(COUNT, gate)
    worker = workshop.new_worker(JobSettings(concurrency=1, poll_seconds=0.02))
    for number in range(2):
        await workshop.queue.enqueue(COUNT, Count(number))
    worker.start()
    await gate.entered.wait()
    stopping = asyncio.create_task(worker.stop())
    gate.opened.set()
    await stopping
    assert gate.calls == 1
    assert await workshop.queue.counts() == {"done": 1, "queued": 1}
    await worker.stop()


async def test_stopping_gives_back_what_does_not_end(workshop: Workshop) -> None:
    gate = Gate()
    workshop.queue.register(COUNT, gate)
    job_id = await workshop.queue.enqueue(COUNT, Count(1))
    workshop.worker.start()
    await gate.entered.wait()
    await workshop.worker.stop(patience=0.01)
    job = await workshop.job(job_id)
    assert gate.cancelled == 1
    assert (job.status, job.attempts, job.leased_by) == (JobStatus.QUEUED, 0, "")
    assert job.due_at == workshop.clock.now(), "another worker may begin at once"
    gate.opened.set()
    workshop.worker.start()
    await until(lambda: has_status(workshop, JobStatus.DONE, 1))


async def test_no_claim_is_left_behind_by_a_worker_that_stops_while_it_claims(open_workshop: OpenWorkshop) -> None:
    workshop = await open_workshop()
    workshop.queue.register(COUNT, Handler())
    for number in range(30):
        await workshop.queue.enqueue(COUNT, Count(number))
    for rounds in range(8):
        worker = workshop.new_worker()
        worker.start()
        for _ in range(rounds):
            await asyncio.sleep(0)
        await worker.stop()
        assert await workshop.jobs.count({"status": JobStatus.RUNNING}) == 0


async def test_several_workers_do_each_job_once(open_workshop: OpenWorkshop) -> None:
    workshops = [await open_workshop() for _ in range(3)]
    for number, workshop in enumerate(workshops):

        async def handle(payload: Count, workshop: Workshop = workshop, name: str = str(number)) -> None:
            await workshop.effects.insert(effect(workshop.clock, payload.number, worker=name))

        workshop.queue.register(COUNT, handle)
    for number in range(40):
        await workshops[0].queue.enqueue(COUNT, Count(number))
    for workshop in workshops:
        workshop.worker.start()
    await until(lambda: has_status(workshops[0], JobStatus.DONE, 40))
    assert sorted(one.number for one in await workshops[0].effects.find({})) == list(range(40))


async def test_an_error_nobody_expected_does_not_end_the_worker(workshop: Workshop) -> None:
    handler = Handler()

    async def broken(_: Count) -> None:
        raise RuntimeError("when_dead is broken")

    workshop.queue.register(COUNT, Handler(failures=9), when_dead=broken)
    other = JobKind("other", Count)
    workshop.queue.register(other, handler)
    await workshop.queue.enqueue(COUNT, Count(1))
    await workshop.jobs.update_one({}, {"$set": {"max_attempts": 1}})
    with capture_logs() as logs:
        workshop.worker.start()

        async def noted() -> bool:
            return "job_outcome_not_noted" in [log["event"] for log in logs]

        await until(noted)
        await workshop.queue.enqueue(other, Count(2))
        await until(lambda: has_status(workshop, JobStatus.DONE, 1))
    assert handler.calls == [2]
    assert await workshop.queue.counts() == {"done": 1, "running": 1}, "its lease runs out, then it is tried again"


class Unspeakable(msgspec.Struct):
    """A payload that cannot be written."""

    thing: object


async def test_a_broken_schedule_does_not_hold_up_the_jobs(workshop: Workshop) -> None:
    workshop.queue.schedule(JobKind("broken", Unspeakable), Unspeakable(object()), every=timedelta(hours=1))
    workshop.queue.register(COUNT, Handler())
    await workshop.queue.enqueue(COUNT, Count(1))
    with capture_logs() as logs:
        workshop.worker.start()
        await until(lambda: has_status(workshop, JobStatus.DONE, 1))
    assert "job_worker_failed" in [log["event"] for log in logs]


LONG = JobKind("long", Count)


async def test_long_jobs_run_beside_the_others_and_only_so_many(workshop: Workshop) -> None:
    long, quick = Gate(), Handler()
    workshop.queue.register(LONG, long, at_most=1)
    workshop.queue.register(COUNT, quick)
    for number in range(3):
        await workshop.queue.enqueue(LONG, Count(number))
    worker = workshop.new_worker(JobSettings(concurrency=1, poll_seconds=0.02))
    worker.start()
    await asyncio.wait_for(long.entered.wait(), 20)
    await workshop.queue.enqueue(COUNT, Count(7))

    async def quick_is_done() -> bool:
        return quick.calls == [7]

    await until(quick_is_done)
    assert long.calls == 1, "the second waits for the first"
    long.opened.set()

    async def all_done() -> bool:
        return await workshop.queue.counts() == {"done": 4}

    await until(all_done)
    await worker.stop()


async def test_a_worker_that_stops_gives_long_jobs_back_at_once(workshop: Workshop) -> None:
    long = Gate()
    workshop.queue.register(LONG, long, at_most=1)
    job_id = await workshop.queue.enqueue(LONG, Count(1))
    workshop.worker.start()
    await asyncio.wait_for(long.entered.wait(), 20)
    async with asyncio.timeout(10):
        await workshop.worker.stop(patience=60)
    job = await workshop.job(job_id)
    assert (long.cancelled, job.status, job.attempts) == (1, JobStatus.QUEUED, 0)


async def test_a_process_may_leave_long_jobs_to_others(workshop: Workshop) -> None:
    long, quick = Gate(), Handler()
    workshop.queue.register(LONG, long, at_most=0)
    workshop.queue.register(COUNT, quick)
    for kind in (LONG, COUNT):
        await workshop.queue.enqueue(kind, Count(1))
    await workshop.worker.drain(long_jobs=False)
    assert (long.calls, quick.calls) == (0, [1])
    workshop.worker.start()
    await workshop.queue.enqueue(COUNT, Count(2))

    async def second_is_done() -> bool:
        return quick.calls == [1, 2]

    await until(second_is_done)
    await workshop.worker.stop()
    assert (long.calls, await workshop.queue.counts()) == (0, {"done": 2, "queued": 1})
