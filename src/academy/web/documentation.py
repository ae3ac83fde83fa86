"""Where the API is described: `/api/openapi.json` for programs, `/api/docs` for people."""

from functools import cache
from typing import Any

import msgspec
from litestar import Litestar, Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler

from academy.web.api_page import ApiGroup, api_groups
from academy.web.guards import anyone
from academy.web.openapi import openapi_document
from academy.web.pages import Pages, redirect
from academy.web.requests import API_PAGE, PageRequest

_OPENAPI_TYPE = "application/vnd.oai.openapi+json"


def documentation_handlers(base_url: str) -> list[HTTPRouteHandler]:
    """Serves the description of the running app, made when it is asked for first; examples ask `base_url`."""

    @cache
    def document(app: Litestar) -> dict[str, Any]:
        return openapi_document(app)

    @cache
    def encoded(app: Litestar) -> bytes:
        return msgspec.json.encode(document(app))

    @cache
    def groups(app: Litestar) -> list[ApiGroup]:
        return api_groups(document(app), base_url)

    @get("/api", guards=[anyone], include_in_schema=False)
    async def api_root() -> Response[bytes]:
        return redirect(API_PAGE)

    @get("/api/openapi.json", guards=[anyone], include_in_schema=False)
    async def openapi(request: PageRequest) -> Response[bytes]:
        return Response(encoded(request.app), media_type=_OPENAPI_TYPE, headers={"Cache-Control": "no-cache"})

    @get(API_PAGE, guards=[anyone], include_in_schema=False)
    async def api_page(request: PageRequest, pages: NamedDependency[Pages]) -> Response[bytes]:
        return pages.render(request, "api_docs.html", groups=groups(request.app))

    return [api_root, openapi, api_page]
