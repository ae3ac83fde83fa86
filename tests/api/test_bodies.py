"""Bodies that are too long, break off, or are no form; and who sends one when its end comes."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from academy.app import build_app
from academy.infrastructure.security.principal import Role
from tests.academies.in_process import PASSWORD, TestAcademy
from tests.api.test_csrf import token_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"content-type": "application/json"}
FORM = {"content-type": "multipart/form-data; boundary=B"}


def part(head: bytes, value: bytes = b"x") -> bytes:
    return b"--B\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + value + b"\r\n--B--\r\n"


class HeldBack:
    """A JSON body whose end comes when the test says so."""

    def __init__(self, content: object) -> None:
        self._content = json.dumps(content).encode()
        self.is_begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content[:3]
        self.is_begun.set()
        await self.may_end.wait()
        yield self._content[3:]


@pytest.mark.parametrize("change", [{"role": "learner"}, {"suspended": True}])
async def test_rights_are_those_of_the_moment_when_the_body_is_whole(
    shared_embedded_academy: TestAcademy, change: dict[str, object]
) -> None:
    academy = shared_embedded_academy
    admin, rogue = await academy.signed_in_api(Role.ADMIN), await academy.person(Role.ADMIN)
    theirs = await academy.signed_in_api(person=rogue)
    body = HeldBack({"role": "admin", "suspended": False})
    sending = asyncio.create_task(theirs.patch(f"admin/users/{rogue.user_id}", content=body, headers=JSON))
    await body.is_begun.wait()
    changed = await admin.patch(f"admin/users/{rogue.user_id}", json=change)
    assert changed.status_code == 200, changed.text
    body.may_end.set()
    assert (await sending).status_code in (401, 403)
    user = await academy.academy.accounts.user(rogue.user_id)
    assert user.role is Role.LEARNER if "role" in change else user.status == "suspended"


async def test_a_body_is_read_only_for_those_who_may_send_it(shared_embedded_academy: TestAcademy) -> None:
    """Also when it never ends."""
    for api, status in (
        (shared_embedded_academy.api(), 401),
        (shared_embedded_academy.api("forged"), 401),
        (await shared_embedded_academy.signed_in_api(), 403),
    ):
        answer = await api.put("courses/python/curriculum", content=HeldBack({"sections": []}), headers=JSON)
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("path", "limit"),
    [("auth/login", 16 << 10), ("me", 16 << 10), ("courses/python/reviews", 64 << 10), ("courses", 256 << 10)],
)
@pytest.mark.parametrize("is_told", [True, False])
async def test_no_more_is_taken_than_an_address_needs(
    shared_embedded_academy: TestAcademy, path: str, limit: int, is_told: bool
) -> None:
    """Whether the client tells how much it is or not."""
    api = await shared_embedded_academy.signed_in_api(Role.INSTRUCTOR)
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(1_000):
            read += 1_024
            yield b"x" * 1_024

    method = {"me": "PATCH", "courses/python/reviews": "PUT"}.get(path, "POST")
    headers = JSON | ({"content-length": str(1_000 << 10)} if is_told else {})
    answer = await api.request(method, path, content=body(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "request_entity_too_large")
    assert f"at most {limit >> 10} KB" in answer.json()["detail"]
    assert answer.headers["connection"] == "close"
    assert read <= (0 if is_told else limit + 2_048)


async def test_the_longest_description_in_any_script_can_be_saved(shared_embedded_academy: TestAcademy) -> None:
    browser = await shared_embedded_academy.signed_in_browser(Role.INSTRUCTOR)
    page = await browser.submit("/studio/courses/new", "/studio/courses", title="हिन्दी")
    assert page.status_code == 200, page.text
    answer = await browser.submit(
        page.url.path, page.url.path, title="हिन्दी", description="क" * 20_000, price="0", currency="INR"
    )
    assert (answer.status_code, "क" * 20_000 in answer.text) == (200, True)


@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        (part(b'name="email"\r\nContent-Type: text/plain; charset=bogus'), (422,)),
        (part(b'name="email"\r\nContent-Type: text/plain; charset=base64'), (422,)),
        (part(b'name="email"\r\nContent-Type: text/plain; charset=utf-16', b"\x00\xd8\x00"), (422,)),
        (part(b'name="email"\r\nContent-Type: text/plain; charset="a\0b"'), (400, 422)),
        (part(b'name="email"', b"\xff\xfe"), (422,)),
        (part(b'name="\xff"'), (400, 422)),
        (part(b'name="email"')[:-10], (400,)),
        (b"hello", (400,)),
    ],
)
async def test_a_form_that_cannot_be_read_is_refused(
    shared_embedded_academy: TestAcademy, body: bytes, statuses: tuple[int, ...]
) -> None:
    browser = shared_embedded_academy.browser()
    await token_of(browser)
    answer = await browser.post("/login", content=body, headers=FORM)
    assert answer.status_code in statuses


async def broken_off(academy: TestAcademy, path: str, headers: dict[str, str]) -> list[Any]:
    """Sends the beginning of a body and goes away; returns what was logged."""
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    messages = iter(({"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}))

    async def receive() -> Any:
        return next(messages)

    async def send(_: Any) -> None:
        pass

    with capture_logs() as logs:
        await build_app(academy.academy)({**scope, "headers": given}, receive, send)
    return logs


async def test_a_client_that_goes_away_is_no_failure_of_ours(shared_embedded_academy: TestAcademy) -> None:
    browser = shared_embedded_academy.browser()
    token = await token_of(browser)
    cookies = {"cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
    for path, headers in (
        ("/api/v1/auth/login", JSON | {"content-length": "50"}),
        ("/login", FORM | cookies | {"x-csrf-token": token, "content-length": "50"}),
    ):
        assert await broken_off(shared_embedded_academy, path, headers) == []


async def test_an_address_too_long_to_come_back_to_is_left_out(shared_embedded_academy: TestAcademy) -> None:
    browser = shared_embedded_academy.browser()
    for wanted in ("/dashboard?" + "a" * 60_000, "/login?next=/" + "a" * 60_000):
        answer = await browser.get(wanted, follow_redirects=False)
        assert len(answer.headers.get("location", "")) < 100
    token = await token_of(browser)
    person = await shared_embedded_academy.person()
    fields = {"_csrf_token": token, "email": person.email, "password": PASSWORD, "next": "/" + "a" * 10_000}
    signed_in: httpx.Response = await browser.post("/login", data=fields, follow_redirects=False)
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/dashboard")


async def test_an_address_of_before_that_is_none_is_passed_over(shared_embedded_academy: TestAcademy) -> None:
    answer = await shared_embedded_academy.browser().get("/nothing", headers={"referer": "http://[::1"})
    assert (answer.status_code, "Back to the page before" in answer.text) == (404, False)
