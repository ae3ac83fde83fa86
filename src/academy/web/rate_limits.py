"""Rate limits of the routes: a route names its rule in its `opt`, e.g. `opt={RATE_LIMIT: Rule.CODES}`.

Answers tell the client where it stands (draft-ietf-httpapi-ratelimit-headers-10); too many tries are 429 with
`Retry-After`.
"""

from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

from academy.infrastructure.rate_limits.base import Rule, Standing, TooManyTries
from academy.infrastructure.rate_limits.limiter import RateLimiter
from academy.infrastructure.security.principal import Principal
from academy.web.requests import PageRequest, client_address

RATE_LIMIT = "rate_limit"
_STANDING = "rate_limit_standing"
_OF_ACCOUNTS = frozenset({Rule.UPLOADS})


class RouteLimits:
    """Counts requests: all of an address, and those of a route under the route's own rule."""

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter

    async def check(self, request: PageRequest) -> None:
        """Raises TooManyTries when the address, or the account, asked too often."""
        address = client_address(request)
        rule = request.route_handler.opt.get(RATE_LIMIT)
        await self._count(request, Rule.REQUESTS, address)
        if isinstance(rule, Rule):
            user = request.scope.get("user")
            who = user.user_id if rule in _OF_ACCOUNTS and isinstance(user, Principal) else address
            await self._count(request, rule, who)

    async def _count(self, request: PageRequest, rule: Rule, who: str) -> None:
        standing = await self._limiter.hit(rule, who)
        if standing is not None:
            request.scope["state"][_STANDING] = standing
            if not standing.is_allowed:
                raise TooManyTries(standing)


async def tell_standing(message: Message, scope: Scope) -> None:
    """Adds the headers that tell where the client stands to the answer of a request that was counted."""
    standing = scope.get("state", {}).get(_STANDING)
    if message["type"] == "http.response.start" and isinstance(standing, Standing):
        headers = MutableScopeHeaders.from_message(message)
        headers["RateLimit-Policy"] = f'"{standing.rule}";q={standing.quota};w={standing.window_seconds}'
        headers["RateLimit"] = f'"{standing.rule}";r={standing.remaining};t={standing.reset_seconds}'
