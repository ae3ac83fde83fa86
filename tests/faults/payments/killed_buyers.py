"""A program that is killed between every two steps of a payment, and begun again; see test_kills.py.

For each step it forks: one child tells the story and kills itself there, as `kill -9` does; another one tells it again
to its end. It prints, for each step, what was left to see at the end.
"""

import asyncio
import os
import signal
import sys

import httpx
import msgspec

from academy.composition import Academy, build_academy
from academy.features.payments.checkout import Wish
from academy.infrastructure.gateways.base import PaymentState
from academy.infrastructure.security.principal import Principal
from academy.settings import load_settings
from tests.academies.in_process import MovedClock
from tests.faults.payments.steps import NEVER, Steps


class Story(msgspec.Struct, frozen=True):
    """Who buys what, and who sends the money back."""

    buyer: Principal
    slug: str
    admin: Principal


class Webhooks(httpx.AsyncBaseTransport):
    """Brings what the gateway sends to the inbox, without a web server."""

    def __init__(self, academy: Academy) -> None:
        self._academy = academy

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._academy.webhook_inbox.take("rehearsal", await request.aread(), dict(request.headers))
        return httpx.Response(204)


async def tell(story: Story, killed_at: int, *, minutes_later: int) -> None:
    """Buys the course, and sends the money back; what is done already is not done again."""
    clock = MovedClock()
    clock.move(minutes=minutes_later)
    academy = build_academy(load_settings(os.environ), clock)
    assert academy.rehearsal is not None
    academy.rehearsal.transport = Webhooks(academy)
    await academy.database.connect()
    Steps(academy.database, lambda: os.kill(os.getpid(), signal.SIGKILL)).end_after(killed_at)
    wish = Wish(slug=story.slug, gateway="rehearsal", idempotency_key="one")
    transaction = await academy.checkouts.start(story.buyer, wish)
    if (await academy.rehearsal.standing(transaction.reference)).state is PaymentState.OPEN:
        await academy.rehearsal.pay(transaction.reference)
    await academy.worker.drain(long_jobs=False)
    clock.move(minutes=1)
    await academy.worker.drain(long_jobs=False)
    await academy.refunds.request(story.admin, transaction.id, amount=50_000, reason="Part of it", key="one")
    await academy.worker.drain(long_jobs=False)
    clock.move(minutes=1)
    await academy.worker.drain(long_jobs=False)
    await academy.stop()


def child(story: Story, killed_at: int, minutes_later: int) -> int:
    """Tells the story in a process of its own; returns how that ended, as os.wait tells it."""
    if pid := os.fork():
        return os.waitpid(pid, 0)[1]
    try:
        asyncio.run(tell(story, killed_at, minutes_later=minutes_later))
    except BaseException:  # noqa: BLE001 - a child has nobody to tell but the terminal
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


def main() -> None:
    """Reads the stories, one for each step, and prints how many of the first children were killed."""
    stories = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Story])
    killed = 0
    for step, story in enumerate(stories):
        was_killed = os.WIFSIGNALED(child(story, step, 0))
        if child(story, NEVER, 2) != 0:
            raise SystemExit(f"the story could not be told to its end after a kill at step {step}")
        if not was_killed:
            break
        killed += 1
    sys.stdout.write(f"{killed}\n")


if __name__ == "__main__":
    main()
