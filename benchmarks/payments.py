"""Payments: beginning a checkout, and from the gateway's webhook until the course is open and the receipt written."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from academy.composition import Academy, build_academy
from academy.features.accounts.administration import COMMAND_LINE
from academy.features.courses.model import Course
from academy.features.payments.checkout import Wish
from academy.infrastructure.gateways.base import News, NewsKind
from academy.infrastructure.gateways.rehearsal import SIGNATURE_HEADER
from academy.infrastructure.security.principal import Principal, Role
from academy.kit.ids import new_id
from academy.settings import load_settings
from benchmarks.academies import courses
from benchmarks.mail import until
from benchmarks.results import Row, row

BUYERS = 40


def payments(folder: Path, mongodb_uri: str) -> Iterator[Row]:
    """Yields, on each engine, the time of beginning a checkout, and of making a payment true that a webhook tells."""
    for engine, uri in (("SQLite", ""), ("MongoDB", mongodb_uri)):
        begun, paid = asyncio.run(_measure(folder, uri))
        yield row(f"payment, {engine}: a checkout is begun at the rehearsal gateway, p50", begun, unit=" ms")
        yield row(f"payment, {engine}: webhook until enrolled and receipted, p50", paid, unit=" ms", at_most=100)


async def _measure(folder: Path, mongodb_uri: str) -> tuple[list[float], list[float]]:
    async with _selling_academy(folder, mongodb_uri) as (academy, course):
        figures = [await _one_buyer(academy, course, number) for number in range(BUYERS)]
    return [begun for begun, _ in figures], [paid for _, paid in figures]


async def _one_buyer(academy: Academy, course: Course, number: int) -> tuple[float, float]:
    """Returns after how many milliseconds a checkout was begun, and its payment true."""
    email = f"buyer-{number}@example.com"
    user = await academy.administration.create(COMMAND_LINE, email, "Asha Rao", Role.LEARNER, None)
    buyer = Principal(user_id=user.id, session_id="", email=email, name=user.name, role=user.role)
    start = time.perf_counter()
    transaction = await academy.checkouts.start(buyer, Wish(slug=course.slug, gateway="rehearsal"))
    begun = time.perf_counter()
    paid = News(
        event_id=new_id(),
        event_type="payment.paid",
        kind=NewsKind.PAID,
        occurred_at=academy.clock.now(),
        reference=transaction.reference,
        payment_reference=new_id(),
        transaction_id=transaction.id,
        amount=transaction.amount,
    )
    body = msgspec.json.encode(paid)
    assert academy.rehearsal is not None
    signature = academy.rehearsal.sign(body, academy.clock.now())
    await academy.webhook_inbox.take("rehearsal", body, {SIGNATURE_HEADER: signature})

    async def is_receipted() -> bool:
        return any(mail["kind"] == "receipt" for mail in await academy.email.log_of(user.id))

    await until(is_receipted, seconds=0.001)
    assert await academy.enrolments.is_enrolled(user.id, course.id)
    return (begun - start) * 1000, (time.perf_counter() - begun) * 1000


@asynccontextmanager
async def _selling_academy(folder: Path, mongodb_uri: str) -> AsyncIterator[tuple[Academy, Course]]:
    environment = {"ACADEMY_HOME": str(folder / f"home-{new_id()}")}
    if mongodb_uri:
        environment |= {"MONGODB_URI": mongodb_uri, "MONGODB_DATABASE": f"bench-{new_id()}"}
    academy = build_academy(load_settings(environment))
    await academy.start()
    try:
        [course] = [one for one in next(courses(1, new_id())) if not one.is_free]
        await academy.database.collection(Course).insert(course)
        yield academy, course
    finally:
        await academy.stop()
