"""Security headers and a request id are on every answer, whoever makes it."""

import re
from pathlib import Path

import httpx
import pytest

from tests.academies.in_process import TestAcademy, opened_test_academy

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIXED = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
REQUEST_ID = re.compile("[0-9a-f]{24}")


def check_headers(answer: httpx.Response) -> None:
    for name, value in FIXED.items():
        assert answer.headers.get_list(name) == [value], f"{answer.request.url}: {name}"
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["script-src"] == "'self'"
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert REQUEST_ID.fullmatch(answer.headers["x-request-id"])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/login", 200),
        ("GET", "/courses", 200),
        ("HEAD", "/courses", 200),
        ("OPTIONS", "/courses", 204),
        ("GET", "/dashboard", 303),
        ("GET", "/no/such/page", 404),
        ("POST", "/courses", 405),
        ("TRACE", "/courses", 405),
        ("POST", "/login", 403),
        ("GET", "/api/v1/courses", 200),
        ("GET", "/api/v1/courses?limit=0", 422),
        ("GET", "/api/v1/nothing", 404),
        ("PUT", "/api/v1/courses", 405),
        ("GET", "/api/v1/me", 401),
        ("POST", "/api/v1/auth/login", 415),
        ("GET", "/static/nothing.css", 404),
        ("GET", "/robots.txt", 200),
        ("GET", "/favicon.ico", 200),
        ("GET", "/health/live", 200),
        ("GET", "/media/nothing", 403),
        ("POST", "/media/nothing", 405),
        ("GET", "/media/public/nothing.webp", 404),
        ("GET", "/api/openapi.json", 200),
        ("GET", "/api", 303),
    ],
)
async def test_every_answer_has_them(shared_embedded_academy: TestAcademy, method: str, path: str, status: int) -> None:
    content = b"x=y" if method == "POST" else None
    answer = await shared_embedded_academy.browser().request(method, path, content=content, follow_redirects=False)
    assert answer.status_code == status, answer.text
    check_headers(answer)


async def test_files_have_them(shared_embedded_academy: TestAcademy) -> None:
    browser = shared_embedded_academy.browser()
    page = await browser.get("/")
    for address in set(re.findall(r"/static/[\w./-]+", page.text)):
        answer = await browser.get(address)
        assert answer.status_code == 200, address
        check_headers(answer)


async def test_a_body_that_is_too_large_is_refused_with_them(shared_embedded_academy: TestAcademy) -> None:
    answer = await shared_embedded_academy.api().post(
        "auth/login", content=b"x" * (9 << 20), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413
    check_headers(answer)


async def test_answers_from_the_cache_have_them_and_their_own_id(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, RESPONSE_CACHE_SECONDS="60") as academy:
        first, second = [await academy.browser().get("/courses") for _ in range(2)]
        known = await academy.browser().get("/courses", headers={"if-none-match": first.headers["etag"]})
        assert (first.status_code, second.status_code, known.status_code) == (200, 200, 304)
        for answer in (first, second, known):
            check_headers(answer)
        assert len({answer.headers["x-request-id"] for answer in (first, second, known)}) == 3


async def test_https_is_promised_where_there_is_https(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, BASE_URL="https://academy.test") as academy:
        answer = await academy.browser().get("/login")
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        assert "secure" in answer.headers["set-cookie"].lower()


async def test_without_https_none_is_promised(shared_embedded_academy: TestAcademy) -> None:
    assert "strict-transport-security" not in (await shared_embedded_academy.browser().get("/login")).headers


async def test_a_logo_from_elsewhere_may_be_shown(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, LOGO_URL="https://cdn.example.com/logo.svg") as academy:
        answer = await academy.browser().get("/login")
        assert "img-src 'self' data: https://cdn.example.com;" in answer.headers["content-security-policy"]
        assert '<img src="https://cdn.example.com/logo.svg"' in answer.text


async def test_the_inbox_shows_mails_in_their_own_style(shared_embedded_academy: TestAcademy) -> None:
    policy = (await shared_embedded_academy.browser().get("/dev/mail")).headers["content-security-policy"]
    assert "style-src 'self' 'unsafe-inline';" in policy
    assert "script-src 'self';" in policy
