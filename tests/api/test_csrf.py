"""A form is taken from our own pages only, and from the visitor who was shown it."""

import asyncio
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from academy.features.courses.model import LessonKind
from academy.infrastructure.security.principal import Role
from academy.web.csrf import CSRF_COOKIE
from tests.academies.in_process import PASSWORD, Browser, TestAcademy
from tests.api.studio.making import make_course

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def token_of(browser: Browser, page: str = "/login") -> str:
    found = re.search(r'name="_csrf_token" value="([^"]+)"', (await browser.get(page)).text)
    assert found
    return found.group(1)


async def sent(browser: Browser, token: str | None, **headers: str) -> httpx.Response:
    """Sends the sign-in form for an address without an account: 422 when the form is taken."""
    fields = {"email": "nobody@example.com", "password": PASSWORD}
    return await browser.post("/login", data=fields | ({"_csrf_token": token} if token else {}), headers=headers)


async def test_a_form_of_ours_is_taken(shared_embedded_academy: TestAcademy) -> None:
    browser = shared_embedded_academy.browser()
    assert (await sent(browser, await token_of(browser))).status_code == 422


async def test_the_token_may_come_in_a_header(shared_embedded_academy: TestAcademy) -> None:
    browser = shared_embedded_academy.browser()
    assert (await sent(browser, None, **{"X-CSRF-Token": await token_of(browser)})).status_code == 422


@pytest.mark.parametrize("token", [None, "", "x", "x.y", ".", "." * 200, "ü.ü", "0" * 64])
async def test_a_form_without_a_right_token_is_refused(shared_embedded_academy: TestAcademy, token: str | None) -> None:
    browser = shared_embedded_academy.browser()
    await token_of(browser)
    answer = await sent(browser, token)
    assert answer.status_code == 403
    assert "Reload the page and send it again" in answer.text


async def test_a_token_needs_its_cookie(shared_embedded_academy: TestAcademy) -> None:
    browser = shared_embedded_academy.browser()
    token = await token_of(browser)
    browser.cookies.clear()
    assert (await sent(browser, token)).status_code == 403
    browser.cookies.set(CSRF_COOKIE, "")
    assert (await sent(browser, token)).status_code == 403


async def test_the_token_of_another_visitor_is_refused(shared_embedded_academy: TestAcademy) -> None:
    theirs = await token_of(shared_embedded_academy.browser())
    browser = shared_embedded_academy.browser()
    await token_of(browser)
    assert (await sent(browser, theirs)).status_code == 403


async def test_the_token_of_another_session_is_refused(shared_embedded_academy: TestAcademy) -> None:
    """Also when both are the same account's: the token dies with the session."""
    person = await shared_embedded_academy.person()
    first = await shared_embedded_academy.signed_in_browser(person=person)
    second = await shared_embedded_academy.signed_in_browser(person=person)
    theirs, own = await token_of(first, "/account"), await token_of(second, "/account")
    fields = {"name": "Asha", "headline": "", "bio": ""}
    assert (await second.post("/account", data=fields | {"_csrf_token": theirs})).status_code == 403
    assert (await second.post("/account", data=fields | {"_csrf_token": own})).status_code == 200


async def test_the_token_before_sign_in_is_not_one_after_it(shared_embedded_academy: TestAcademy) -> None:
    person = await shared_embedded_academy.person()
    browser = await shared_embedded_academy.signed_in_browser(person=person)
    stranger = shared_embedded_academy.browser()
    before = await token_of(stranger)
    cookie = stranger.cookies[CSRF_COOKIE]
    browser.cookies.set(CSRF_COOKIE, cookie)
    assert (await browser.post("/logout", data={"_csrf_token": before})).status_code == 403


async def test_no_two_pages_show_the_same_token(shared_embedded_academy: TestAcademy) -> None:
    """Compression cannot give away what is never repeated (BREACH)."""
    browser = shared_embedded_academy.browser()
    tokens = [await token_of(browser) for _ in range(3)]
    assert len(set(tokens)) == 3
    assert [(await sent(browser, token)).status_code for token in tokens] == [422] * 3


async def test_a_body_without_end_is_not_read_for_a_token(shared_embedded_academy: TestAcademy) -> None:
    """An upload route takes bodies of any length; only forms, whose length browsers tell, are searched."""
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(2_000):
            read += 1
            yield b"x" * 65_536

    browser = shared_embedded_academy.browser()
    await token_of(browser)
    answer = await browser.post(
        "/login", content=endless(), headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 403
    assert read <= 1
    large = b"_csrf_token=" + b"x" * (7 << 20)
    answer = await browser.post("/login", content=large, headers={"content-type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 413
    assert "This form is too large" in answer.text


async def test_a_form_of_countless_fields_is_not_parsed(shared_embedded_academy: TestAcademy) -> None:
    browser = shared_embedded_academy.browser()
    token = await token_of(browser)
    kind = {"content-type": "application/x-www-form-urlencoded", "x-csrf-token": token}
    for count, status in ((200, 422), (201, 413), (600_000, 413)):
        answer = await browser.post("/login", content=b"&".join([b"a=1"] * count), headers=kind)
        assert answer.status_code == status, count


async def test_a_form_of_a_visitor_without_a_cookie_is_not_even_read(shared_embedded_academy: TestAcademy) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b"a=&" * 1_000

    kind = {"content-type": "application/x-www-form-urlencoded", "content-length": "3000"}
    answer = await shared_embedded_academy.browser().post("/login", content=body(), headers=kind)
    assert (answer.status_code, read) == (403, 0)


async def test_parsing_a_long_form_does_not_hold_up_others(shared_embedded_academy: TestAcademy) -> None:
    browser = await shared_embedded_academy.signed_in_browser(Role.INSTRUCTOR)
    other = shared_embedded_academy.browser()
    done: list[str] = []

    async def send() -> None:
        kind = {"content-type": "application/x-www-form-urlencoded"}
        answer = await browser.post("/studio/preview", content=b"a=" + b"%41" * 690_000, headers=kind)
        assert answer.status_code == 403
        done.append("long form")

    async def visit() -> None:
        assert (await other.get("/health/live")).status_code == 200
        done.append("visit")

    await asyncio.gather(send(), visit())
    assert done == ["visit", "long form"]


async def test_the_longest_lesson_text_can_be_saved(shared_embedded_academy: TestAcademy) -> None:
    teacher = await shared_embedded_academy.person(Role.INSTRUCTOR)
    course = await make_course(shared_embedded_academy, teacher, LessonKind.TEXT)
    page = f"/studio/courses/{course.slug}/lessons/{course.lessons()[0].id}"
    browser = await shared_embedded_academy.signed_in_browser(person=teacher)
    answer = await browser.submit(page, page, title="हिन्दी", text="क" * 200_000)
    assert answer.status_code == 200
    assert "क" * 200_000 in answer.text


async def test_the_api_needs_none_and_takes_no_cookie(shared_embedded_academy: TestAcademy) -> None:
    person = await shared_embedded_academy.person()
    browser = await shared_embedded_academy.signed_in_browser(person=person)
    assert (await browser.get("/api/v1/me")).status_code == 401
    api = await shared_embedded_academy.signed_in_api(person=person)
    assert (await api.patch("me", json={"name": "Asha R"})).status_code == 200


async def test_a_token_of_the_api_opens_no_page(shared_embedded_academy: TestAcademy) -> None:
    api = await shared_embedded_academy.signed_in_api()
    token = api.headers["authorization"]
    browser = shared_embedded_academy.browser()
    page = await browser.get("/dashboard", headers={"authorization": token}, follow_redirects=False)
    assert page.status_code == 303
