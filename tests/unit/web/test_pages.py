from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from academy.web.pages import leave, redirect, safe_next

HERE = "https://academy.test"


@pytest.mark.parametrize(
    "location",
    [
        None,
        "",
        "https://evil.test/",
        "//evil.test/",
        "/\\evil.test/",
        "/a\\b",
        "\\/evil.test",
        "/\t/evil.test",
        "/\n/evil.test",
        "/\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "courses",
        " /courses",
        "/" + "a" * 2_000,
    ],
)
def test_a_link_cannot_send_people_away(location: str | None) -> None:
    assert safe_next(location, "/dashboard") == "/dashboard"


@pytest.mark.parametrize(
    "location", ["/", "/learn/python/1?t=5#notes", "/courses?q=कोर्स", "/courses?q=a b", "/" + "a" * 1_999]
)
def test_a_path_of_ours_is_followed(location: str) -> None:
    assert safe_next(location, "/dashboard") == location


@given(st.one_of(st.text(), st.text(alphabet="/\\\t\n.:@evil").map(lambda text: f"/{text}")))
def test_whatever_is_asked_for_the_visitor_stays_here(location: str) -> None:
    target = redirect(safe_next(location, "/")).headers["Location"]
    assert urlsplit(urljoin(HERE, target)).netloc == "academy.test"
    assert "\n" not in target
    assert "\r" not in target


def test_a_redirect_is_seen_by_get_and_keeps_its_query() -> None:
    answer = redirect("/login", next="/learn/a?b=c&d=e", empty="")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/login?next=%2Flearn%2Fa%3Fb%3Dc%26d%3De"
    assert redirect("/verify?email=a", next="/x").headers["Location"] == "/verify?email=a&next=%2Fx"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://checkout.stripe.com/c/pay/cs_1#fid=%2F", "https://checkout.stripe.com/c/pay/cs_1#fid=%2F"),
        (f"{HERE}/rehearsal/1?a=b", "/rehearsal/1?a=b"),
        (f"{HERE}.evil.test/", f"{HERE}.evil.test/"),
    ],
)
def test_leaving_goes_anywhere_and_to_our_own_addresses_by_their_path(location: str, target: str) -> None:
    response = leave(location, HERE)
    assert (response.status_code, response.headers["Location"]) == (303, target)
