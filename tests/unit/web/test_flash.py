import pytest
from litestar import Response
from litestar.connection import Request
from litestar.testing import RequestFactory

from academy.web.flash import FLASH_COOKIE, Flash, Flashes

SECRET = b"a secret of the academy, long enough"


def cookie(flashes: Flashes, kind: str = "success", text: str = "Saved. ✓") -> str:
    response: Response[bytes] = Response(b"")
    flashes.add(response, kind, text)
    (made,) = response.cookies
    assert (made.httponly, made.samesite, made.max_age) == (True, "lax", 60)
    assert made.value is not None
    return made.value


def showing(value: str) -> Request:  # type: ignore[type-arg]
    return RequestFactory().get("/", headers={"cookie": f'{FLASH_COOKIE}="{value}"'})


def test_a_message_is_shown_on_the_next_page() -> None:
    flashes = Flashes(SECRET, https=False)
    assert flashes.read(showing(cookie(flashes))) == [Flash("success", "Saved. ✓")]


def test_the_cookie_is_kept_to_https_where_there_is_https() -> None:
    for https in (True, False):
        response: Response[bytes] = Response(b"")
        Flashes(SECRET, https=https).add(response, "info", "x")
        assert response.cookies[0].secure is https


@pytest.mark.parametrize("alter", ["first", "last", "body", "none", "empty", "garbage", "dots", "other secret"])
def test_nobody_else_can_put_words_into_our_mouth(alter: str) -> None:
    flashes = Flashes(SECRET, https=False)
    good = cookie(flashes)
    body, _, signature = good.rpartition(".")
    altered = {
        "first": ("A" if good[0] != "A" else "B") + good[1:],
        "last": good[:-1] + ("0" if good[-1] != "0" else "1"),
        "body": f"{cookie(flashes, text='Send us your password')}.{signature}",
        "none": body,
        "empty": "",
        "garbage": "ü§%",
        "dots": "....",
        "other secret": cookie(Flashes(b"another secret, as long as the first", https=False)),
    }[alter]
    assert flashes.read(showing(altered)) == []
