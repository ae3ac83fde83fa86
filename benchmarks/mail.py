"""The mail: from being written down until a local SMTP server has taken it; one alone, and a batch."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from academy.composition import Academy, build_academy
from academy.infrastructure.email.base import Recipient
from academy.infrastructure.email.batches import Announcement, BatchRecipient
from academy.infrastructure.email.log import MailFilter
from academy.infrastructure.email.model import MailState
from academy.kit.ids import new_id
from academy.settings import load_settings
from benchmarks.results import Row, row
from tests.servers.smtp import SmtpProcess, smtp_process

SINGLE_MAILS, BATCH = 40, 10_000
TEXT = Announcement(
    title="News for {{ name }}", message="Hello {{ name }}. " * 20, action="Open", action_url="https://academy.test/"
)


def mail(folder: Path, mongodb_uri: str) -> Iterator[Row]:
    """Yields the time of a single mail, and the rate of a batch, on each engine."""
    with smtp_process(folder / "smtp") as server:
        for engine, uri in (("SQLite", ""), ("MongoDB", mongodb_uri)):
            times, rate = asyncio.run(_measure(folder, uri, server))
            what = f"mail, {engine}"
            yield row(f"{what}: written until a local SMTP server has taken it, p50", times, unit=" ms", at_most=100)
            yield row(f"{what}: a batch of {BATCH:,} to a local SMTP server", [rate], unit=" /s", at_least=500)


async def _measure(folder: Path, mongodb_uri: str, server: SmtpProcess) -> tuple[list[float], float]:
    async with _sending_academy(folder, mongodb_uri, server) as academy:
        times = [await _single(academy, number) for number in range(SINGLE_MAILS)]
        recipients = [
            BatchRecipient(
                to=Recipient(address=f"{number}@example.com", name=f"Person {number}"),
                unsubscribe_url=f"https://academy.test/unsubscribe/{number}",
            )
            for number in range(BATCH)
        ]
        begun = time.perf_counter()
        batch = await academy.email.send_batch(recipients, TEXT)

        async def is_sent() -> bool:
            return (await academy.email.log.states_of_batch(batch)).get(MailState.SENT, 0) == BATCH

        await until(is_sent, seconds=0.2)
        return times, BATCH / (time.perf_counter() - begun)


async def _single(academy: Academy, number: int) -> float:
    """Returns after how many milliseconds a mail is noted as sent."""
    begun = time.perf_counter()
    address = f"single-{number}@example.com"
    await academy.email.send_welcome(Recipient(address=address, name="Asha"))
    wanted = MailFilter(to=address, state=MailState.SENT)

    async def is_sent() -> bool:
        return bool((await academy.email.log.page(wanted)).items)

    await until(is_sent, seconds=0.001)
    return (time.perf_counter() - begun) * 1000


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float) -> None:
    """Waits for a condition, asking again and again with a pause of some seconds."""
    while not await condition():  # noqa: ASYNC110 - it is another task's work in the database that is waited for
        await asyncio.sleep(seconds)


@asynccontextmanager
async def _sending_academy(folder: Path, mongodb_uri: str, server: SmtpProcess) -> AsyncIterator[Academy]:
    environment = {
        "ACADEMY_HOME": str(folder / f"home-{new_id()}"),
        "EMAIL_PROVIDER": "smtp",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(server.port),
        "SMTP_SECURITY": "none",
    }
    if mongodb_uri:
        environment |= {"MONGODB_URI": mongodb_uri, "MONGODB_DATABASE": f"bench-{new_id()}"}
    academy = build_academy(load_settings(environment))
    await academy.start()
    try:
        yield academy
    finally:
        await academy.stop()
