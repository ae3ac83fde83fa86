"""A process with a worker: `python -m tests.contracts.jobs.working_process PLACE NAME AHEAD_SECONDS TOGETHER`.

It says `ready`, begins when a line comes in, says the number of each job it did, and stops when its input ends. With
TOGETHER, no job ends before two processes have begun one. Its handler leaves three effects: one for each try; in one
transaction, one that is possible once only, and another job after each of the given numbers.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import structlog

from academy.infrastructure.database.errors import UniqueViolation
from academy.infrastructure.email.chain import ProviderChain
from academy.infrastructure.email.inbox import InboxProvider
from academy.infrastructure.email.model import Mail
from academy.infrastructure.email.rendering import Branding, MailRenderer
from academy.infrastructure.email.sending import SEND_MAIL
from academy.infrastructure.email.service import EmailService
from academy.infrastructure.email.settings import EmailSettings
from tests.contracts.database.places import Place
from tests.contracts.jobs.workshop import CHAIN, FOLLOWING, Count, ShiftedClock, Workshop, effect, until

_ROOT = Path(__file__).parents[3]


def email_of(workshop: Workshop) -> tuple[EmailService, InboxProvider]:
    """The mail of a workshop."""
    inbox = InboxProvider(workshop.database, workshop.clock)
    branding = Branding(
        name="Academy", accent="#3d5afe", logo_url="", support_email="a@b.example", url="https://a.example"
    )
    email = EmailService(
        workshop.database,
        workshop.queue,
        ProviderChain([inbox], {}, workshop.clock),
        MailRenderer(branding),
        workshop.clock,
        EmailSettings(),
        _nothing_unwanted,
        academy_name=branding.name,
        academy_url=branding.url,
    )
    return email, inbox


async def _nothing_unwanted(mails: Sequence[Mail]) -> dict[str, str]:
    return {}


async def _work(place: Place, name: str, ahead: timedelta, *, together: bool) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    workshop = Workshop(place, ShiftedClock(ahead))
    email, _ = email_of(workshop)

    async def two_began() -> bool:
        return len({one.worker for one in await workshop.effects.find({})}) > 1

    async def handle(payload: Count) -> None:
        await workshop.effects.insert(effect(workshop.clock, payload.number, worker=name))

        async def once() -> None:
            done = effect(workshop.clock, payload.number, worker=name, once=payload.number)
            await workshop.effects.insert(done)
            if payload.number < FOLLOWING:
                await workshop.queue.enqueue(CHAIN, Count(payload.number + FOLLOWING))

        try:
            await workshop.database.transaction(once)
        except UniqueViolation:
            return
        finally:
            print(payload.number, flush=True)  # noqa: T201 - the test reads it
            if together:
                await until(two_began)

    workshop.queue.register(CHAIN, handle)
    workshop.queue.register(SEND_MAIL, email.sender.handle_mail)
    await workshop.open()
    print("ready", flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.readline)
    workshop.worker.start()
    await asyncio.to_thread(sys.stdin.read)
    await workshop.close()


@asynccontextmanager
async def working_process(
    place: Place, name: str = "one", *, ahead: timedelta = timedelta(), together: bool = False
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Starts the process and waits until it is ready; kills it at the end, when it still runs."""
    arguments = [place.argument(), name, str(ahead.total_seconds()), str(int(together))]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.contracts.jobs.working_process",
        *arguments,
        cwd=_ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout
        assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def begin(process: asyncio.subprocess.Process) -> None:
    """Lets a process that is ready work."""
    assert process.stdin
    process.stdin.write(b"go\n")
    await process.stdin.drain()


async def end(process: asyncio.subprocess.Process) -> None:
    """Lets a process stop orderly."""
    assert process.stdin
    process.stdin.close()
    await process.communicate()
    assert process.returncode == 0


if __name__ == "__main__":
    _place, _name, _ahead, _together = sys.argv[1:]
    asyncio.run(
        _work(Place.of_argument(_place), _name, timedelta(seconds=float(_ahead)), together=bool(int(_together)))
    )
