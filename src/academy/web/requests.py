"""The request as handlers see it."""

from litestar import Request
from litestar.datastructures import State

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

PageRequest = Request[Principal | None, None, State]

API_PREFIX = "/api/"
API_PAGE = "/api/docs"


def is_api(path: str) -> bool:
    """Whether programs are answered at this path; the readable page about the API is for people."""
    return path.startswith(API_PREFIX) and path != API_PAGE


def client_address(request: PageRequest) -> str:
    """The address that connected to the server; behind a proxy that is the proxy's. "" when unknown."""
    return request.client.host if request.client else ""


def client_device(request: PageRequest) -> str:
    """A short description of the visitor's browser or client, made from its User-Agent."""
    agent = request.headers.get("user-agent", "")
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    described = " · ".join(part for part in (browser, system) if part)
    return described or agent[:60]
