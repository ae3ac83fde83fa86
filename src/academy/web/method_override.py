"""Methods for clients that can send only GET and POST, as tus 1.0 has them: `X-HTTP-Method-Override`."""

from collections.abc import Sequence

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

_HEADER = b"x-http-method-override"
_METHODS = frozenset({"HEAD", "PATCH", "DELETE", "OPTIONS"})


class MethodOverrideMiddleware:
    """Takes a POST below `below` as the method that its header names; elsewhere the header means nothing."""

    def __init__(self, app: ASGIApp, *, below: Sequence[str]) -> None:
        self._app = app
        self._below = tuple(below)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        if scope["type"] == ScopeType.HTTP and scope["method"] == "POST" and scope["path"].startswith(self._below):
            wanted = next((value for name, value in scope["headers"] if name == _HEADER), b"").decode("latin-1").upper()
            if wanted in _METHODS:
                scope = {**scope, "method": wanted}  # type: ignore[typeddict-item]
        await self._app(scope, receive, send)
