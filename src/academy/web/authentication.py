"""Finds out who is asking: a session cookie on pages, a bearer token on the API."""

from typing import Protocol

from litestar import Request
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from academy.infrastructure.security.principal import Principal
from academy.kit.errors import UnauthenticatedError
from academy.web.requests import is_api

SESSION_COOKIE = "academy_session"
# The same for everybody, or protected by signed addresses: who asks does not matter, and is not looked up.
_ASKED_BY_ANYBODY = ("/static/", "/media/", "/health/live", "/health/ready")


class Authenticator(Protocol):
    """Turns a credential into the account behind it. The accounts feature keeps this promise."""

    async def principal_of_session(self, token: str) -> Principal | None:
        """Returns the account of a session cookie's secret; None when it is unknown, expired or suspended."""
        ...

    async def principal_of_access_token(self, token: str) -> Principal | None:
        """Returns the account of an access token; None when it is forged, expired, or its session has ended."""
        ...


class AuthenticationMiddleware:
    """Sets `scope["user"]` to the Principal, or None.

    A cookie counts only outside the API and a bearer token only inside it, so that no cross-site request can ever use
    the API with a browser's cookie.
    """

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self._app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Looks the credential up and passes the request on."""
        if scope["type"] == ScopeType.HTTP:
            scope["user"] = await self._identify(scope)
            scope["auth"] = None
        await self._app(scope, receive, send)

    async def _identify(self, scope: Scope) -> Principal | None:
        headers, path = scope["headers"], scope["path"]
        if path.startswith(_ASKED_BY_ANYBODY):
            return None
        if is_api(path):
            value = next((v for name, v in headers if name == b"authorization"), b"")
            scheme, _, token = value.decode("latin-1").partition(" ")
            if scheme.lower() != "bearer" or not token:
                return None
            return await self._authenticator.principal_of_access_token(token.strip())
        if not any(name == b"cookie" for name, _ in headers):
            return None
        request: Request[None, None, object] = Request(scope)  # type: ignore[type-var]
        token = request.cookies.get(SESSION_COOKIE, "")
        return await self._authenticator.principal_of_session(token) if token else None


def provide_visitor(request: Request) -> Principal | None:  # type: ignore[type-arg]
    """Dependency `visitor`: the signed-in account, or None."""
    user: Principal | None = request.scope["user"]
    return user


def provide_principal(request: Request) -> Principal:  # type: ignore[type-arg]
    """Dependency `principal`: the signed-in account. Raises UnauthenticatedError."""
    user: Principal | None = request.scope["user"]
    if user is None:
        raise UnauthenticatedError("Sign in to continue.")
    return user
