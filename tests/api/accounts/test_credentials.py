"""A session's secret is new with every sign-in and every role; what ends sessions ends them wherever they are kept."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx

from academy.features.accounts.administration import COMMAND_LINE
from academy.infrastructure.security.principal import Role
from academy.infrastructure.sessions.model import GRACE
from academy.kit.ids import new_id, new_token
from academy.web.authentication import SESSION_COOKIE
from tests.academies.in_process import PASSWORD, Browser, TestAcademy
from tests.api.accounts.steps import post, problem, register, sign_in

ANOTHER = "another long password"


def with_cookie(academy: TestAcademy, token: str) -> Browser:
    browser = academy.browser()
    browser.cookies.set(SESSION_COOKIE, token, domain="academy.test", path="/")
    return browser


async def reaches_account(browser: httpx.AsyncClient) -> bool:
    return (await browser.get("/account")).url.path == "/account"


async def promote(academy: TestAcademy, user_id: str, role: Role = Role.INSTRUCTOR) -> None:
    await academy.academy.administration.set_role(COMMAND_LINE, user_id, role)


Send = Callable[[Browser], Awaitable[httpx.Response]]


async def ways_to_sign_in(academy: TestAcademy) -> list[Send]:
    """Every way of the website to sign in, each as somebody of its own."""

    def by(path: str, **fields: str) -> Send:
        # The form of a page that is there for strangers and for who is signed in.
        return lambda browser: browser.submit("/forgot-password", path, **fields)

    async def code_for(order: str, email: str) -> str:
        await post(academy, order, email=email)
        return await academy.last_code(email)

    emails = [(await academy.person()).email for _ in range(3)]
    newcomer = f"{new_id()}@example.com"
    await register(academy, newcomer)
    return [
        by("/login", email=emails[0], password=PASSWORD),
        by("/login/code", email=emails[1], code=await code_for("resend", emails[1])),
        by("/reset-password", email=emails[2], code=await code_for("forgot-password", emails[2]), password=ANOTHER),
        by("/verify", email=newcomer, code=await academy.last_code(newcomer)),
    ]


async def test_session_fixation_by_a_secret_that_the_attacker_chose(academy: TestAcademy) -> None:
    for sign_in_by in await ways_to_sign_in(academy):
        chosen = new_token()
        browser = with_cookie(academy, chosen)
        answer = await sign_in_by(browser)
        assert answer.status_code == 200, answer.text
        assert browser.cookies[SESSION_COOKIE] != chosen
        assert await reaches_account(browser)
        assert not await reaches_account(with_cookie(academy, chosen))


async def test_session_fixation_by_a_session_of_the_attacker(academy: TestAcademy) -> None:
    """The attacker's own session, planted in the victim's browser, is over when the victim signs in over it."""
    attacker = await academy.person()
    for sign_in_by in await ways_to_sign_in(academy):
        planted = (await academy.signed_in_browser(person=attacker)).cookies[SESSION_COOKIE]
        browser = with_cookie(academy, planted)
        assert await reaches_account(browser)
        answer = await sign_in_by(browser)
        assert answer.status_code == 200, answer.text
        assert browser.cookies[SESSION_COOKIE] != planted
        assert await reaches_account(browser)
        assert not await reaches_account(with_cookie(academy, planted))
        assert await academy.academy.session_store.sessions_of(attacker.user_id) == [], "destroyed, not only unknown"


async def test_a_role_change_gives_the_browser_a_fresh_secret(academy: TestAcademy) -> None:
    person = await academy.person()
    browser = await academy.signed_in_browser(person=person)
    before = browser.cookies[SESSION_COOKIE]
    assert (await browser.get("/courses")).status_code == 200
    assert browser.cookies[SESSION_COOKIE] == before
    await promote(academy, person.user_id)
    answer = await browser.get("/studio")
    assert answer.status_code == 200
    after = browser.cookies[SESSION_COOKIE]
    assert after != before
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith(SESSION_COOKIE))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert answer.headers["cache-control"] == "private, no-store"
    assert await reaches_account(with_cookie(academy, before)), "a request that was under way"
    academy.clock.move(seconds=GRACE.total_seconds())
    assert not await reaches_account(with_cookie(academy, before))
    assert await reaches_account(browser)
    assert browser.cookies[SESSION_COOKIE] == after, "once for each change"
    assert len(await academy.academy.accounts.sessions.list_of(person)) == 1


async def test_requests_at_the_same_time_as_a_role_change_sign_nobody_out(academy: TestAcademy) -> None:
    person = await academy.person()
    before = (await academy.signed_in_browser(person=person)).cookies[SESSION_COOKIE]
    await promote(academy, person.user_id)
    tabs = [with_cookie(academy, before) for _ in range(6)]
    answers = await asyncio.gather(*(tab.get("/account") for tab in tabs))
    assert [answer.url.path for answer in answers] == ["/account"] * 6
    fresh = {token for tab in tabs if (token := tab.cookies[SESSION_COOKIE]) != before}
    assert len(fresh) == 1, "one of them rotates the secret"
    academy.clock.move(seconds=GRACE.total_seconds())
    assert await reaches_account(with_cookie(academy, fresh.pop()))
    assert not await reaches_account(with_cookie(academy, before))


async def test_a_form_sent_after_a_role_change_is_taken_and_rotates(academy: TestAcademy) -> None:
    person = await academy.person()
    browser = await academy.signed_in_browser(person=person)
    before = browser.cookies[SESSION_COOKIE]
    await browser.get("/account/preferences")
    await promote(academy, person.user_id)
    page = await browser.submit("/account/sessions", "/account", name="Asha the Teacher", headline="", bio="", links="")
    assert page.status_code == 200
    assert browser.cookies[SESSION_COOKIE] != before


async def test_signing_out_right_after_a_role_change_leaves_no_cookie(academy: TestAcademy) -> None:
    person = await academy.person()
    browser = await academy.signed_in_browser(person=person)
    token = (await browser.get("/courses")).text.partition('name="_csrf_token" value="')[2].partition('"')[0]
    await promote(academy, person.user_id)
    page = await browser.post("/logout", data={"_csrf_token": token})
    assert "You are signed out." in page.text
    assert SESSION_COOKIE not in browser.cookies
    assert await academy.academy.accounts.sessions.list_of(person) == []


async def test_an_error_page_carries_the_fresh_secret_too(academy: TestAcademy) -> None:
    person = await academy.person()
    browser = await academy.signed_in_browser(person=person)
    before = browser.cookies[SESSION_COOKIE]
    await promote(academy, person.user_id)
    assert (await browser.get("/courses/there-is-no-such")).status_code == 404
    assert browser.cookies[SESSION_COOKIE] != before


async def test_a_password_change_keeps_this_session_and_ends_the_others(academy: TestAcademy) -> None:
    person = await academy.person()
    here, there = await academy.signed_in_browser(person=person), await academy.signed_in_browser(person=person)
    tokens = (await sign_in(academy, person.email)).json()
    await here.submit("/account/security", "/account/security/password", current_password=PASSWORD, password=ANOTHER)
    assert await reaches_account(here)
    assert not await reaches_account(there)
    assert (await academy.api(tokens["access_token"]).get("me")).status_code == 401
    refused = await post(academy, "refresh", refresh_token=tokens["refresh_token"])
    assert problem(refused) == (401, "invalid_refresh_token")
    # A session that begins now, and one more change: the one that is kept is always the one that asks.
    later = academy.browser()
    await later.submit("/login", "/login", email=person.email, password=ANOTHER)
    assert await reaches_account(here)
    await later.submit("/account/security", "/account/security/password", current_password=ANOTHER, password=PASSWORD)
    assert await reaches_account(later)
    assert not await reaches_account(here)


async def test_all_that_ends_sessions_ends_them_also_in_a_store_that_still_has_them(academy: TestAcademy) -> None:
    """The account says that they are over. A store that could not be told, or was set back, does not matter."""
    store = academy.academy.session_store
    person = await academy.person()
    browser, api = await academy.signed_in_browser(person=person), await academy.signed_in_api(person=person)
    kept = await store.sessions_of(person.user_id)
    assert len(kept) == 2
    await academy.academy.administration.suspend(COMMAND_LINE, person.user_id)
    await academy.academy.administration.unsuspend(COMMAND_LINE, person.user_id)
    assert await store.sessions_of(person.user_id) == []
    for session in kept:
        await store.create_session(session)
    assert len(await store.sessions_of(person.user_id)) == 2
    assert not await reaches_account(browser)
    assert (await api.get("me")).status_code == 401
    assert await academy.academy.accounts.sessions.list_of(person) == []
    assert await reaches_account(await academy.signed_in_browser(person=person)), "a new one counts"


async def test_no_sign_in_outlives_a_suspension_at_the_same_time(academy: TestAcademy) -> None:
    """Also where a session is kept only after the transaction that admitted its account."""
    person = await academy.person()
    administration = academy.academy.administration
    signing_in = [asyncio.create_task(sign_in(academy, person.email)) for _ in range(6)]
    await signing_in[0]
    await administration.suspend(COMMAND_LINE, person.user_id)
    answers = await asyncio.gather(*signing_in)
    await administration.unsuspend(COMMAND_LINE, person.user_id)
    tokens = [answer.json()["access_token"] for answer in answers if answer.status_code == 200]
    assert tokens
    for token in tokens:
        assert (await academy.api(token).get("me")).status_code == 401
