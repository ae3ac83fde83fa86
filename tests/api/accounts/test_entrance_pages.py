"""The pages on the way in, as a browser without JavaScript sees them."""

import asyncio
import re
from http.cookies import SimpleCookie
from pathlib import Path

import httpx

from academy.infrastructure.security.principal import Role
from academy.web.authentication import SESSION_COOKIE
from tests.academies.in_process import PASSWORD, Browser, TestAcademy, opened_test_academy
from tests.api.accounts.steps import mails_to, other

EMAIL = "asha@example.com"


def field(page: httpx.Response, name: str) -> str:
    """The value that a form's field shows."""
    found = re.search(rf'name="{name}"[^>]* value="([^"]*)"', page.text)
    assert found, f"no field {name}"
    return found.group(1)


def mistake(page: httpx.Response, name: str) -> str:
    """What a form says about a field."""
    found = re.search(rf'<p class="error" id="{name}-error">([^<]*)</p>', page.text)
    return found.group(1) if found else ""


async def test_register_code_verify_welcome_signed_in(academy: TestAcademy) -> None:
    browser = academy.browser()
    page = await browser.submit("/register?next=/courses", "/register", name="", email="asha@", password="short")
    assert page.status_code == 422
    assert (field(page, "email"), mistake(page, "name")) == ("asha@", "This is needed.")
    page = await browser.submit("/register", "/register", name="Asha Rao", email="asha@", password=PASSWORD)
    assert (field(page, "name"), field(page, "email")) == ("Asha Rao", "asha@")
    assert mistake(page, "email").startswith("This is not an e-mail address")
    page = await browser.submit("/register", "/register", name="Asha Rao", email=EMAIL, password="short")
    assert mistake(page, "password") == "Use at least 10 characters."
    assert "short" not in page.text
    page = await browser.submit(
        "/register?next=/courses", "/register", name="Asha Rao", email=EMAIL, password=PASSWORD, next="/courses"
    )
    assert (page.url.path, field(page, "email"), field(page, "next")) == ("/verify", EMAIL, "/courses")
    assert 'href="/dev/mail"' in page.text
    code = await academy.last_code(EMAIL)
    page = await browser.submit(str(page.url), "/verify", email=EMAIL, code=other(code), next="/courses")
    assert (page.status_code, field(page, "email"), field(page, "next")) == (422, EMAIL, "/courses")
    assert mistake(page, "code").startswith("This code is wrong")
    spaced = f" {code[:3]} {code[3:]} "
    page = await browser.submit(str(page.url), "/verify", email=EMAIL, code=spaced, next="/courses")
    assert (page.status_code, page.url.path) == (200, "/courses")
    assert "Account of Asha Rao" in page.text
    assert await mails_to(academy, EMAIL) == ["is your code for Rtech Academy", "Welcome to Rtech Academy"]
    assert (await browser.get("/login")).url.path == "/dashboard"


async def test_a_new_code_from_the_page(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    browser = academy.browser()
    page = await browser.submit("/register", "/register", name="Asha", email=EMAIL, password=PASSWORD)
    await academy.work()
    academy.clock.move(seconds=31)
    page = await browser.submit(str(page.url), "/verify/resend", email=EMAIL)
    assert (page.url.path, "a code is on its way" in page.text) == ("/verify", True)
    assert len(await mails_to(academy, EMAIL)) == 2
    code = await academy.last_code(EMAIL)
    assert (await browser.submit(str(page.url), "/verify", email=EMAIL, code=code)).url.path == "/dashboard"


async def test_signing_in(academy: TestAcademy) -> None:
    person = await academy.person()
    browser = academy.browser()
    page = await browser.submit("/login", "/login", email=person.email, password="not the password")
    assert (page.status_code, field(page, "email")) == (422, person.email)
    assert "do not belong together" in page.text
    nobody = await browser.submit("/login", "/login", email="nobody@example.com", password="not the password")
    assert nobody.status_code == 422
    assert "do not belong together" in nobody.text
    page = await browser.submit("/login", "/login/code/send", email="")
    assert (page.status_code, mistake(page, "email")) == (422, "Type your e-mail address first; the code goes there.")
    page = await browser.submit("/login", "/login/code/send", email=person.email, next="/courses")
    assert (page.url.path, field(page, "next")) == ("/login/code", "/courses")
    code = await academy.last_code(person.email)
    page = await browser.submit(str(page.url), "/login/code", email=person.email, code=other(code), next="/courses")
    assert (page.status_code, mistake(page, "code") != "") == (422, True)
    page = await browser.submit(str(page.url), "/login/code", email=person.email, code=code, next="/courses")
    assert (page.url.path, "Account of" in page.text) == ("/courses", True)


async def test_a_page_that_needs_an_account_leads_to_sign_in_and_back(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    person = await academy.person()
    browser = academy.browser()
    page = await browser.get("/account/sessions?x=1&y=2")
    assert (page.url.path, field(page, "next")) == ("/login", "/account/sessions?x=1&amp;y=2")
    page = await browser.submit(
        str(page.url), "/login", email=person.email, password=PASSWORD, next="/account/sessions?x=1&y=2"
    )
    assert str(page.url) == "http://academy.test/account/sessions?x=1&y=2"


async def test_a_forgotten_password(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    person = await academy.person()
    old, browser = await academy.signed_in_browser(person=person), academy.browser()
    page = await browser.submit("/forgot-password", "/forgot-password", email="asha")
    known = await browser.submit("/forgot-password", "/forgot-password", email=person.email)
    unknown = await academy.browser().submit("/forgot-password", "/forgot-password", email="nobody@example.com")
    assert known.url.path == unknown.url.path == "/reset-password"
    code = await academy.last_code(person.email)
    page = await browser.submit(str(known.url), "/reset-password", email=person.email, code=code, password="p" * 73)
    assert (page.status_code, field(page, "code"), "72 bytes" in mistake(page, "password")) == (422, code, True)
    page = await browser.submit(
        str(known.url), "/reset-password", email=person.email, code=code, password="another long password"
    )
    assert page.url.path == "/dashboard"
    assert (await old.get("/account")).url.path == "/login"


async def test_who_signs_in_before_proving_the_address_is_asked_for_the_code(
    embedded_academy: TestAcademy,
) -> None:
    academy = embedded_academy
    browser = academy.browser()
    await browser.submit("/register", "/register", name="Asha", email=EMAIL, password=PASSWORD)
    page = await browser.submit("/login", "/login", email=EMAIL, password=PASSWORD)
    assert (page.url.path, field(page, "email")) == ("/verify", EMAIL)
    assert "Confirm your e-mail address first" in page.text


async def test_signing_out_ends_the_session_even_when_pressed_twice(academy: TestAcademy) -> None:
    person = await academy.person()
    browser = await academy.signed_in_browser(person=person)
    copied = browser.cookies[SESSION_COOKIE]
    page = await browser.get("/account")
    token = field(page, "_csrf_token")
    answers = await asyncio.gather(*(browser.post("/logout", data={"_csrf_token": token}) for _ in range(3)))
    assert {answer.url.path for answer in answers} <= {"/", "/logout"}
    assert {answer.status_code for answer in answers} <= {200, 403}  # 403: the form of a session that has ended
    assert 200 in {answer.status_code for answer in answers}
    assert SESSION_COOKIE not in browser.cookies
    thief = academy.browser()
    thief.cookies.set(SESSION_COOKIE, copied, domain="academy.test")
    assert (await thief.get("/account")).url.path == "/login"


async def session_cookie(browser: Browser, email: str) -> SimpleCookie:
    """The cookie that signing in sets, with its attributes."""
    token = field(await browser.get("/login"), "_csrf_token")
    form = {"_csrf_token": token, "email": email, "password": PASSWORD}
    answer = await browser.post("/login", data=form, follow_redirects=False)
    assert answer.status_code == 303
    cookies = SimpleCookie()
    for header in answer.headers.get_list("set-cookie"):
        if header.startswith(SESSION_COOKIE):
            cookies.load(header)
    return cookies


async def test_the_session_cookie(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    person = await academy.person()
    cookie = (await session_cookie(academy.browser(), person.email))[SESSION_COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "lax", "/")
    assert (cookie["domain"], cookie["secure"]) == ("", "")
    assert int(cookie["max-age"]) == 90 * 86_400
    assert len(cookie.value) == 43


async def test_under_https_cookies_are_secure(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, BASE_URL="https://academy.test", SESSION_MAX_DAYS="30") as academy:
        person = await academy.person()
        browser = academy.browser()
        browser.base_url = httpx.URL("https://academy.test")
        cookie = (await session_cookie(browser, person.email))[SESSION_COOKIE]
        assert (cookie["secure"], cookie["httponly"], int(cookie["max-age"])) == (True, True, 30 * 86_400)
        for header in (await academy.browser().get("/login")).headers.get_list("set-cookie"):
            assert "Secure" in header


async def test_signing_in_makes_a_new_session_and_ends_the_one_before(academy: TestAcademy) -> None:
    first, second = await academy.person(), await academy.person()
    browser = academy.browser()
    # Somebody planted a session id of their choice.
    browser.cookies.set(SESSION_COOKIE, "planted", domain="academy.test", path="/")
    await browser.submit("/login", "/login", email=first.email, password=PASSWORD)
    planted = academy.browser()
    planted.cookies.set(SESSION_COOKIE, "planted", domain="academy.test", path="/")
    assert (await planted.get("/account")).url.path == "/login"
    before = browser.cookies[SESSION_COOKIE]
    assert before != "planted"
    await browser.submit("/account", "/login", email=second.email, password=PASSWORD)
    assert browser.cookies[SESSION_COOKIE] != before
    assert len(await academy.academy.accounts.sessions.list_of(first)) == 0
    assert len(await academy.academy.accounts.sessions.list_of(second)) == 1


ELSEWHERE = (
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "\\\\evil.example",
    "/\t/evil.example/",
    "/\n/evil.example/",
    "///evil.example",
    "javascript:alert(1)",
    "evil.example",
    "%2F%2Fevil.example",
)


async def test_no_link_to_sign_in_leads_elsewhere(embedded_academy: TestAcademy) -> None:
    person = await embedded_academy.person()
    for target in ELSEWHERE:
        browser = embedded_academy.browser()
        answer = await browser.get("/login", params={"next": target})
        assert 'name="next"' not in answer.text, target
        token = field(answer, "_csrf_token")
        form = {"_csrf_token": token, "email": person.email, "password": PASSWORD, "next": target}
        answer = await browser.post("/login", data=form, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard"), target
        answer = await browser.get("/login", params={"next": target}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard"), target
        await browser.submit("/account", "/logout")


async def test_passwords_stand_in_no_page_and_the_pages_are_not_kept(embedded_academy: TestAcademy) -> None:
    browser = await embedded_academy.signed_in_browser(Role.ADMIN)
    for path in ("/account", "/account/sessions", "/account/data", "/account/data/export", "/admin", "/admin/users"):
        answer = await browser.get(path)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "private, no-store", path
        assert "$2b$" not in answer.text


async def test_a_session_lives_while_it_is_used_but_not_for_ever(embedded_academy: TestAcademy) -> None:
    person = await embedded_academy.person()
    browser, idle = [await embedded_academy.signed_in_browser(person=person) for _ in range(2)]
    for _ in range(6):
        embedded_academy.clock.move(days=13)
        assert (await browser.get("/account")).url.path == "/account"
    assert (await idle.get("/account")).url.path == "/login"
    embedded_academy.clock.move(days=11)
    assert (await browser.get("/account")).url.path == "/account"
    embedded_academy.clock.move(days=1, seconds=1)
    assert (await browser.get("/account")).url.path == "/login"
