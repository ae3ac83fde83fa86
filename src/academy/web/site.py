"""Files that belong to no feature: static assets, icons, the manifest, what crawlers read."""

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from academy.web.assets import Asset, Assets
from academy.web.compression import Encoding, preferred_encoding
from academy.web.guards import anyone
from academy.web.requests import PageRequest
from academy.web.settings import WebSettings

_IMMUTABLE = "public, max-age=31536000, immutable"
_A_DAY = "public, max-age=86400"
_CLOSED_TO_CRAWLERS = ("/learn/", "/studio", "/admin", "/account", "/dashboard", "/dev/")
# Background of the page in light mode, as in css/tokens.css.
_PAGE_COLOR = "#fbfaf7"


def static_handler(assets: Assets) -> HTTPRouteHandler:
    """Serves the assets: for a year, under names that change with their content."""

    @get("/static/{name:path}", guards=[anyone], include_in_schema=False)
    async def static(request: PageRequest, name: FromPath[str]) -> Response[bytes]:
        asset = assets.get(f"/static{name}")
        if asset is None:
            raise NotFoundException(detail="There is no such file.")
        headers = {"Cache-Control": _IMMUTABLE, "ETag": asset.etag, "Vary": "Accept-Encoding"}
        if asset.etag in request.headers.get("if-none-match", ""):
            return Response(b"", status_code=304, headers=headers)
        body, encoding = _encoded(asset, request.headers.get("accept-encoding", ""))
        if encoding is not Encoding.IDENTITY:
            headers["Content-Encoding"] = encoding.value
        return Response(body, media_type=asset.content_type, headers=headers)

    return static


def _encoded(asset: Asset, accepted: str) -> tuple[bytes, Encoding]:
    """The asset in the form that the client likes best."""
    encoding = preferred_encoding(accepted.encode("latin-1"))
    body = {Encoding.BROTLI: asset.brotli, Encoding.GZIP: asset.gzip}.get(encoding)
    return (asset.body, Encoding.IDENTITY) if body is None else (body, encoding)


def icon_handlers(settings: WebSettings, assets: Assets) -> list[HTTPRouteHandler]:
    """Serves what browsers ask for by fixed names: the icon, and the manifest in the academy's name and colour."""
    icon = assets.get(assets.url("favicon.svg"))

    @get("/favicon.ico", guards=[anyone], include_in_schema=False)
    async def favicon() -> Response[bytes]:
        if icon is None:
            raise NotFoundException(detail="There is no such file.")
        return Response(icon.body, media_type=icon.content_type, headers={"Cache-Control": _A_DAY})

    @get("/manifest.webmanifest", guards=[anyone], include_in_schema=False)
    async def manifest() -> Response[dict[str, object]]:
        description: dict[str, object] = {
            "name": settings.academy_name,
            "short_name": settings.academy_name,
            "description": settings.academy_tagline,
            "start_url": "/",
            "display": "standalone",
            "background_color": _PAGE_COLOR,
            "theme_color": settings.accent_color,
            "icons": [{"src": "/favicon.ico", "sizes": "any", "type": "image/svg+xml"}],
        }
        return Response(description, media_type="application/manifest+json", headers={"Cache-Control": _A_DAY})

    return [favicon, manifest]


def crawler_handlers(settings: WebSettings, addresses: Callable[[], Awaitable[list[str]]]) -> list[HTTPRouteHandler]:
    """Tells crawlers where to look: robots.txt and sitemap.xml. `addresses` returns the public paths."""

    @get("/robots.txt", guards=[anyone], include_in_schema=False, media_type="text/plain")
    async def robots() -> str:
        closed = "\n".join(f"Disallow: {path}" for path in _CLOSED_TO_CRAWLERS)
        return f"User-agent: *\n{closed}\nSitemap: {settings.public_url}/sitemap.xml\n"

    @get("/sitemap.xml", guards=[anyone], include_in_schema=False)
    async def sitemap() -> Response[bytes]:
        urls = "".join(f"<url><loc>{settings.public_url}{quote(path)}</loc></url>" for path in await addresses())
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'
        )
        return Response(xml.encode(), media_type="application/xml")

    return [robots, sitemap]
