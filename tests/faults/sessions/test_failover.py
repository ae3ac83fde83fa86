"""The sentinels of the sessions' Redis replace its master: who was signed in still is, as far as it was replicated."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from academy.infrastructure.security.principal import Recognised
from academy.infrastructure.sessions.base import SessionsUnavailable
from academy.web.authentication import SESSION_COOKIE
from tests.academies.in_process import PASSWORD, TestAcademy, opened_test_academy
from tests.contracts.cache.places import until
from tests.faults.cache.timing import LIMIT, SLACK, Stopwatch
from tests.faults.sessions.test_outages import is_back, says_try_later
from tests.servers.redis import MASTER, RedisServer, SentinelSet, running_sentinels

FAILOVER_SECONDS = 30
# Of which each may wait: they lead from a cookie to its session.
COMMANDS = 2


@pytest.fixture
def sentinels() -> Iterator[SentinelSet]:
    with running_sentinels() as sentinels:
        yield sentinels


@pytest.fixture
async def academy(tmp_path: Path, sentinels: SentinelSet) -> AsyncIterator[TestAcademy]:
    where = {"REDIS_SENTINELS": sentinels.addresses, "REDIS_SENTINEL_MASTER": MASTER}
    async with opened_test_academy(tmp_path, SESSION_STORE="redis", **where) as opened:
        await until(lambda: is_back(opened))
        yield opened


def replicate(sentinels: SentinelSet) -> None:
    """Waits until the replica has what the master has now: WAIT looks at what its own connection wrote."""
    written = offset(sentinels.master, "master_repl_offset")
    sentinels.replica.wait_until(lambda: offset(sentinels.replica, "slave_repl_offset") >= written)


def offset(server: RedisServer, name: str) -> int:
    found = re.search(rf"^{name}:(\d+)", server.ask("INFO", "replication"), re.MULTILINE)
    return int(found[1]) if found else -1


@pytest.mark.parametrize("fault", ["kill", "freeze"])
async def test_a_session_survives_the_failover(academy: TestAcademy, sentinels: SentinelSet, fault: str) -> None:
    person = await academy.person()
    browser, api = await academy.signed_in_browser(person=person), await academy.signed_in_api(person=person)
    cookie = browser.cookies[SESSION_COOKIE]
    await asyncio.to_thread(replicate, sentinels)
    await asyncio.to_thread(getattr(sentinels.master, fault))

    assert says_try_later(await browser.get("/account"))
    longest, deadline = 0.0, time.monotonic() + FAILOVER_SECONDS
    recognised: Recognised | None = None
    while recognised is None:
        assert time.monotonic() < deadline, "the replica did not take over"
        async with Stopwatch.running() as watch:
            with suppress(SessionsUnavailable):
                recognised = await academy.academy.accounts.sessions.recognise(cookie)
                assert recognised, "nobody is signed out, not even for a moment"
            longest = max(longest, watch.waited())
        await asyncio.sleep(0.005)
    assert longest < COMMANDS * LIMIT + SLACK, f"a request waited {longest:.3f} s"
    assert (await browser.get("/account")).url.path == "/account"
    assert browser.cookies[SESSION_COOKIE] == cookie
    assert "role:master" in sentinels.replica.ask("INFO", "replication")
    assert (await api.get("me")).json()["email"] == person.email
    assert len(await academy.academy.accounts.sessions.list_of(person)) == 2
    left = await browser.submit("/account", "/logout")
    assert "You are signed out." in left.text


async def test_what_was_not_replicated_signs_in_again(academy: TestAcademy, sentinels: SentinelSet) -> None:
    early, late = await academy.person(), await academy.person()
    of_early = await academy.signed_in_browser(person=early)
    await asyncio.to_thread(replicate, sentinels)
    # From now on the replica hears of nothing; the sentinels would mend that after a while.
    assert sentinels.replica.ask("REPLICAOF", "127.0.0.1", str(sentinels.sentinels[0].port)) == "+OK"
    of_late = await academy.signed_in_browser(person=late)
    await asyncio.to_thread(sentinels.master.kill)
    await until(lambda: is_back(academy), seconds=FAILOVER_SECONDS)
    assert (await of_early.get("/account")).url.path == "/account"
    page = await of_late.get("/account")
    assert (page.url.path, page.url.params["next"]) == ("/login", "/account")
    page = await of_late.submit("/login", "/login", email=late.email, password=PASSWORD, next="/account")
    assert page.url.path == "/account"
