import pytest
from litestar.testing import RequestFactory

from academy.web.requests import client_device, is_api, is_crawler

CHROME_ANDROID = (
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Mobile Safari/537.36"
)


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (CHROME_ANDROID, "Chrome · Android"),
        (CHROME_ANDROID.replace("Mobile ", "") + " Edg/142.0", "Edge · Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/26.0 Safari/605.1.15", "Safari · macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) Version/26.0 Mobile Safari/604.1", "Safari · iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox · Linux"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("x" * 500, "x" * 60),
        ("", ""),
    ],
)
def test_a_session_is_described_by_what_its_owner_uses(agent: str, device: str) -> None:
    assert client_device(RequestFactory().get("/", headers={"user-agent": agent})) == device


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/courses", True),
        ("/api/openapi.json", True),
        ("/api/v2", True),
        ("/api/docs", False),
        ("/api", False),
        ("/apiary", False),
        ("/courses/api/v1", False),
    ],
)
def test_programs_are_answered_below_api(path: str, expected: bool) -> None:
    assert is_api(path) is expected


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True),
        ("Mozilla/5.0 (compatible; YandexBot/3.0)", True),
        ("facebookexternalhit/1.1 link-preview", True),
        (CHROME_ANDROID, False),
        ("Mozilla/5.0 (Linux; Android 15; CUBOT X70) Chrome/142.0", True),
        ("", False),
    ],
)
def test_robots_that_say_so_are_known(agent: str, expected: bool) -> None:
    assert is_crawler(RequestFactory().get("/", headers={"user-agent": agent})) is expected
