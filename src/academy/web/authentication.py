"""Finds out who is asking: a session cookie on pages, a bearer token on the API."""

from collections import deque
from datetime import timedelta
from typing import Protocol

from litestar import Request
from litestar.datastructures import Cookie, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPReceiveMessage, HTTPScope, Message, Receive, Scope, Send

from academy.infrastructure.security.principal import Principal, Recognised
from academy.infrastructure.sessions.base import SessionsUnavailable
from academy.kit.errors import UnauthenticatedError
from academy.web.requests import SAFE_METHODS, body_limit, is_api

SESSION_COOKIE = "academy_session"
_UNCHECKED = "sign_in_unchecked"
# The same for everybody, or protected by signed addresses: who asks does not matter, and is not looked up.
_ASKED_BY_ANYBODY = ("/static/", "/media/", "/health/live", "/health/ready")


class Authenticator(Protocol):
    """Turns a credential into the account behind it. The accounts feature keeps this promise."""

    async def recognise(self, token: str) -> Recognised | None:
        """Returns the account of a session cookie's secret; None when it is unknown, expired or suspended.

        Raises SessionsUnavailable.
        """
        ...

    async def principal_of_access_token(self, token: str) -> Principal | None:
        """Returns the account of an access token; None when it is forged, expired, or its session has ended.

        Raises SessionsUnavailable.
        """
        ...


class AuthenticationMiddleware:
    """Sets `scope["user"]` to the Principal, or None.

    A cookie counts only outside the API and a bearer token only inside it, so that no cross-site request can ever use
    the API with a browser's cookie.

    Who asks is looked up when the body is here: a client that holds its last bytes back must not act later with rights
    that were taken from it meanwhile. Uploads, whose bodies are read as they arrive, look again when they store.

    While sessions cannot be asked for, who reads is answered as a stranger where strangers may read, and else told that
    it cannot be known (see `unchecked_sign_in`); who writes is told so everywhere.
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
        """Returns who asks. Raises SessionsUnavailable to those who want to change something."""
        scope["state"].pop(_UNCHECKED, None)
        try:
            return await self._look_up(scope)
        except SessionsUnavailable as error:
            if scope["method"] not in SAFE_METHODS:
                raise
            scope["state"][_UNCHECKED] = error
            return None

    async def _look_up(self, scope: HTTPScope) -> Principal | None:
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
        token = scope["state"].get(SESSION_COOKIE) or request.cookies.get(SESSION_COOKIE, "")
        recognised = await self._authenticator.recognise(token) if token else None
        if recognised is None:
            return None
        if recognised.fresh_token is not None:
            scope["state"][SESSION_COOKIE] = recognised.fresh_token
        return recognised.principal


class SessionCookies:
    """Writes the session's cookie into answers.

    Args:
        life: how long a browser keeps the cookie; the session may end before.
        https: whether the cookie is for encrypted connections only.
    """

    def __init__(self, life: timedelta, *, https: bool) -> None:
        self._life = life
        self._https = https

    async def tell(self, message: Message, scope: Scope) -> None:
        """Gives the browser the cookie that `give_cookie` or a look-up left for it.

        An answer that has one, or is for somebody whose sign-in could not be checked, is kept by no cache.
        """
        if message["type"] != "http.response.start":
            return
        state = scope.get("state", {})
        token = state.get(SESSION_COOKIE)
        headers = MutableScopeHeaders.from_message(message)
        if token is not None:
            headers.add("Set-Cookie", self._cookie(token).to_header(header=""))
        if token is not None or _UNCHECKED in state:
            headers["Cache-Control"] = "private, no-store"

    def _cookie(self, token: str) -> Cookie:
        return Cookie(
            key=SESSION_COOKIE,
            value=token,
            max_age=int(self._life.total_seconds()) if token else 0,
            path="/",
            httponly=True,
            samesite="lax",
            secure=self._https,
        )


def give_cookie(request: Request, token: str) -> None:  # type: ignore[type-arg]
    """Gives the browser the session's cookie with the answer; without a token, takes it away."""
    request.scope["state"][SESSION_COOKIE] = token


def unchecked_sign_in(scope: Scope) -> SessionsUnavailable | None:
    """Why it is not known whether somebody who reads is signed in; None when it is known."""
    error: SessionsUnavailable | None = scope.get("state", {}).get(_UNCHECKED)
    return error


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
