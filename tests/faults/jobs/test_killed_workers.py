"""`kill -9` of a worker in the middle of its jobs, again and again: nothing is lost, nothing counts twice."""

import asyncio
import random
from collections import Counter
from datetime import timedelta

import pytest

from academy.infrastructure.email.base import Recipient
from academy.infrastructure.email.log import MailFilter
from academy.infrastructure.email.model import InboxMail, Mail, MailBatch, MailState, Suppression
from academy.infrastructure.jobs.model import JobStatus
from tests.contracts.database.places import Place
from tests.contracts.jobs.working_process import begin, email_of, end, working_process
from tests.contracts.jobs.workshop import CHAIN, FOLLOWING, Count, ShiftedClock, opened_workshop, until

JOBS = 30
MAILS = 10
KILLED_AFTER = (1, 5, 2, 7)
# Longer than a lease, so that the next process finds those of the killed one ended.
STEP = timedelta(minutes=3)


@pytest.mark.timeout(120)
async def test_no_job_is_lost_and_each_is_done_once(place: Place) -> None:
    async with opened_workshop(place, ShiftedClock(timedelta())) as workshop:
        email, inbox = email_of(workshop)
        await workshop.database.create_indexes([Mail, MailBatch, Suppression, InboxMail])
        for number in range(JOBS):
            await workshop.queue.enqueue(CHAIN, Count(number))
        for number in range(MAILS):
            await email.send_welcome(Recipient(address=f"{number}@example.com", name="Asha"))

        for number, jobs in enumerate(KILLED_AFTER):
            async with working_process(place, ahead=number * STEP) as process:
                await begin(process)
                assert process.stdout
                for _ in range(jobs):
                    assert await asyncio.wait_for(process.stdout.readline(), 30)
                # Anywhere in the milliseconds of a job.
                await asyncio.sleep(random.uniform(0, 0.01))  # noqa: S311
                process.kill()
        assert await workshop.jobs.count({"status": JobStatus.RUNNING}) > 0

        async def all_done() -> bool:
            return await workshop.jobs.count({"status": JobStatus.DONE}) == 2 * JOBS + MAILS

        async with working_process(place, ahead=len(KILLED_AFTER) * STEP) as process:
            await begin(process)
            await until(all_done, 60)
            await end(process)

        numbers = [*range(JOBS), *range(FOLLOWING, FOLLOWING + JOBS)]
        effects = await workshop.effects.find({}, limit=10_000)
        assert sorted(one.number for one in effects if one.once is not None) == numbers
        tries = Counter(one.number for one in effects if one.once is None)
        assert sorted(tries) == numbers
        assert sum(tries.values()) > len(numbers), "a kill hit at least one job"
        assert await workshop.queue.counts() == {"done": 2 * JOBS + MAILS}
        assert sorted(message.to for message in await inbox.messages()) == [f"{n}@example.com" for n in range(MAILS)]
        assert {mail.state for mail in (await email.log.page(MailFilter())).items} == {MailState.SENT}
