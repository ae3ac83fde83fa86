"""People who meet an error are told what happened and what to do; nobody is told about the inside."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import httpx
import pytest
import structlog
from litestar import get
from litestar.params import FromPath

from academy.app import build_litestar
from academy.infrastructure.monitoring.logs import configure_logs
from academy.infrastructure.security.principal import Role
from academy.kit.errors import (
    AcademyError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    Kind,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
)
from academy.web.guards import anyone
from academy.web.headers import ContentPolicy, SecurityHeadersMiddleware
from tests.academies.in_process import PASSWORD, TestAcademy, opened_test_academy

pytestmark = pytest.mark.asyncio(loop_scope="module")

INSIDE = "the password is hunter2"


async def test_an_unknown_page_offers_a_search(shared_embedded_academy: TestAcademy) -> None:
    answer = await shared_embedded_academy.browser().get("/no/such/page")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert 'action="/courses"' in answer.text
    assert 'content="noindex"' in answer.text


async def test_an_unknown_page_does_not_call_anybody_a_stranger(shared_embedded_academy: TestAcademy) -> None:
    answer = await (await shared_embedded_academy.signed_in_browser()).get("/no/such/page")
    assert (answer.status_code, 'href="/login"' in answer.text, 'href="/dashboard"' in answer.text) == (
        404,
        False,
        True,
    )
    assert answer.headers["cache-control"] == "private, no-store"
    assert 'href="/login"' in (await shared_embedded_academy.browser().get("/no/such/page")).text


async def test_a_page_for_others_names_the_role_and_the_account(shared_embedded_academy: TestAcademy) -> None:
    browser = await shared_embedded_academy.signed_in_browser(
        person=await shared_embedded_academy.person(name="Asha Rao")
    )
    answer = await browser.get("/admin")
    assert answer.status_code == 403
    assert "the role admin" in answer.text
    assert "signed in as Asha Rao" in answer.text


async def test_who_is_not_signed_in_signs_in_and_comes_back(shared_embedded_academy: TestAcademy) -> None:
    answer = await shared_embedded_academy.browser().get("/account?tab=x", follow_redirects=False)
    assert answer.headers["location"] == "/login?next=%2Faccount%3Ftab%3Dx"


async def test_a_form_of_who_is_signed_out_offers_to_sign_in(shared_embedded_academy: TestAcademy) -> None:
    answer = await shared_embedded_academy.browser().post(
        "/account/preferences", headers={"referer": "http://academy.test/account/preferences?a=b"}
    )
    assert answer.status_code == 401
    assert 'href="/login"' in answer.text
    answer = await shared_embedded_academy.browser().post(
        "/account", headers={"referer": "http://academy.test/account/preferences?a=b"}
    )
    assert 'href="/login?next=/account/preferences%3Fa%3Db"' in answer.text


@pytest.mark.parametrize("referer", ["https://evil.test/x", "http://academy.test//evil.test", "javascript:alert(1)"])
async def test_the_way_back_leads_to_pages_of_ours(shared_embedded_academy: TestAcademy, referer: str) -> None:
    answer = await shared_embedded_academy.browser().post("/courses", headers={"referer": referer})
    assert answer.status_code == 405
    assert "page before" not in answer.text
    assert "evil" not in answer.text


async def test_a_wrong_method_leads_back(shared_embedded_academy: TestAcademy) -> None:
    answer = await shared_embedded_academy.browser().post("/courses", headers={"referer": "http://academy.test/login"})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert 'href="/login">Back to the page before' in answer.text


@pytest.fixture(autouse=True)
def restored_logs() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@get("/broken", guards=[anyone], include_in_schema=False)
async def broken_page() -> None:
    secret = INSIDE
    raise RuntimeError(f"{len(secret)} things went wrong")


@get("/api/v1/broken", guards=[anyone], include_in_schema=False)
async def broken_operation() -> None:
    raise RuntimeError("nobody outside shall read this")


class Full(AcademyError):
    """What was sent is too large."""

    code = "full"
    kind = Kind.TOO_LARGE


class Hasty(AcademyError):
    """Somebody asks too often."""

    code = "hasty"
    kind = Kind.TOO_MANY


ERRORS = {
    401: UnauthenticatedError("Sign in to continue."),
    403: ForbiddenError("This course belongs to somebody else."),
    404: NotFoundError("There is no such course."),
    409: ConflictError("The course has learners."),
    413: Full("At most 5 MB."),
    422: InvalidError("Something is missing.", fields={"title": "Give it a title."}),
    429: Hasty("Wait a little.", retry_after=30),
    503: UnavailableError("The storage is away.", retry_after=7),
}


@get(["/fails/{status:int}", "/api/v1/fails/{status:int}"], guards=[anyone], include_in_schema=False)
async def failing(status: FromPath[int]) -> None:
    raise ERRORS[status]


@asynccontextmanager
async def broken_site(academy: TestAcademy) -> AsyncIterator[httpx.AsyncClient]:
    """The academy with two routes that have a bug."""
    litestar = build_litestar(academy.academy)
    litestar.register(broken_page)
    litestar.register(broken_operation)
    litestar.register(failing)
    app = SecurityHeadersMiddleware(litestar, https=False, policy=ContentPolicy())
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://academy.test") as client:
        yield client


async def test_a_bug_is_logged_once_and_its_inside_stays_inside(
    shared_embedded_academy: TestAcademy, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("info")
    async with broken_site(shared_embedded_academy) as client:
        page = await client.get("/broken?token=hunter2")
        operation = await client.get("/api/v1/broken")
    assert page.status_code == operation.status_code == 500
    assert "Something broke on our side" in page.text
    assert page.headers["x-request-id"] in page.text
    assert operation.headers["content-type"] == "application/problem+json"
    assert operation.json()["code"] == "internal_error"
    for answer in (page, operation):
        assert "went wrong" not in answer.text.replace("Something went wrong", "")
        assert "RuntimeError" not in answer.text
        assert "nobody outside" not in answer.text
    written = capsys.readouterr().err
    entries = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    assert [(entry["event"], entry["path"]) for entry in entries] == [
        ("request_failed", "/broken"),
        ("request_failed", "/api/v1/broken"),
    ]
    assert [entry["request_id"] for entry in entries] == [a.headers["x-request-id"] for a in (page, operation)]
    assert entries[0]["exception"][0]["exc_value"] == "23 things went wrong"
    assert "hunter2" not in written


@pytest.mark.parametrize(
    ("status", "title", "help_"),
    [
        (403, "This is not open to you", 'href="/login'),
        (404, "There is nothing here", 'role="search"'),
        (409, "That does not go together", "Back to the page before"),
        (413, "That is too large", "Back to the page before"),
        (422, "Something in it is not right", "<strong>title</strong>: Give it a title."),
        (429, "That was a little fast", "Try again in 30 seconds."),
        (503, "The academy catches its breath", "Try again in 7 seconds."),
    ],
)
async def test_every_kind_of_failure_says_what_to_do(
    shared_embedded_academy: TestAcademy, status: int, title: str, help_: str
) -> None:
    async with broken_site(shared_embedded_academy) as client:
        page = await client.get(f"/fails/{status}", headers={"referer": "http://academy.test/courses"})
        operation = await client.get(f"/api/v1/fails/{status}")
    assert page.status_code == operation.status_code == status
    assert title in page.text
    assert ERRORS[status].message in page.text
    assert help_ in page.text
    assert operation.headers["content-type"] == "application/problem+json"
    assert operation.json()["detail"] == ERRORS[status].message
    assert operation.json()["code"] == ERRORS[status].code
    for answer in (page, operation):
        assert answer.headers.get("retry-after") == {429: "30", 503: "7"}.get(status)


async def test_an_error_page_that_fails_is_answered_all_the_same(
    shared_embedded_academy: TestAcademy, capsys: pytest.CaptureFixture[str]
) -> None:
    """What makes pages may be what is broken: here, the account whose name goes into the header."""
    configure_logs("info")
    litestar = build_litestar(shared_embedded_academy.academy)
    litestar.state.pages = None
    app = SecurityHeadersMiddleware(litestar, https=False, policy=ContentPolicy())
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://academy.test") as client:
        answer = await client.get("/no/such/page")
    assert answer.status_code == 500
    assert answer.text == "Something went wrong on our side. It has been noted; try again in a moment."
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert json.loads(capsys.readouterr().err.splitlines()[-1])["event"] == "request_failed"


async def test_a_locked_database_is_told_and_recovers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")
    async with opened_test_academy(tmp_path, SQLITE_TIMEOUT_SECONDS="0.2") as academy:
        person = await academy.person()
        browser, api = academy.browser(), academy.api()
        credentials = {"email": person.email, "password": PASSWORD}
        other = apsw.Connection(str(tmp_path / "academy.sqlite3"))
        other.execute("BEGIN IMMEDIATE")
        try:
            page = await browser.submit("/login", "/login", **credentials)
            operation = await api.post("auth/login", json=credentials)
        finally:
            other.execute("ROLLBACK")
            other.close()
        for answer in (page, operation):
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "5"
        assert "The academy catches its breath" in page.text
        assert "in 5 seconds" in page.text
        assert operation.json()["code"] == "database_unavailable"
        assert (await browser.submit("/login", "/login", **credentials)).status_code == 200
        assert (await api.post("auth/login", json=credentials)).status_code == 200
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    outages = [entry for entry in events if entry["event"] == "unavailable"]
    assert len(outages) == 2
    assert all("exception" not in entry for entry in outages), "an outage is a line, not a trace for every request"


async def test_without_its_database_the_site_still_answers(tmp_path: Path) -> None:
    """Pages, the API and the visitor's own session fail alike; assets do not."""
    async with opened_test_academy(tmp_path) as academy:
        browser = await academy.signed_in_browser(Role.INSTRUCTOR)
        style = next(part for part in (await browser.get("/")).text.split('"') if part.endswith(".css"))
        await academy.academy.database.disconnect()
        try:
            for path in ("/", "/courses", "/studio", "/api/v1/courses"):
                answer = await browser.get(path)
                assert answer.status_code == 503, path
                assert answer.headers["retry-after"] == "5"
            assert 'href="/studio">Try again' in (await browser.get("/studio")).text
            assert (await browser.get(style)).status_code == 200
            assert (await browser.get("/health/live")).status_code == 200
            assert (await browser.get("/health/ready")).status_code == 503
            assert (await academy.browser().get("/health")).status_code == 503
        finally:
            await academy.academy.database.connect()
        assert (await browser.get("/studio")).status_code == 200
        assert (await browser.get("/health/ready")).status_code == 200
