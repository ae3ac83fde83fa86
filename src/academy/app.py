"""The web application: every feature's handlers on one Litestar app, around an `Academy` of services."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar
from litestar.config.compression import CompressionConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, License, SecurityScheme, Tag
from litestar.types import ControllerRouterHandler

import academy.features.accounts.api
import academy.features.accounts.pages
import academy.features.admin.api
import academy.features.admin.pages
import academy.features.courses.api
import academy.features.courses.pages
import academy.features.courses.studio
import academy.features.enrolment.api
import academy.features.enrolment.pages
import academy.features.learning.api
import academy.features.learning.pages
import academy.features.videos.api
import academy.features.videos.pages
import academy.web.api_page
import academy.web.site
from academy import __version__
from academy.composition import Academy, build_academy
from academy.features.videos.delivery import media_handler
from academy.settings import Settings, load_settings
from academy.web.assets import Assets
from academy.web.authentication import AuthenticationMiddleware, provide_principal, provide_visitor
from academy.web.csrf import CsrfProtection
from academy.web.flash import Flashes
from academy.web.headers import SecurityHeadersMiddleware
from academy.web.pages import Pages
from academy.web.problems import problem_response
from academy.web.requests import PageRequest
from academy.web.response_cache import ResponseCacheMiddleware
from academy.web.site import development_mail, static_handler

TEMPLATES = {
    name: f"academy.features.{name}" for name in ("accounts", "admin", "courses", "enrolment", "learning", "videos")
}
CACHED_PREFIXES = ("/courses", "/api/v1/courses")
_LARGEST_BODY = 8 << 20


def create_app() -> Litestar:
    """Builds the app from the environment; the server's entry point.

    Raises:
        SettingsError: listing every variable that is wrong.
    """
    import os

    return build_app(load_settings(os.environ))


def build_app(settings: Settings, academy: Academy | None = None) -> Litestar:
    """Builds the app around `academy` (made from the settings when not given); it starts and stops with the app."""
    academy = academy or build_academy(settings)
    csrf = CsrfProtection(academy.secret)
    assets = Assets()
    pages = Pages(
        settings.web,
        templates=TEMPLATES,
        assets=assets,
        csrf=csrf,
        flashes=Flashes(academy.secret),
        clock=academy.clock,
    )

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        await academy.start()
        try:
            yield
        finally:
            await academy.stop()

    async def check_csrf(request: PageRequest) -> None:
        await csrf.check(request)

    return Litestar(
        route_handlers=_handlers(settings, academy, assets),
        lifespan=[lifespan],
        state=State({"pages": pages}),
        dependencies=_dependencies(academy, pages),
        before_request=check_csrf,
        exception_handlers={Exception: problem_response},
        middleware=[
            DefineMiddleware(
                SecurityHeadersMiddleware, https=settings.web.public_url.startswith("https"), accent=settings.web
            ),
            DefineMiddleware(ResponseCacheMiddleware, cache=academy.response_cache, prefixes=CACHED_PREFIXES),
            DefineMiddleware(AuthenticationMiddleware, authenticator=academy.accounts),
        ],
        compression_config=CompressionConfig(backend="brotli", brotli_quality=4, minimum_size=1024),
        openapi_config=_openapi(settings),
        request_max_body_size=_LARGEST_BODY,
        logging_config=None,
        signature_namespace={},
    )
