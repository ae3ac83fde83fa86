"""How many codes may be typed for an address, and that nobody learns from it whether the address has an account."""

import asyncio
from datetime import timedelta
from typing import TypeVar, cast

import httpx
import pytest

from academy.features.accounts.errors import WrongCode
from academy.features.accounts.jobs import SWEEP_ACCOUNTS, SweepAccounts
from academy.features.accounts.model import CodeTries
from academy.features.accounts.service import AccountService
from academy.infrastructure.database.base import Collection, Database
from academy.infrastructure.database.document import Document
from academy.infrastructure.security.passwords import PasswordHasher
from academy.infrastructure.security.settings import SecuritySettings
from academy.infrastructure.security.tokens import AccessTokens
from tests.academies.in_process import PASSWORD, TestAcademy
from tests.api.accounts.steps import other, post, problem, sign_in

D = TypeVar("D", bound=Document)

UNKNOWN = "nobody@example.com"
WRONG = "000000"


async def type_wrong(academy: TestAcademy, email: str, times: int) -> None:
    """Types wrong codes that are all counted."""
    for _ in range(times):
        answer = await post(academy, "verify", email=email, code=WRONG)
        assert problem(answer) == (422, "wrong_code")


def paused(answer: httpx.Response) -> bool:
    return problem(answer) == (429, "codes_paused")


async def test_twenty_wrong_codes_pause_the_codes_of_an_address_for_an_hour(academy: TestAcademy) -> None:
    person = await academy.person()
    for email in (person.email, UNKNOWN):
        await type_wrong(academy, email, 20)
    await post(academy, "resend", email=person.email)
    code = await academy.last_code(person.email)
    answers = [await post(academy, "verify", email=email, code=code) for email in (person.email, UNKNOWN)]
    answers.append(await post(academy, "reset-password", email=person.email, code=code, password=PASSWORD))
    assert all(paused(answer) for answer in answers)
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert "work again in 60 min" in answers[0].json()["detail"]
    assert 3590 <= int(answers[0].headers["retry-after"]) <= 3600
    assert (await sign_in(academy, person.email)).status_code == 200, "the password works all the time"
    academy.clock.move(minutes=61)
    await post(academy, "resend", email=person.email)
    code = await academy.last_code(person.email)
    assert (await post(academy, "verify", email=person.email, code=code)).status_code == 200


async def test_a_try_in_a_pause_does_not_make_it_longer(embedded_academy: TestAcademy) -> None:
    await type_wrong(embedded_academy, UNKNOWN, 20)
    embedded_academy.clock.move(minutes=59)
    for _ in range(30):
        assert paused(await post(embedded_academy, "verify", email=UNKNOWN, code=WRONG))
    embedded_academy.clock.move(minutes=1)
    await type_wrong(embedded_academy, UNKNOWN, 1)


async def test_a_hundred_wrong_codes_a_day_are_the_most(embedded_academy: TestAcademy) -> None:
    for _ in range(5):
        await type_wrong(embedded_academy, UNKNOWN, 20)
        embedded_academy.clock.move(minutes=61)
    assert paused(await post(embedded_academy, "verify", email=UNKNOWN, code=WRONG))
    embedded_academy.clock.move(hours=18)
    assert paused(await post(embedded_academy, "verify", email=UNKNOWN, code=WRONG))
    embedded_academy.clock.move(hours=1)
    await type_wrong(embedded_academy, UNKNOWN, 1)


async def test_of_many_tries_at_once_no_more_than_twenty_are_compared(academy: TestAcademy) -> None:
    answers = await asyncio.gather(*(post(academy, "verify", email=UNKNOWN, code=WRONG) for _ in range(40)))
    assert sorted(answer.status_code for answer in answers) == [422] * 20 + [429] * 20


async def test_right_codes_do_not_count(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    person = await academy.person()
    for _ in range(22):
        await post(academy, "resend", email=person.email)
        code = await academy.last_code(person.email)
        assert (await post(academy, "verify", email=person.email, code=code)).status_code == 200
        academy.clock.move(minutes=11)


async def test_strangers_do_not_keep_a_new_address_from_being_confirmed(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    person = await academy.person()
    browser = await academy.signed_in_browser(person=person)
    security = "/account/security"
    await type_wrong(academy, person.email, 20)
    await browser.submit(security, f"{security}/email", email="new@example.com", account_password=PASSWORD)
    code = await academy.last_code("new@example.com")
    confirmed = await browser.submit(f"{security}?code=1", f"{security}/email/confirm", code=code)
    assert confirmed.status_code == 200
    assert (await sign_in(academy, "new@example.com")).status_code == 200


async def test_whose_codes_were_typed_is_not_written_down_and_forgotten_after_a_day(academy: TestAcademy) -> None:
    await type_wrong(academy, UNKNOWN, 3)
    tries = academy.academy.database.collection(CodeTries)
    held = await tries.find({})
    assert [len(one.tries) for one in held] == [3]
    assert UNKNOWN not in str(held)
    academy.clock.move(hours=25)
    await academy.academy.jobs.enqueue(SWEEP_ACCOUNTS, SweepAccounts())
    await academy.work()
    assert await tries.count({}) == 0


class WatchedDatabase:
    """A database that does what the given one does and writes down every call of its collections."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.calls: list[str] = []

    def collection(self, document_type: type[D]) -> Collection[D]:
        """Returns the collection of a class, watched."""
        name = document_type.__collection__
        return cast("Collection[D]", _WatchedCollection(name, self._database.collection(document_type), self.calls))

    def as_database(self) -> Database:
        """Returns itself, for what takes a database."""
        return cast("Database", self)

    def __getattr__(self, name: str) -> object:
        return getattr(self._database, name)


class _WatchedCollection:
    def __init__(self, name: str, collection: object, calls: list[str]) -> None:
        self._name = name
        self._collection = collection
        self._calls = calls

    def __getattr__(self, name: str) -> object:
        self._calls.append(f"{self._name}.{name}")
        return getattr(self._collection, name)


async def nothing(*_: object) -> None:
    return


@pytest.mark.parametrize("path", ["verify", "reset-password"])
async def test_a_wrong_code_is_as_much_work_for_an_unknown_address(academy: TestAcademy, path: str) -> None:
    """A clock would tell otherwise who has an account: here it is the calls of the database that are compared."""
    watched, parts = WatchedDatabase(academy.academy.database), academy.academy
    accounts = AccountService(
        watched.as_database(),
        parts.jobs,
        parts.email,
        academy.clock,
        SecuritySettings(),
        PasswordHasher(4, 10),
        parts.limiter,
        AccessTokens(parts.secret, "x", timedelta(minutes=1), academy.clock),
        parts.session_store,
        parts.secret,
        parts.cache,
        discard_image=nothing,
    ).authentication
    person, idle = await academy.person(), await academy.person()
    for order in ("resend", "forgot-password"):
        await post(academy, order, email=person.email)
    wrong = other(await academy.last_code(person.email))

    async def type_code(email: str) -> None:
        if path == "verify":
            await accounts.verify(email, wrong)
        else:
            await accounts.reset_password(email, wrong, PASSWORD)

    done: dict[str, list[list[str]]] = {}
    for email in (person.email, idle.email, UNKNOWN):
        for _ in range(7):
            watched.calls.clear()
            with pytest.raises(WrongCode):
                await type_code(email)
            done.setdefault(email, []).append(list(watched.calls))
    assert done[UNKNOWN][0], "something was watched"
    assert done[person.email] == done[idle.email] == done[UNKNOWN]
