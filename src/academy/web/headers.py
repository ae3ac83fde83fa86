"""What every answer carries, errors and files included: security headers and a request id. Nothing fails silently."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

import msgspec
import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from academy.kit.ids import new_request_id
from academy.web.problems import INTERNAL_PROBLEM
from academy.web.requests import is_api

_POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "media-src": "'self' blob:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "frame-src": "https://www.youtube-nocookie.com",
    "frame-ancestors": "'none'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "object-src": "'none'",
}
_HSTS_SECONDS = 31_536_000


def content_security_policy(**changed: str) -> str:
    """Returns the policy of the website's pages; `changed` replaces directives, `_` standing for the hyphen."""
    policy = _POLICY | {name.replace("_", "-"): value for name, value in changed.items()}
    return "; ".join(f"{name} {value}" for name, value in policy.items())


def image_sources(logo_url: str) -> str:
    """The site's own images, and a logo that lies elsewhere."""
    logo = urlsplit(logo_url)
    origin = f" {logo.scheme}://{logo.netloc}" if logo.netloc else ""
    return _POLICY["img-src"] + origin


class ContentPolicy:
    """The Content-Security-Policy of an academy's pages, and of those that need more of the outside than others.

    Args:
        media: addresses elsewhere from which pages show stored images and videos.
        uploads: addresses elsewhere to which pages send files.
    """

    def __init__(self, logo_url: str = "", media: Sequence[str] = (), uploads: Sequence[str] = ()) -> None:
        self._held = _POLICY | {
            "img-src": " ".join([image_sources(logo_url), *media]),
            "media-src": " ".join([_POLICY["media-src"], *media]),
            "connect-src": " ".join([_POLICY["connect-src"], *uploads]),
        }

    def __str__(self) -> str:
        """The policy of every page."""
        return self.allowing()

    def allowing(self, **sources: Iterable[str]) -> str:
        """Returns the policy of a page that needs more sources, by directive, `_` standing for the hyphen."""
        changed = {name.replace("_", "-"): added for name, added in sources.items()}
        more = {name: " ".join([self._held[name], *added]) for name, added in changed.items()}
        return "; ".join(f"{name} {value}" for name, value in (self._held | more).items())


class SecurityHeadersMiddleware:
    """Adds the OWASP Secure Headers and a request id to every HTTP answer. A header that is set already stays.

    It stands in front of everything: what fails behind it, even the error page, is logged and answered here.
    """

    def __init__(self, app: ASGIApp, *, https: bool, policy: ContentPolicy) -> None:
        self._app = app
        headers = {
            "content-security-policy": str(policy),
            "x-frame-options": "DENY",
            "x-content-type-options": "nosniff",
            "referrer-policy": "strict-origin-when-cross-origin",
            "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
        }
        if https:
            headers["strict-transport-security"] = f"max-age={_HSTS_SECONDS}; includeSubDomains"
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on and completes the answer's headers."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        request_id = new_request_id()
        # Not unbound afterwards: every request has a context of its own, or binds its own id over this one.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        is_started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal is_started
            if message["type"] == "http.response.start":
                is_started = True
                present = {name for name, _ in message["headers"]}
                added = [pair for pair in self._headers if pair[0] not in present]
                message["headers"] = [*message["headers"], *added, (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            if is_started:
                raise
            structlog.get_logger().error("request_failed", path=scope["path"], exc_info=error)
            await _answer_plainly(scope["path"], send_with_headers)


async def _answer_plainly(path: str, send: Send) -> None:
    """Answers 500 without templates: what makes error pages may be what failed."""
    if is_api(path):
        content_type, body = b"application/problem+json", msgspec.json.encode(INTERNAL_PROBLEM)
    else:
        content_type, body = b"text/plain; charset=utf-8", INTERNAL_PROBLEM.detail.encode()
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": HTTPStatus.INTERNAL_SERVER_ERROR.value, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
