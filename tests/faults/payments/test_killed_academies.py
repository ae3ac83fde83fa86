"""`academy serve` is killed again and again while twenty buyers pay and half of them get their money back."""

import asyncio
import random
from pathlib import Path
from typing import Self

import httpx
import pytest

from academy.features.courses.model import Course
from academy.features.payments.model import TransactionStatus
from academy.infrastructure.gateways.rehearsal import CheckoutOver, RehearsalGateway
from academy.infrastructure.security.principal import Principal, Role
from tests.academies.books import books, check_nothing_waits
from tests.academies.in_process import PASSWORD, opened_test_academy
from tests.academies.payments import paid_course, rehearsal
from tests.servers.academy import ServedAcademy

BUYERS = 20
KILLS = 3
# Answers between two kills; all stories together take more than KILLS times as many.
MOST_ANSWERS = 30
PATIENCE = 90.0


class Client:
    """A person at the API, who tries again until the academy answers: each answer is one that it gave."""

    def __init__(self, served: ServedAcademy, person: Principal, answers: asyncio.Semaphore) -> None:
        """`answers` is released with each answer."""
        self._answers = answers
        self._http = httpx.AsyncClient(base_url=f"{served.url}/api/v1", timeout=10)
        self._person = person

    async def __aenter__(self) -> Self:
        form = {"email": self._person.email, "password": PASSWORD}
        signed_in = await self.ask("POST", "auth/login", json=form)
        self._http.headers["Authorization"] = f"Bearer {signed_in.json()['access_token']}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def ask(self, method: str, path: str, **request: object) -> httpx.Response:
        """Asks until there is an answer, and returns it; it is a good one."""
        while True:
            try:
                answer = await self._http.request(method, path, **request)  # type: ignore[arg-type]
            except httpx.TransportError:
                await asyncio.sleep(0.05)
                continue
            assert answer.is_success, answer.text
            self._answers.release()
            return answer

    async def wait(self, transaction_id: str, status: TransactionStatus) -> None:
        """Waits until a transaction is as it should be."""
        async with asyncio.timeout(PATIENCE):
            while (await self.ask("GET", f"transactions/{transaction_id}")).json()["status"] != status:  # noqa: ASYNC110
                await asyncio.sleep(0.1)


async def _buy(client: Client, gateway: RehearsalGateway, course: Course) -> str:
    """Buys the course, and presses every button twice; returns the transaction's id."""
    wish, key = {"course": course.slug, "gateway": "rehearsal"}, {"Idempotency-Key": "one"}
    first, again = [await client.ask("POST", "checkouts", json=wish, headers=key) for _ in range(2)]
    assert first.json() == again.json()
    reference = first.json()["checkout_url"].rpartition("/")[2]
    await gateway.pay(reference)
    with pytest.raises(CheckoutOver):
        await gateway.pay(reference)
    transaction_id = str(first.json()["transaction_id"])
    await client.wait(transaction_id, TransactionStatus.PAID)
    return transaction_id


async def _send_back(client: Client, transaction_id: str) -> None:
    """Has all of the money sent back, and presses the button twice."""
    for _ in range(2):
        wish = {"reason": "As asked"}
        await client.ask("POST", f"transactions/{transaction_id}/refund", json=wish, headers={"Idempotency-Key": "one"})
    await client.wait(transaction_id, TransactionStatus.REFUNDED)


async def _kill_and_start(served: ServedAcademy, answers: asyncio.Semaphore) -> None:
    for _ in range(KILLS):
        for _ in range(random.randint(1, MOST_ANSWERS)):  # noqa: S311 - a power cut comes whenever it comes
            await answers.acquire()
        await asyncio.to_thread(served.kill)
        await asyncio.to_thread(served.start)


@pytest.mark.timeout(300)
async def test_kills_at_any_moment_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path / "home") as academy:
        course = await paid_course(academy)
        admin = await academy.person(Role.ADMIN)
        buyers = [await academy.person() for _ in range(BUYERS)]
        served, answers = ServedAcademy(tmp_path / "home"), asyncio.Semaphore(0)

        async def story(number: int, manager: Client) -> None:
            async with Client(served, buyers[number], answers) as client:
                transaction_id = await _buy(client, rehearsal(academy), course)
            if number % 2:
                await _send_back(manager, transaction_id)

        await asyncio.to_thread(served.start)
        try:
            async with Client(served, admin, answers) as manager, asyncio.TaskGroup() as group:
                group.create_task(_kill_and_start(served, answers))
                for number in range(BUYERS):
                    group.create_task(story(number, manager))
        finally:
            await asyncio.to_thread(served.stop)

        await academy.work()
        academy.clock.move(hours=1)  # what the killed ones held is free by then
        await academy.work()
        held = await books(academy.academy)
        held.check_end()
        await check_nothing_waits(academy.academy)
        assert sorted(one.status for one in held.transactions) == [TransactionStatus.PAID] * (BUYERS // 2) + [
            TransactionStatus.REFUNDED
        ] * (BUYERS // 2)
        [stored] = held.courses
        assert stored.enrolment_count == BUYERS // 2
