"""Two processes work the same jobs off."""

import asyncio
from datetime import timedelta

from academy.infrastructure.jobs.model import JobStatus
from tests.contracts.database.places import Place
from tests.contracts.jobs.working_process import begin, end, working_process
from tests.contracts.jobs.workshop import CHAIN, FOLLOWING, Count, ShiftedClock, opened_workshop, until

JOBS = 40


async def test_two_processes_do_each_job_once(place: Place) -> None:
    async with opened_workshop(place, ShiftedClock(timedelta())) as workshop:
        for number in range(JOBS):
            await workshop.queue.enqueue(CHAIN, Count(number))

        async def all_done() -> bool:
            return await workshop.jobs.count({"status": JobStatus.DONE}) == 2 * JOBS

        async with (
            working_process(place, "one", together=True) as one,
            working_process(place, "two", together=True) as two,
        ):
            await asyncio.gather(begin(one), begin(two))
            await until(all_done, 60)
            await asyncio.gather(end(one), end(two))
        numbers = [*range(JOBS), *range(FOLLOWING, FOLLOWING + JOBS)]
        tries = await workshop.effects.find({"once": None})
        assert sorted(one.number for one in tries) == numbers
        assert {one.worker for one in tries} == {"one", "two"}
        assert all(job.attempts == 1 for job in await workshop.jobs.find({}))
