"""Routes that belong to no feature: static files, health, robots, the development inbox, the API's readable page."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from academy.infrastructure.email.base import InboxMessage
from academy.infrastructure.security.principal import Principal, Role
from academy.web.assets import Assets
from academy.web.guards import anyone
from academy.web.pages import Pages
from academy.web.requests import PageRequest
from academy.web.settings import WebSettings

_IMMUTABLE = "public, max-age=31536000, immutable"
_NOT_READY = 503


class Inbox(Protocol):
    """The local inbox, as far as its page needs it."""

    async def messages(self) -> list[InboxMessage]:
        """Returns the kept messages, newest first."""
        ...


class HealthSource(Protocol):
    """What the health routes ask."""

    async def is_ready(self) -> bool:
        """Whether requests can be answered."""
        ...

    async def health(self) -> msgspec.Struct:
        """Runs all checks: a Struct with `status` and `checks`."""
        ...


def static_handler(assets: Assets) -> HTTPRouteHandler:
    """Serves the assets: for a year, under names that change with their content."""

    @get("/static/{name:path}", guards=[anyone], include_in_schema=False)
    async def static(request: PageRequest, name: FromPath[str]) -> Response[bytes]:
        asset = assets.get(f"/static{name}")
        if asset is None:
            raise NotFoundException(detail="There is no such file.")
        headers = {"Cache-Control": _IMMUTABLE, "ETag": asset.etag, "Vary": "Accept-Encoding"}
        accepted = request.headers.get("accept-encoding", "")
        body = asset.body
        if asset.brotli is not None and "br" in accepted:
            body, headers["Content-Encoding"] = asset.brotli, "br"
        elif asset.gzip is not None and "gzip" in accepted:
            body, headers["Content-Encoding"] = asset.gzip, "gzip"
        return Response(body, media_type=asset.content_type, headers=headers)

    return static


def icon_handlers(assets: Assets) -> list[HTTPRouteHandler]:
    """Serves what browsers ask for by fixed names."""

    def fixed(path: str, name: str) -> HTTPRouteHandler:
        @get(path, guards=[anyone], include_in_schema=False, name=f"icon {path}")
        async def icon() -> Response[bytes]:
            asset = assets.get(assets.url(name))
            if asset is None:
                raise NotFoundException(detail="There is no such file.")
            headers = {"Cache-Control": "public, max-age=86400"}
            return Response(asset.body, media_type=asset.content_type, headers=headers)

        return icon

    return [fixed("/favicon.ico", "favicon.svg"), fixed("/manifest.webmanifest", "manifest.webmanifest")]


def robots_handlers(settings: WebSettings, addresses: Callable[[], Awaitable[list[str]]]) -> list[HTTPRouteHandler]:
    """Tells crawlers where to look: robots.txt and sitemap.xml. `addresses` returns the public paths."""

    @get("/robots.txt", guards=[anyone], include_in_schema=False, media_type="text/plain")
    async def robots() -> str:
        closed = "\n".join(f"Disallow: {path}" for path in ("/learn/", "/studio", "/admin", "/account", "/dev/"))
        return f"User-agent: *\n{closed}\nSitemap: {settings.public_url}/sitemap.xml\n"

    @get("/sitemap.xml", guards=[anyone], include_in_schema=False)
    async def sitemap() -> Response[bytes]:
        urls = "".join(f"<url><loc>{settings.public_url}{path}</loc></url>" for path in await addresses())
        xml = f'<?xml version="1.0" encoding="UTF-8"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'
        return Response(xml.encode(), media_type="application/xml")

    return [robots, sitemap]


def health_handlers(source: HealthSource) -> list[HTTPRouteHandler]:
    """Health for load balancers (live, ready), and with details for admins."""

    @get("/health/live", guards=[anyone], include_in_schema=False)
    async def live() -> dict[str, str]:
        return {"status": "healthy"}

    @get("/health/ready", guards=[anyone], include_in_schema=False)
    async def ready() -> Response[dict[str, str]]:
        is_ready = await source.is_ready()
        status = "healthy" if is_ready else "error"
        return Response({"status": status}, status_code=200 if is_ready else _NOT_READY)

    @get("/health", guards=[anyone], include_in_schema=False)
    async def health(visitor: NamedDependency[Principal | None]) -> Response[object]:
        report = msgspec.to_builtins(await source.health())
        if visitor is None or not visitor.may_act_as(Role.ADMIN):
            report = {"status": report["status"]}
        return Response(report, status_code=_NOT_READY if report["status"] == "error" else 200)

    return [live, ready, health]


def development_handlers(inbox: Inbox) -> list[HTTPRouteHandler]:
    """The local inbox. Registered in development only."""

    @get("/dev/mail", guards=[anyone], include_in_schema=False)
    async def mail(request: PageRequest, pages: NamedDependency[Pages]) -> Response[bytes]:
        return pages.render(request, "dev_mail.html", messages=await inbox.messages())

    @get("/dev/mail.json", guards=[anyone], include_in_schema=False)
    async def mail_json() -> list[InboxMessage]:
        return await inbox.messages()

    return [mail, mail_json]


@get("/api/docs", guards=[anyone], include_in_schema=False)
async def api_page(request: PageRequest, pages: NamedDependency[Pages]) -> Response[bytes]:
    """The API's description for people, made from its OpenAPI document."""
    schema = request.app.openapi_schema.to_schema()
    groups: dict[str, list[dict[str, object]]] = {}
    for path, methods in sorted(schema["paths"].items()):
        for method, operation in methods.items():
            entry = {"method": method.upper(), "path": path, **operation}
            groups.setdefault(operation.get("tags", ["other"])[0], []).append(entry)
    return pages.render(request, "api_docs.html", groups=groups)
