"""Who a visitor is behind a proxy: its headers are believed only when the proxy itself is trusted.

`X-Forwarded-For` is read from the right: each proxy appends who connected to it, so what stands left of the first
address that is no trusted proxy may be anybody's invention.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

Network = IPv4Network | IPv6Network


class TrustedProxyMiddleware:
    """Puts the visitor's address and scheme into the scope when the request comes from one of `networks`."""

    def __init__(self, app: ASGIApp, networks: Sequence[Network]) -> None:
        self._app = app
        self._networks = tuple(networks)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on what the proxy says, or what the socket says."""
        if scope["type"] == ScopeType.HTTP and (peer := scope.get("client")) and self._is_trusted(peer[0]):
            headers = scope["headers"]
            forwarded = b",".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1")
            schemes = [value for name, value in headers if name == b"x-forwarded-proto"]
            scope["client"] = (self._visitor(peer[0], forwarded), 0)
            if schemes and schemes[-1] in (b"http", b"https"):
                scope["scheme"] = schemes[-1].decode()
        await self._app(scope, receive, send)

    def _visitor(self, peer: str, forwarded: str) -> str:
        """Returns the nearest address that is no trusted proxy; `peer` when the header names none, or nonsense."""
        visitor = peer
        for address in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
            if not _is_address(address):
                break
            visitor = address
            if not self._is_trusted(address):
                break
        return visitor

    def _is_trusted(self, address: str) -> bool:
        if not _is_address(address):
            return False
        parsed = ip_address(address)
        return any(parsed in network for network in self._networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
