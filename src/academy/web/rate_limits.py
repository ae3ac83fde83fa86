"""Rate limits of requests: all that come from an address, and those of routes that have a rule of their own.

A route names its rule in its `opt`, e.g. `opt={RATE_LIMIT: Rule.CODES}`. Answers tell the client where it stands
(draft-ietf-httpapi-ratelimit-headers-10); too many tries are 429 with `Retry-After`.
"""

from collections.abc import Mapping

from litestar import Litestar
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import Message, Receive, Scope, Send

from academy.infrastructure.rate_limits.addresses import counted_address
from academy.infrastructure.rate_limits.base import Rule, Standing, TooManyTries
from academy.infrastructure.rate_limits.limiter import RateLimiter
from academy.infrastructure.security.principal import Principal
from academy.web.problems import problem_response
from academy.web.requests import PageRequest, client_address

RATE_LIMIT = "rate_limit"
_STANDING = "rate_limit_standing"
_OF_ACCOUNTS = frozenset({Rule.UPLOADS, Rule.CHECKOUTS})


class RequestLimitMiddleware:
    """Counts every request of an address before the app looks at it: also those that lead nowhere or are refused.

    What is below `except_below` is not counted: a film is many requests, and signed addresses protect it.
    """

    def __init__(self, app: Litestar, limiter: RateLimiter, *, except_below: str) -> None:
        self._app = app
        self._limiter = limiter
        self._except_below = except_below

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers 429."""
        if scope["type"] != ScopeType.HTTP or scope["path"].startswith(self._except_below):
            await self._app(scope, receive, send)
            return
        request: PageRequest = self._app.request_class(scope, receive, send)
        standing = await self._limiter.hit(Rule.REQUESTS, counted_address(client_address(request)))
        if standing is None or standing.is_allowed:
            scope.setdefault("state", {})[_STANDING] = standing
            await self._app(scope, receive, send)
            return
        # The framework has not seen the request yet, and says in it who it is.
        scope["app"] = scope["litestar_app"] = self._app
        response = problem_response(request, TooManyTries(standing))
        response.headers.update(_headers(standing))
        await response.to_asgi_response(app=None, request=request)(scope, receive, send)


class RouteLimits:
    """Counts the requests of a route under the route's own rule."""

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter

    async def check(self, request: PageRequest) -> None:
        """Raises TooManyTries when the address, or the account, asked too often."""
        rule = request.route_handler.opt.get(RATE_LIMIT)
        if not isinstance(rule, Rule):
            return
        user = request.scope.get("user")
        of_account = rule in _OF_ACCOUNTS and isinstance(user, Principal)
        standing = await self._limiter.hit(
            rule, user.user_id if of_account else counted_address(client_address(request))
        )
        if standing is not None:
            request.scope["state"][_STANDING] = standing
            if not standing.is_allowed:
                raise TooManyTries(standing)


async def tell_standing(message: Message, scope: Scope) -> None:
    """Adds the headers that tell where the client stands to the answer of a request that was counted."""
    standing = scope.get("state", {}).get(_STANDING)
    if message["type"] == "http.response.start" and isinstance(standing, Standing):
        MutableScopeHeaders.from_message(message).update(_headers(standing))


def _headers(standing: Standing) -> Mapping[str, str]:
    return {
        "RateLimit-Policy": f'"{standing.rule}";q={standing.quota};w={standing.window_seconds}',
        "RateLimit": f'"{standing.rule}";r={standing.remaining};t={standing.reset_seconds}',
    }
