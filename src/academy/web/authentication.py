"""Finds out who is asking: a session cookie on pages, a bearer token on the API."""

from collections import deque
from typing import Protocol

from litestar import Request
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPReceiveMessage, HTTPScope, Receive, Scope, Send

from academy.infrastructure.security.principal import Principal
from academy.kit.errors import UnauthenticatedError
from academy.web.requests import SAFE_METHODS, body_limit, is_api

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

    Who asks is looked up when the body is here: a client that holds its last bytes back must not act later with rights
    that were taken from it meanwhile. Uploads, whose bodies are read as they arrive, look again when they store.
    """

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self._app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Looks the credential up and passes the request on."""
        if scope["type"] == ScopeType.HTTP:
            scope["auth"] = None
            if self._has_credential(scope) and scope["method"] not in SAFE_METHODS:
                receive = await self._identify_with_body(scope, receive)
            else:
                scope["user"] = await self._identify(scope)
        await self._app(scope, receive, send)

    async def _identify_with_body(self, scope: HTTPScope, receive: Receive) -> Receive:
        """Sets the user, and returns a `receive` that gives again what was read of the body to do so.

        A body that is not here at once is read only for those who may call the route, as far as the route takes it.
        Raises what guards raise.
        """
        limit, announced = body_limit(scope), _announced_length(scope)
        if limit is None or (announced or 0) > limit:  # a longer one is refused unread
            scope["user"] = await self._identify(scope)
            return receive
        body = _Body(receive, announced)
        await body.read_on()
        user: Principal | None = await self._identify(scope)
        scope["user"] = user
        if user is not None and not body.is_here:
            await scope["route_handler"].authorize_connection(Request(scope))
            await body.read_to_end(limit)
            scope["user"] = await self._identify(scope)
        return body.receive

    def _has_credential(self, scope: HTTPScope) -> bool:
        wanted = b"authorization" if is_api(scope["path"]) else b"cookie"
        return any(name == wanted for name, _ in scope["headers"])

    async def _identify(self, scope: HTTPScope) -> Principal | None:
        headers, path = scope["headers"], scope["path"]
        if path.startswith(_ASKED_BY_ANYBODY):
            return None
        if is_api(path):
            value = next((v for name, v in headers if name == b"authorization"), b"")
            scheme, _, token = value.decode("latin-1").partition(" ")
            if scheme.lower() != "bearer" or not token:
                return None
            return await self._authenticator.principal_of_access_token(token.strip())
        if not self._has_credential(scope):
            return None
        request: Request[None, None, object] = Request(scope)  # type: ignore[type-var]
        token = request.cookies.get(SESSION_COOKIE, "")
        return await self._authenticator.principal_of_session(token) if token else None


class _Body:
    """What a client sends, read ahead.

    Attributes:
        is_here: whether nothing more will come. The server may tell so only after the last byte of an announced length.
    """

    def __init__(self, receive: Receive, announced: int | None) -> None:
        self._receive = receive
        self._announced = announced
        self._read: deque[HTTPReceiveMessage] = deque()
        self._length = 0
        self.is_here = False

    async def read_on(self) -> None:
        """Reads what comes next. Raises HTTPException (408)."""
        message: HTTPReceiveMessage = await self._receive()  # type: ignore[assignment]
        self._read.append(message)
        if message["type"] == "http.request":
            self._length += len(message["body"])
            self.is_here = not message["more_body"] or self._length == self._announced
        else:  # the client went away
            self.is_here = True

    async def read_to_end(self, limit: int) -> None:
        """Reads the rest, but not on after `limit` bytes. Raises HTTPException (408)."""
        while not self.is_here and self._length <= limit:
            await self.read_on()

    async def receive(self) -> HTTPReceiveMessage:
        """Gives what was read, then what comes after it."""
        if self._read:
            return self._read.popleft()
        return await self._receive()  # type: ignore[return-value]


def _announced_length(scope: HTTPScope) -> int | None:
    """The length of the body as its client tells it, None when it does not."""
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(length) if length.isdigit() else None


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
