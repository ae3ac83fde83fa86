"""Whose address counts: the one that the nearest proxy that is not ours saw."""

from ipaddress import ip_network

import pytest
from litestar.types import Receive, Scope, Send

from academy.web.proxies import TrustedProxyMiddleware

OURS = [ip_network("10.0.0.0/8"), ip_network("::1/128")]


async def seen(peer: str, *forwarded: str, proto: str = "") -> tuple[str, str]:
    """Returns the address and the scheme that the application sees."""
    found: list[tuple[str, str]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        client = scope["client"]
        assert client
        found.append((client[0], scope["scheme"]))

    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    headers += [(b"x-forwarded-proto", proto.encode())] if proto else []
    scope = {"type": "http", "client": (peer, 1234), "headers": headers, "scheme": "http"}
    await TrustedProxyMiddleware(app, OURS)(scope, None, None)  # type: ignore[arg-type]
    return found[0]


@pytest.mark.parametrize(
    ("peer", "forwarded", "visitor"),
    [
        ("203.0.113.9", (), "203.0.113.9"),
        ("203.0.113.9", ("198.51.100.1",), "203.0.113.9"),
        ("10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("6.6.6.6, 198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("6.6.6.6, 198.51.100.1, 10.0.0.7",), "198.51.100.1"),
        ("10.0.0.1", ("6.6.6.6", "198.51.100.1"), "198.51.100.1"),
        ("10.0.0.1", ("10.0.0.9, 10.0.0.7",), "10.0.0.9"),
        ("10.0.0.1", ("198.51.100.1, nonsense",), "10.0.0.1"),
        ("10.0.0.1", ("",), "10.0.0.1"),
        ("::1", ("2001:db8::7",), "2001:db8::7"),
        ("unix", ("198.51.100.1",), "unix"),
    ],
)
async def test_the_nearest_address_that_is_not_ours_counts(peer: str, forwarded: tuple[str, ...], visitor: str) -> None:
    assert (await seen(peer, *forwarded))[0] == visitor


async def test_the_scheme_is_believed_of_ours_only() -> None:
    assert (await seen("10.0.0.1", "198.51.100.1", proto="https"))[1] == "https"
    assert (await seen("203.0.113.9", proto="https"))[1] == "http"
    assert (await seen("10.0.0.1", "198.51.100.1", proto="javascript"))[1] == "http"
