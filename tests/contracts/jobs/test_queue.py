"""Writing jobs, claiming them, and what the admin sees and does."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from academy.infrastructure.jobs.base import JobKind
from academy.infrastructure.jobs.jobs import SWEEP_JOBS, register_jobs
from academy.infrastructure.jobs.model import Job, JobStatus
from academy.infrastructure.jobs.queue import FIRST_LEASE
from academy.infrastructure.jobs.settings import JobSettings
from academy.kit.errors import ConflictError, NotFoundError
from academy.kit.ids import new_id
from tests.contracts.jobs.workshop import COUNT, Count, Counted, OpenWorkshop, StandingClock, Workshop, effect


async def ignore(_: object) -> None:
    """A handler with nothing to do."""


class CauseFailed(Exception):
    """The cause of a job does not happen."""


async def test_a_job_is_written_with_its_cause(workshop: Workshop) -> None:
    async def work() -> str:
        await workshop.effects.insert(effect(workshop.clock, 1))
        return await workshop.queue.enqueue(COUNT, Count(7))

    job = await workshop.job(await workshop.database.transaction(work))
    assert await workshop.effects.count({}) == 1
    assert (job.kind, job.payload, job.status, job.attempts, job.max_attempts) == (
        "count",
        '{"number":7}',
        JobStatus.QUEUED,
        0,
        3,
    )
    assert job.due_at == workshop.clock.now()


@pytest.mark.parametrize("key", ["", "one"])
async def test_without_its_cause_there_is_no_job(workshop: Workshop, key: str) -> None:
    async def work() -> None:
        await workshop.queue.enqueue(COUNT, Count(7), key=key)
        await workshop.effects.insert(effect(workshop.clock, 1))
        raise CauseFailed

    workshop.queue.wake.clear()
    with pytest.raises(CauseFailed):
        await workshop.database.transaction(work)
    assert await workshop.jobs.count({}) == await workshop.effects.count({}) == 0
    assert not workshop.queue.wake.is_set()


async def test_a_committed_job_wakes_the_worker_of_its_process(workshop: Workshop) -> None:
    await workshop.database.transaction(lambda: workshop.queue.enqueue(COUNT, Count(1)))
    assert workshop.queue.wake.is_set()


async def test_a_key_makes_one_job_until_it_is_done(workshop: Workshop) -> None:
    queue = workshop.queue
    queue.register(COUNT, ignore)
    first = await queue.enqueue(COUNT, Count(1), key="one")
    assert await queue.enqueue(COUNT, Count(2), key="one") == first
    assert await queue.enqueue(COUNT, Count(3), key="two") != first
    assert await queue.enqueue(JobKind("other", Count), Count(4), key="one") != first
    claimed = await queue.claim("worker")
    assert claimed is not None
    assert claimed.id == first
    assert await queue.enqueue(COUNT, Count(5), key="one") == first, "it is being worked on"
    await queue.finish(claimed)
    once_more = await queue.claim("worker")
    assert once_more is not None
    assert (once_more.id, once_more.attempts) == (first, 1), "it was asked for while it was worked on"
    await queue.finish(once_more)
    assert (await workshop.job(first)).status is JobStatus.DONE
    again = await queue.enqueue(COUNT, Count(6), key="one")
    assert again != first
    assert (await workshop.job(first)).payload == '{"number":1}'
    assert (await workshop.job(again)).payload == '{"number":6}'


async def test_a_key_is_free_again_when_its_job_is_dead(workshop: Workshop) -> None:
    queue = workshop.queue
    queue.register(COUNT, ignore)
    first = await queue.enqueue(COUNT, Count(1), key="one")
    claimed = await queue.claim("worker")
    assert claimed is not None
    await queue.give_up(claimed, "no")
    assert await queue.enqueue(COUNT, Count(2), key="one") != first


async def test_a_key_enqueued_by_a_crowd_is_one_job(open_workshop: OpenWorkshop) -> None:
    one, two = await open_workshop(), await open_workshop()

    async def enqueue(workshop: Workshop, number: int) -> str:
        return await workshop.database.transaction(lambda: workshop.queue.enqueue(COUNT, Count(number), key="one"))

    ids = await asyncio.gather(*(enqueue(one if number % 2 else two, number) for number in range(20)))
    assert len(set(ids)) == 1
    assert [job.id for job in await one.all_jobs()] == ids[:1]


async def test_an_event_is_one_job_per_subscriber(workshop: Workshop) -> None:
    told: list[tuple[str, int]] = []

    async def mail(event: Counted) -> None:
        told.append(("mail", event.number))

    async def points(event: Counted) -> None:
        told.append(("points", event.number))

    workshop.queue.subscribe(Counted, "mail", mail)
    workshop.queue.subscribe(Counted, "points", points)
    with pytest.raises(ValueError, match="counted:mail"):
        workshop.queue.subscribe(Counted, "mail", mail)
    await workshop.queue.publish(Counted(number=5))
    assert sorted(job.kind for job in await workshop.all_jobs()) == ["counted:mail", "counted:points"]
    await workshop.worker.drain()
    assert sorted(told) == [("mail", 5), ("points", 5)]


async def test_an_event_is_rolled_back_with_its_cause(workshop: Workshop) -> None:
    workshop.queue.subscribe(Counted, "mail", ignore)

    async def work() -> None:
        await workshop.queue.publish(Counted(number=5))
        raise CauseFailed

    with pytest.raises(CauseFailed):
        await workshop.database.transaction(work)
    assert await workshop.jobs.count({}) == 0


async def test_a_job_waits_for_its_time(workshop: Workshop, clock: StandingClock) -> None:
    workshop.queue.register(COUNT, ignore)
    await workshop.queue.enqueue(COUNT, Count(1), run_at=clock.now() + timedelta(minutes=5))
    assert await workshop.queue.claim("worker") is None
    clock.move(minutes=5)
    assert await workshop.queue.claim("worker") is not None


async def test_the_job_that_waits_longest_is_claimed_first(workshop: Workshop, clock: StandingClock) -> None:
    workshop.queue.register(COUNT, ignore)
    for number in (3, 1, 2):
        await workshop.queue.enqueue(COUNT, Count(number), run_at=clock.now() - timedelta(minutes=10 - number))
    claimed = [await workshop.queue.claim("worker") for _ in range(4)]
    assert [job and job.payload for job in claimed] == ['{"number":1}', '{"number":2}', '{"number":3}', None]


async def test_a_crowd_claims_each_job_once(open_workshop: OpenWorkshop) -> None:
    workshops = [await open_workshop(), await open_workshop()]
    for workshop in workshops:
        workshop.queue.register(COUNT, ignore)
    ids = {await workshops[0].queue.enqueue(COUNT, Count(number)) for number in range(30)}
    claimed = await asyncio.gather(*(workshops[n % 2].queue.claim(f"worker {n}") for n in range(45)))
    jobs = [job for job in claimed if job is not None]
    assert len(jobs) == 30
    assert {job.id for job in jobs} == ids
    stored = {job.id: job.leased_by for job in await workshops[0].all_jobs()}
    assert {job.id: job.leased_by for job in jobs} == stored


async def test_an_unknown_kind_is_left_to_those_who_know_it(open_workshop: OpenWorkshop) -> None:
    old, new = await open_workshop(), await open_workshop()
    old.queue.register(COUNT, ignore)
    known_tomorrow = JobKind("tomorrow", Count)
    new.queue.register(known_tomorrow, ignore)
    job_id = await new.queue.enqueue(known_tomorrow, Count(1))
    await old.worker.drain()
    job = await old.job(job_id)
    assert (job.status, job.attempts) == (JobStatus.QUEUED, 0)
    await new.worker.drain()
    assert (await new.job(job_id)).status is JobStatus.DONE


async def test_a_lease_holds_until_it_ends_and_is_renewed(workshop: Workshop, clock: StandingClock) -> None:
    queue = workshop.queue
    queue.register(COUNT, ignore)
    await queue.enqueue(COUNT, Count(1))
    held = await queue.claim("first")
    assert held is not None
    clock.move(seconds=FIRST_LEASE.total_seconds() - 1)
    assert await queue.claim("second") is None
    assert await queue.renew(held, timedelta(minutes=10))
    clock.move(minutes=9)
    assert await queue.claim("second") is None
    clock.move(minutes=1)
    taken = await queue.claim("second")
    assert taken is not None
    assert (taken.id, taken.attempts, taken.leased_by) == (held.id, 2, "second")


@pytest.mark.parametrize("ending", ["finish", "retry_later", "give_up", "release", "renew"])
async def test_who_lost_the_lease_changes_nothing_any_more(
    workshop: Workshop, clock: StandingClock, ending: str
) -> None:
    queue = workshop.queue
    told: list[Count] = []

    async def tell(payload: Count) -> None:
        told.append(payload)

    queue.register(COUNT, ignore, when_dead=tell)
    await queue.enqueue(COUNT, Count(1))
    lost = await queue.claim("first")
    clock.move(minutes=3)
    held = await queue.claim("second")
    assert lost is not None
    assert held is not None
    if ending == "finish":
        await queue.finish(lost)
    elif ending == "retry_later":
        await queue.retry_later(lost, "no", timedelta(0))
    elif ending == "give_up":
        await queue.give_up(lost, "no")
    elif ending == "release":
        await queue.release(lost)
    else:
        assert not await queue.renew(lost, timedelta(hours=1))
    assert await workshop.job(held.id) == held
    assert told == []


async def test_dead_jobs_are_listed_and_retried(workshop: Workshop, clock: StandingClock) -> None:
    queue = workshop.queue
    queue.register(COUNT, ignore)
    dead_id = await queue.enqueue(COUNT, Count(1), key="one")
    dead = await queue.claim("worker")
    assert dead is not None
    await queue.give_up(dead, "no " * 2000)
    clock.move(seconds=1)
    waiting_id = await queue.enqueue(COUNT, Count(2))
    assert await queue.counts() == {"dead": 1, "queued": 1}
    assert [job.id for job in (await queue.list_jobs()).items] == [waiting_id, dead_id]
    listed = (await queue.list_jobs(status=JobStatus.DEAD)).items
    assert [job.id for job in listed] == [dead_id]
    assert listed[0].last_error.startswith("no no")
    assert len(listed[0].last_error) == 2000
    assert listed[0].finished_at == clock.now() - timedelta(seconds=1)

    retried = await queue.retry(dead_id)
    assert (retried.status, retried.attempts, retried.due_at) == (JobStatus.QUEUED, 0, clock.now())
    assert await queue.enqueue(COUNT, Count(3), key="one") == dead_id, "the key holds again"
    await workshop.worker.drain()
    assert await queue.counts() == {"done": 2}


async def test_only_dead_jobs_are_retried(workshop: Workshop) -> None:
    job_id = await workshop.queue.enqueue(COUNT, Count(1))
    with pytest.raises(ConflictError):
        await workshop.queue.retry(job_id)
    with pytest.raises(NotFoundError):
        await workshop.queue.retry("01900000-0000-7000-8000-000000000000")


async def test_a_dead_job_is_not_retried_beside_a_newer_one_with_its_key(workshop: Workshop) -> None:
    queue = workshop.queue
    queue.register(COUNT, ignore)
    dead_id = await queue.enqueue(COUNT, Count(1), key="one")
    dead = await queue.claim("worker")
    assert dead is not None
    await queue.give_up(dead, "no")
    await queue.enqueue(COUNT, Count(2), key="one")
    with pytest.raises(ConflictError, match="newer"):
        await queue.retry(dead_id)
    assert (await workshop.job(dead_id)).status is JobStatus.DEAD


async def test_what_is_told_of_a_death_is_kept_with_it_or_not_at_all(workshop: Workshop) -> None:
    async def tell(payload: Count) -> None:
        await workshop.effects.insert(effect(workshop.clock, payload.number))
        if payload.number == 2:
            raise CauseFailed

    workshop.queue.register(COUNT, ignore, when_dead=tell)
    for number in (1, 2):
        await workshop.queue.enqueue(COUNT, Count(number))
    first, second = await workshop.queue.claim("worker"), await workshop.queue.claim("worker")
    assert first is not None
    assert second is not None
    told, broken = (first, second) if '"number":1' in first.payload else (second, first)
    await workshop.queue.give_up(told, "no")
    with pytest.raises(CauseFailed):
        await workshop.queue.give_up(broken, "no")
    assert [one.number for one in await workshop.effects.find({})] == [1]
    assert (await workshop.job(told.id)).status is JobStatus.DEAD
    assert (await workshop.job(broken.id)).status is JobStatus.RUNNING


async def test_jobs_are_listed_by_pages(workshop: Workshop, clock: StandingClock) -> None:
    ids = []
    for number in range(5):
        ids.append(await workshop.queue.enqueue(COUNT, Count(number)))
        clock.move(seconds=1)
    page = await workshop.queue.list_jobs(limit=3)
    rest = await workshop.queue.list_jobs(limit=3, cursor=page.next_cursor)
    assert [job.id for job in [*page.items, *rest.items]] == ids[::-1]
    assert rest.next_cursor is None


async def test_finished_jobs_are_swept_after_their_time(workshop: Workshop, clock: StandingClock) -> None:
    queue = workshop.queue
    queue.register(COUNT, ignore)
    register_jobs(queue, clock, JobSettings(retention_days=2))
    done, dead = await queue.enqueue(COUNT, Count(1)), await queue.enqueue(COUNT, Count(2))
    for _ in range(2):
        job = await queue.claim("worker")
        assert job is not None
        await (queue.finish(job) if job.id == done else queue.give_up(job, "no"))
    late = await queue.enqueue(COUNT, Count(3), run_at=clock.now() + timedelta(days=9))

    async def left() -> set[str]:
        await workshop.worker.drain()
        return {job.id for job in await workshop.all_jobs() if job.kind != SWEEP_JOBS.name}

    assert await left() == {done, dead, late}
    clock.move(hours=47)
    assert await left() == {done, dead, late}
    clock.move(hours=2)
    assert await left() == {dead, late}
    finished = (await queue.list_jobs(status=JobStatus.DONE)).items
    assert finished
    assert all(job.kind == SWEEP_JOBS.name for job in finished)


async def test_every_query_is_served_by_an_index(workshop: Workshop, clock: StandingClock) -> None:
    job = Job(kind="count", payload="{}", max_attempts=1, due_at=None, created_at=clock.now(), updated_at=clock.now())
    await workshop.jobs.insert_many([msgspec.structs.replace(job, id=new_id()) for _ in range(50)])
    claim = {"due_at": {"$lte": clock.now()}, "kind": {"$in": ["count", "other"]}}
    held = {"id": job.id, "leased_by": "one", "attempts": 1, "status": JobStatus.RUNNING}
    for query, sort in (
        (claim, ("due_at",)),
        (held, ()),
        ({"unfinished_key": "count:one"}, ()),
        ({"status": JobStatus.DONE, "finished_at": {"$lt": clock.now()}}, ()),
        ({"status": JobStatus.DEAD}, ("-created_at",)),
        ({}, ("-created_at",)),
    ):
        plan = await workshop.jobs.explain(query, sort=sort)
        assert not plan.scans_collection, (query, plan)
        assert not sort or not plan.sorts_in_memory, (query, plan)
