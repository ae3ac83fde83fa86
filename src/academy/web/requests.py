"""The request as handlers see it."""

import re

from litestar import Request
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.types import Scope

from academy.infrastructure.security.principal import Principal

# The first mark found in a User-Agent decides: every browser also names its ancestors.
_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)

# What programs that read pages for others call themselves.
_CRAWLER = re.compile(r"bot\b|crawl|spider|slurp|preview", re.IGNORECASE)

PageRequest = Request[Principal | None, None, State]

# Methods that change nothing (RFC 9110, section 9.2.1).
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# The headers that `wants_fragment` looks at.
VARYING = (b"hx-request", b"hx-boosted", b"hx-history-restore-request")
API_PREFIX = "/api/"
API_PAGE = "/api/docs"


def is_api(path: str) -> bool:
    """Whether programs are answered at this path; the readable page about the API is for people."""
    return path.startswith(API_PREFIX) and path != API_PAGE


def body_limit(scope: Scope) -> int | None:
    """The most bytes that the route of a request takes as its body; None for uploads, which count for themselves."""
    handler = scope.get("route_handler")
    return handler.resolve_request_max_body_size() if isinstance(handler, HTTPRouteHandler) else 0


def wants_fragment(scope: Scope) -> bool:
    """Whether htmx asks for a part of a page: not for a link that it only speeds up, and not to go back to a page."""
    asked = {name: value for name, value in scope["headers"] if name in VARYING}
    return asked == {b"hx-request": b"true"}


def client_address(request: PageRequest) -> str:
    """The address that connected to the server; behind a proxy that is the proxy's. "" when unknown."""
    return request.client.host if request.client else ""


def is_crawler(request: PageRequest) -> bool:
    """Whether a search engine's or another known robot asks; one that hides it is taken for a person."""
    return _CRAWLER.search(request.headers.get("user-agent", "")) is not None


def client_device(request: PageRequest) -> str:
    """A short description of the visitor's browser or client, made from its User-Agent."""
    agent = request.headers.get("user-agent", "")
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    described = " · ".join(part for part in (browser, system) if part)
    return described or agent[:60]
