"""Redis with the sessions is stopped, killed, frozen, slow, flushed: nobody is let in unchecked, nobody signed out."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from academy.features.accounts.administration import COMMAND_LINE
from academy.features.accounts.model import User
from academy.infrastructure.security.principal import Role
from academy.infrastructure.sessions.base import SessionsUnavailable
from academy.kit.ids import new_id
from academy.web.authentication import SESSION_COOKIE
from tests.academies.in_process import PASSWORD, Browser, TestAcademy, opened_test_academy
from tests.contracts.cache.places import until
from tests.faults.cache.proxy import running_proxy
from tests.faults.cache.timing import LIMIT, SLACK, Stopwatch
from tests.servers.redis import RedisServer

ANOTHER = "another long password"


def says_try_later(answer: httpx.Response) -> bool:
    """Whether somebody is told, where they are, that it cannot be known who they are."""
    assert answer.status_code == 503, (answer.status_code, str(answer.url))
    assert int(answer.headers["retry-after"]) > 0
    assert answer.request.method != "GET" or answer.headers["cache-control"] == "private, no-store"
    assert "Your sign-in cannot be checked at the moment" in answer.text
    assert not any(cookie.startswith(SESSION_COOKIE) for cookie in answer.headers.get_list("set-cookie"))
    return True


async def is_back(academy: TestAcademy) -> bool:
    return await academy.academy.session_store.health_check() == ""


async def post_form(browser: Browser, action: str, token: str, **fields: str) -> httpx.Response:
    return await browser.post(action, data={"_csrf_token": token, **fields})


async def token_of(browser: Browser, page: str) -> str:
    return (await browser.get(page)).text.partition('name="_csrf_token" value="')[2].partition('"')[0]


@pytest.mark.parametrize("fault", ["stop", "kill", "freeze"])
async def test_an_outage_signs_nobody_in_or_out(academy: TestAcademy, server: RedisServer, fault: str) -> None:
    person = await academy.person(Role.ADMIN)
    browser, api = await academy.signed_in_browser(person=person), await academy.signed_in_api(person=person)
    cookie, token = browser.cookies[SESSION_COOKIE], await token_of(browser, "/account")
    await asyncio.to_thread(getattr(server, fault))

    # What anybody may read is there, for nobody else's cache.
    page = await browser.get("/courses")
    assert (page.status_code, page.headers["cache-control"]) == (200, "private, no-store")
    assert person.name not in page.text
    assert 'href="/login"' not in page.text, "it is not known that they are signed out"
    listed = await api.get("courses")
    assert (listed.status_code, listed.headers["cache-control"]) == (200, "private, no-store")
    # What is somebody's waits, at its place.
    for path in ("/account", "/account/sessions?x=1", "/admin", "/learn/anything", "/dashboard"):
        page = await browser.get(path)
        assert says_try_later(page)
        assert page.url.raw_path.decode() == path
        assert f'href="{path}">Try again</a>' in page.text
    problem = (await api.get("me")).json()
    assert (problem["status"], problem["code"]) == (503, "sessions_unavailable")
    # A player that asks for fresh addresses is not told that the lesson is locked, or not there.
    renewed = await browser.get("/learn/anything/lesson/playback")
    assert (renewed.status_code, renewed.json()["code"]) == (503, "sessions_unavailable")
    assert int(renewed.headers["retry-after"]) > 0
    assert says_try_later(await api.get("me"))
    assert says_try_later(await api.patch("me", json={"name": "Nobody"}))
    # So does what changes something.
    assert says_try_later(await post_form(browser, "/account", token, name="Nobody"))
    assert says_try_later(await post_form(browser, "/logout", token))
    assert browser.cookies[SESSION_COOKIE] == cookie
    # And signing in.
    stranger = academy.browser()
    assert says_try_later(await stranger.submit("/login", "/login", email=person.email, password=PASSWORD))
    assert SESSION_COOKIE not in stranger.cookies
    refused = await academy.api().post("auth/login", json={"email": person.email, "password": PASSWORD})
    assert says_try_later(refused)
    # Strangers notice nothing.
    assert (await academy.browser().get("/account")).url.path == "/login"
    assert (await academy.api().get("me")).status_code == 401

    await asyncio.to_thread(server.thaw if fault == "freeze" else server.start)
    await until(lambda: is_back(academy), seconds=30)
    assert (await browser.get("/account")).url.path == "/account"
    assert browser.cookies[SESSION_COOKIE] == cookie
    assert (await api.get("me")).json()["name"] == person.name
    assert len(await academy.academy.accounts.sessions.list_of(person)) >= 2


@pytest.mark.parametrize("fault", ["kill", "freeze"])
async def test_an_outage_costs_the_limit_once(academy: TestAcademy, server: RedisServer, fault: str) -> None:
    desk = academy.academy.accounts.sessions
    browser = await academy.signed_in_browser()
    await browser.get("/courses")
    await asyncio.to_thread(getattr(server, fault))
    async with Stopwatch.running() as watch:
        answers = await asyncio.gather(
            *(desk.recognise(browser.cookies[SESSION_COOKIE]) for _ in range(100)), return_exceptions=True
        )
        first = watch.waited()
    assert {type(answer).__name__ for answer in answers} == {"SessionsUnavailable"}
    assert first < LIMIT + SLACK, f"the first calls took {first:.3f} s"
    times = []
    for _ in range(100):
        began = time.monotonic()
        with pytest.raises(SessionsUnavailable):
            await desk.recognise(browser.cookies[SESSION_COOKIE])
        times.append(time.monotonic() - began)
    assert statistics.median(times) < LIMIT / 10, "nobody waits for a Redis that is known to be away"
    assert says_try_later(await browser.get("/account"))
    await asyncio.to_thread(server.thaw)


async def test_health_says_so_and_stays_ready(academy: TestAcademy, server: RedisServer) -> None:
    server.stop()
    report = await academy.academy.admin.health()
    assert (report.status, report.checks["sessions"].status) == ("degraded", "degraded")
    assert "Redis" in report.checks["sessions"].detail
    assert (await academy.browser().get("/health/ready")).status_code == 200
    await asyncio.to_thread(server.start)
    await until(lambda: is_back(academy), seconds=30)
    academy.clock.move(seconds=6)
    assert (await academy.academy.admin.health()).checks["sessions"].status == "healthy"


async def test_sessions_survive_a_restart_of_a_redis_that_keeps_data(academy: TestAcademy, server: RedisServer) -> None:
    browser, api = await academy.signed_in_browser(), await academy.signed_in_api()
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    await until(lambda: is_back(academy), seconds=30)
    assert (await browser.get("/account")).url.path == "/account"
    assert (await api.get("me")).status_code == 200


async def test_after_a_flush_everybody_signs_in_again(academy: TestAcademy, server: RedisServer) -> None:
    person = await academy.person()
    browser = await academy.signed_in_browser(person=person)
    tokens = (await academy.api().post("auth/login", json={"email": person.email, "password": PASSWORD})).json()
    server.flush()
    page = await browser.get("/account")
    assert (page.url.path, page.url.params["next"]) == ("/login", "/account")
    assert (await academy.api(tokens["access_token"]).get("me")).status_code == 401
    refused = await academy.api().post("auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_refresh_token")
    page = await browser.submit("/login", "/login", email=person.email, password=PASSWORD, next="/account")
    assert page.url.path == "/account"
    assert len(await academy.academy.accounts.sessions.list_of(person)) == 1


async def test_what_ends_sessions_works_without_redis_and_counts_when_it_is_back(
    academy: TestAcademy, server: RedisServer
) -> None:
    shut = await academy.person()
    browser, api = await academy.signed_in_browser(person=shut), await academy.signed_in_api(person=shut)
    server.stop()
    await academy.academy.administration.suspend(COMMAND_LINE, shut.user_id)
    await academy.academy.administration.unsuspend(COMMAND_LINE, shut.user_id)
    await asyncio.to_thread(server.start)
    await until(lambda: is_back(academy), seconds=30)
    assert (await browser.get("/account")).url.path == "/login"
    assert (await api.get("me")).status_code == 401
    assert len(await academy.academy.session_store.sessions_of(shut.user_id)) == 2, "Redis still has them"
    assert await academy.academy.accounts.sessions.list_of(shut) == []


Send = Callable[[str, str], Awaitable[httpx.Response]]


async def ways_in_by_code(academy: TestAcademy) -> list[tuple[str, str, Send]]:
    """Every way to sign in with a code: an address, its code, and what sends both and signs in."""

    def page(path: str, **fields: str) -> Send:
        browser = academy.browser()
        return lambda email, code: browser.submit(path, path, email=email, code=code, **fields)

    def api(path: str, **fields: str) -> Send:
        return lambda email, code: academy.api().post(path, json={"email": email, "code": code, **fields})

    ordered = {
        "auth/resend": [page("/login/code"), page("/verify"), api("auth/verify")],
        "auth/forgot-password": [
            page("/reset-password", password=ANOTHER),
            api("auth/reset-password", password=ANOTHER),
        ],
        "auth/register": [page("/verify"), api("auth/verify")],
    }
    found = []
    for order, sends in ordered.items():
        for send in sends:
            email = f"{new_id()}@example.com"
            body = {"email": email}
            if order == "auth/register":
                body |= {"name": "Asha Rao", "password": PASSWORD}
            else:
                await academy.person(email=email)
            assert (await academy.api().post(order, json=body)).status_code == 202
            found.append((email, await academy.last_code(email), send))
    return found


async def accounts_of(academy: TestAcademy, ways: list[tuple[str, str, Send]]) -> list[User | None]:
    users = academy.academy.database.collection(User)
    return [await users.find_one({"email_key": email}) for email, _, _ in ways]


async def test_an_outage_costs_no_code_and_changes_no_password(academy: TestAcademy, server: RedisServer) -> None:
    ways = await ways_in_by_code(academy)
    before = await accounts_of(academy, ways)
    server.stop()
    for email, code, send in ways:
        for _ in range(academy.academy.settings.security.code_tries + 1):
            assert says_try_later(await send(email, code))
        assert says_try_later(await send(email, "000000")), "nor does it tell which code is right"
        assert says_try_later(await send("nobody@example.com", code)), "nor which address has an account"
    await asyncio.to_thread(server.start)
    await until(lambda: is_back(academy), seconds=30)
    assert await accounts_of(academy, ways) == before, "the same passwords, and nobody proven"
    for email, code, send in ways:
        answer = await send(email, code)
        assert answer.status_code == 200, (str(answer.url), answer.text)


async def test_a_full_redis_costs_no_code(academy: TestAcademy, server: RedisServer) -> None:
    ways = await ways_in_by_code(academy)
    server.ask("CONFIG", "SET", "maxmemory", "1")
    for email, code, send in ways:
        assert says_try_later(await send(email, code))
    server.ask("CONFIG", "SET", "maxmemory", "0")
    for email, code, send in ways:
        assert (await send(email, code)).status_code == 200


async def test_a_refresh_token_is_not_used_up_by_an_outage(academy: TestAcademy, server: RedisServer) -> None:
    person = await academy.person()
    tokens = (await academy.api().post("auth/login", json={"email": person.email, "password": PASSWORD})).json()
    body = {"refresh_token": tokens["refresh_token"]}
    server.stop()
    for path in ("auth/refresh", "auth/logout"):
        assert says_try_later(await academy.api().post(path, json=body))
    await asyncio.to_thread(server.start)
    await until(lambda: is_back(academy), seconds=30)
    assert (await academy.api().post("auth/refresh", json=body)).status_code == 200


async def test_a_full_redis_takes_no_new_sessions_and_keeps_the_old_ones(
    academy: TestAcademy, server: RedisServer
) -> None:
    person = await academy.person()
    browser = await academy.signed_in_browser(person=person)
    server.ask("CONFIG", "SET", "maxmemory", "1")
    academy.clock.move(minutes=2)
    assert (await browser.get("/account")).url.path == "/account", "that its end cannot be moved stops nobody"
    await academy.academy.administration.set_role(COMMAND_LINE, person.user_id, Role.INSTRUCTOR)
    before = browser.cookies[SESSION_COOKIE]
    assert (await browser.get("/studio")).status_code == 200
    assert browser.cookies[SESSION_COOKIE] == before
    assert says_try_later(await academy.browser().submit("/login", "/login", email=person.email, password=PASSWORD))
    server.ask("CONFIG", "SET", "maxmemory", "0")
    assert (await browser.get("/studio")).status_code == 200
    assert browser.cookies[SESSION_COOKIE] != before, "made up for as soon as it can be"


async def test_a_slow_redis_counts_as_away_until_it_is_quick_again(tmp_path: Path, server: RedisServer) -> None:
    async with (
        running_proxy(server.port) as proxy,
        opened_test_academy(tmp_path, SESSION_STORE="redis", REDIS_URL=proxy.url) as academy,
    ):
        browser = await academy.signed_in_browser()
        proxy.delay = 0.5
        for _ in range(3):
            assert says_try_later(await browser.get("/account"))
            assert (await browser.get("/courses")).status_code == 200
        proxy.mend()
        await until(lambda: is_back(academy), seconds=30)
        assert (await browser.get("/account")).url.path == "/account"


async def test_a_start_without_redis_is_a_start(tmp_path: Path, server: RedisServer) -> None:
    server.stop()
    async with opened_test_academy(tmp_path, SESSION_STORE="redis", REDIS_URL=server.url) as academy:
        assert (await academy.browser().get("/courses")).status_code == 200
        person = await academy.person()
        assert says_try_later(await academy.browser().submit("/login", "/login", email=person.email, password=PASSWORD))
        await asyncio.to_thread(server.start)
        await until(lambda: is_back(academy), seconds=30)
        assert (await (await academy.signed_in_browser(person=person)).get("/account")).url.path == "/account"
