"""HTML pages: templates of every feature rendered with what each page needs to know."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import structlog
from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined, select_autoescape
from litestar import Response
from litestar.datastructures import Cookie
from litestar.status_codes import HTTP_303_SEE_OTHER
from markupsafe import Markup, escape

from academy.infrastructure.media.images import Shape
from academy.infrastructure.security.principal import Principal
from academy.kit.clock import Clock
from academy.kit.errors import Kind
from academy.kit.places import clock_time
from academy.web.assets import Assets
from academy.web.authentication import SESSION_COOKIE, unchecked_sign_in
from academy.web.covers import cover
from academy.web.csrf import CSRF_COOKIE, CsrfProtection
from academy.web.flash import FLASH_COOKIE, Flashes
from academy.web.formatting import Formatter, format_duration, hue_number, initials
from academy.web.problems import STATUS_OF_KIND, Problem
from academy.web.requests import PageRequest
from academy.web.settings import WebSettings

# The language of the pages. A person's own language is so far that of the mails only.
_LANGUAGE = "en"
_SIGN_IN_STATUS = STATUS_OF_KIND[Kind.UNAUTHENTICATED].value
_BACKTICKS = re.compile(r"`([^`]+)`")
_WORTH_TRYING_AGAIN = (429, 500, 503)
# What proxies and browsers take in a header without fail; our own addresses are far shorter.
_LONGEST_NEXT = 2_000


class Pages:
    """Renders templates.

    Args:
        templates: the prefix of a template's name -> the package whose `templates` hold it.
        media_url: address of a stored public image, by its key.
        srcset: all sizes of a stored public image, by its address, for a shape of Shape and an extension; "" for one
            that is there in one size only.
    """

    def __init__(
        self,
        settings: WebSettings,
        *,
        templates: Mapping[str, str],
        assets: Assets,
        csrf: CsrfProtection,
        flashes: Flashes,
        clock: Clock,
        media_url: Callable[[str], str],
        srcset: Callable[[str, Shape, str], str],
        has_local_inbox: bool,
    ) -> None:
        loaders = {prefix: PackageLoader(package) for prefix, package in templates.items()}
        web = PackageLoader("academy.web")
        self._environment = Environment(
            loader=_WebFirstLoader(web, loaders),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        self._environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
        self._settings = settings
        self._https = settings.is_https
        self._csrf = csrf
        self._flashes = flashes
        self._clock = clock
        self._environment.filters["with_code"] = _with_code
        self._environment.globals.update(
            academy={
                "name": settings.academy_name,
                "tagline": settings.academy_tagline,
                "accent": settings.accent_color,
                "support_email": settings.support_email,
                "logo_url": settings.logo_url or None,
                "url": settings.public_url,
            },
            asset=assets.url,
            clock_time=clock_time,
            drawn_cover=cover,
            has_local_inbox=has_local_inbox,
            format_duration=format_duration,
            hue=hue_number,
            initials=initials,
            media_url=media_url,
            shapes=Shape.__members__,
            srcset=srcset,
        )

    def render(
        self, request: PageRequest, template: str, *, status_code: int = 200, **context: object
    ) -> Response[bytes]:
        """Returns the page as an answer. `context` goes to the template beside what every page knows."""
        visitor: Principal | None = request.scope.get("user")
        # Where no route is found, nobody was looked up; a session's cookie says that it may be somebody.
        is_unchecked = {"user"}.isdisjoint(request.scope) or unchecked_sign_in(request.scope) is not None
        is_unknown = is_unchecked and SESSION_COOKIE in request.cookies
        formatter = Formatter(_LANGUAGE, visitor.time_zone if visitor else "Asia/Kolkata", self._clock)
        flashes = self._flashes.read(request)
        csrf_token = _Lazy(lambda: self._csrf.token(request))
        html = self._environment.get_template(template).render(
            visitor=visitor,
            is_unknown=is_unknown,
            language=_LANGUAGE,
            theme=visitor.theme if visitor else "auto",
            path=request.scope["path"],
            query=_query(request),
            canonical_url=f"{self._settings.public_url}{request.scope['path']}",
            flashes=flashes,
            csrf_token=csrf_token,
            format_money=formatter.money,
            format_date=formatter.date,
            format_moment=formatter.moment,
            format_language=formatter.language,
            format_relative=formatter.relative,
            **context,
        )
        response = Response(html.encode(), status_code=status_code, media_type="text/html")
        if flashes:
            response.delete_cookie(FLASH_COOKIE)
        fresh_cookie = request.scope["state"].get(CSRF_COOKIE)
        if fresh_cookie:
            response.set_cookie(
                Cookie(key=CSRF_COOKIE, value=fresh_cookie, httponly=True, samesite="lax", secure=self._https, path="/")
            )
        is_personal = visitor or is_unknown or flashes or csrf_token.is_made
        response.headers["Cache-Control"] = "private, no-store" if is_personal else "no-cache"
        response.headers["Vary"] = "Cookie"
        return response

    def error(self, request: PageRequest, problem: Problem, headers: Mapping[str, str]) -> Response[bytes]:
        """Returns the error page, or sends the visitor to sign in and back when that is what is missing."""
        asked_for = urlunsplit(("", "", request.scope["path"], _query(request), ""))
        is_reading = request.method == "GET"
        if problem.status == _SIGN_IN_STATUS and is_reading:
            return redirect("/login", next=safe_next(asked_for, ""))
        response = self.render(
            request,
            "error.html",
            status_code=problem.status,
            problem=problem,
            retry_after=headers.get("Retry-After", ""),
            request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
            again=safe_next(asked_for, "") if is_reading and problem.status in _WORTH_TRYING_AGAIN else "",
            back=_page_before(request),
        )
        response.headers.update(headers)
        return response

    def redirect_with(self, kind: str, text: str, location: str, **query: str) -> Response[bytes]:
        """Sends the visitor on (303) and shows `text` there; `kind` is success, info or error."""
        response = redirect(location, **query)
        self.flash(response, kind, text)
        return response

    def flash(self, response: Response[bytes], kind: str, text: str) -> None:
        """Shows `text` on the page that follows `response`."""
        self._flashes.add(response, kind, text)


def redirect(location: str, **query: str) -> Response[bytes]:
    """Sends the visitor to a page of ours with 303, so that the browser asks with GET."""
    target = quote(location, safe="/?&=#%")
    query = {name: value for name, value in query.items() if value}
    if query:
        target += ("&" if "?" in location else "?") + urlencode(query)
    return Response(b"", status_code=HTTP_303_SEE_OTHER, media_type="text/html", headers={"Location": target})


def leave(location: str, public_url: str) -> Response[bytes]:
    """Sends the visitor to an address elsewhere with 303.

    One of this site is left as a path: the visitor stays on the name by which they came, where their cookies are, also
    while the academy is developed and has several (`localhost`, `127.0.0.1`).
    """
    own = f"{public_url}/"
    target = f"/{location.removeprefix(own)}" if location.startswith(own) else location
    return Response(b"", status_code=HTTP_303_SEE_OTHER, media_type="text/html", headers={"Location": target})


def _query(request: PageRequest) -> str:
    return request.scope["query_string"].decode("latin-1")


def _page_before(request: PageRequest) -> str:
    """The page of ours that the visitor comes from, "" when there is none or it is this one."""
    try:
        before = urlsplit(request.headers.get("referer", ""))
    except ValueError:  # such as an address with half a pair of brackets
        return ""
    if before.netloc != request.headers.get("host") or before.path == request.scope["path"]:
        return ""
    return safe_next(urlunsplit(("", "", before.path, before.query, "")), "")


def safe_next(location: str | None, fallback: str) -> str:
    """Returns `location` when it is a path on this site, else `fallback`, so that a link cannot send people away.

    One of more than 2,000 characters is no address of ours either. Browsers drop tabs and line breaks from addresses
    and read a backslash as a slash (WHATWG URL, section 4.4).
    """
    if not location or not location.startswith("/") or location.startswith("//"):
        return fallback
    if len(location) > _LONGEST_NEXT:
        return fallback
    return location if location.isprintable() and "\\" not in location else fallback


def _with_code(text: str) -> Markup:
    """Shows what stands between `backticks` as code."""
    return Markup(_BACKTICKS.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped first


class _Lazy:
    """A text that is made when a template prints it: pages without forms need no token and can be cached."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make = make
        self.is_made = False

    def __str__(self) -> str:
        self.is_made = True
        return self._make()

    def __html__(self) -> str:
        return str(self)


class _WebFirstLoader(PrefixLoader):
    """Finds `base.html` and other shared templates in web/, and `courses/…` in the feature's own folder."""

    def __init__(self, web: PackageLoader, features: Mapping[str, PackageLoader]) -> None:
        super().__init__(features)
        self._web = web

    def get_source(self, environment: Environment, template: str) -> Any:
        """Looks in the feature named by the prefix, else in web/."""
        if template.partition("/")[0] in self.mapping:
            return super().get_source(environment, template)
        return self._web.get_source(environment, template)

    def load(self, environment: Environment, name: str, globals: Any = None) -> Any:  # noqa: A002 - Jinja's name
        """Loads by the same rule as `get_source`."""
        if name.partition("/")[0] in self.mapping:
            return super().load(environment, name, globals)
        return self._web.load(environment, name, globals)

    def list_templates(self) -> list[str]:
        """Names of all templates."""
        names: Sequence[str] = [*self._web.list_templates(), *super().list_templates()]
        return sorted(names)
