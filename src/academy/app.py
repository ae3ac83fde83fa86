"""The web application: every feature's handlers around an `Academy` of services."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar
from litestar.config.compression import CompressionConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme, Tag
from litestar.types import ASGIApp, ControllerRouterHandler

from academy import __version__
from academy.composition import Academy, build_academy
from academy.features.accounts import account_pages
from academy.features.accounts import api as accounts_api
from academy.features.accounts import pages as accounts_pages
from academy.features.admin import api as admin_api
from academy.features.admin import pages as admin_pages
from academy.features.courses import api as courses_api
from academy.features.courses import pages as courses_pages
from academy.features.courses import studio
from academy.features.courses.repository import CatalogueFilter
from academy.features.enrolment import api as enrolment_api
from academy.features.enrolment import pages as enrolment_pages
from academy.features.learning import api as learning_api
from academy.features.learning import pages as learning_pages
from academy.features.videos import api as videos_api
from academy.features.videos import pages as videos_pages
from academy.features.videos.addresses import public_url
from academy.features.videos.delivery import media_handler
from academy.infrastructure.monitoring.logs import configure_logs
from academy.settings import Settings, load_settings
from academy.web import site
from academy.web.assets import Assets
from academy.web.authentication import AuthenticationMiddleware, provide_principal, provide_visitor
from academy.web.csrf import CsrfProtection
from academy.web.flash import Flashes
from academy.web.headers import SecurityHeadersMiddleware
from academy.web.pages import Pages
from academy.web.problems import problem_response
from academy.web.requests import PageRequest
from academy.web.response_cache import ResponseCacheMiddleware

FEATURES = (
    accounts_api,
    accounts_pages,
    account_pages,
    courses_api,
    courses_pages,
    studio,
    videos_api,
    videos_pages,
    enrolment_api,
    enrolment_pages,
    learning_api,
    learning_pages,
    admin_api,
    admin_pages,
)
TEMPLATES = {name: f"academy.features.{name}" for name in ("accounts", "admin", "courses", "learning")}
CACHED_PREFIXES = ("/courses", "/api/v1/courses")
_LARGEST_BODY = 8 << 20
_MOST_COURSES_IN_SITEMAP = 200


def create_app() -> ASGIApp:
    """Builds the app from the environment; the server's entry point. Raises SettingsError."""
    settings = load_settings(os.environ)
    configure_logs(settings.web.log_level)
    return build_app(build_academy(settings))


def build_app(academy: Academy) -> ASGIApp:
    """Builds the app around `academy`, which starts and stops with it.

    Answers from the cache never enter the framework: the cache stands in front of it.
    """
    litestar = build_litestar(academy)
    cached = ResponseCacheMiddleware(litestar, cache=academy.response_cache, prefixes=CACHED_PREFIXES)
    https = academy.settings.web.public_url.startswith("https")
    return SecurityHeadersMiddleware(cached, https=https)


def build_litestar(academy: Academy) -> Litestar:
    """Builds the framework's app: routes, guards, errors, OpenAPI."""
    settings = academy.settings
    csrf = CsrfProtection(academy.secret)
    assets = Assets(settings.web.accent_color)
    pages = Pages(
        settings.web,
        templates=TEMPLATES,
        assets=assets,
        csrf=csrf,
        flashes=Flashes(academy.secret),
        clock=academy.clock,
        media_url=public_url,
    )

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        await academy.start(work=settings.jobs.in_process)
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
        middleware=[DefineMiddleware(AuthenticationMiddleware, authenticator=academy.accounts)],
        compression_config=CompressionConfig(backend="brotli", brotli_quality=4, minimum_size=1024, exclude="^/media/"),
        openapi_config=_openapi(settings),
        request_max_body_size=_LARGEST_BODY,
        logging_config=None,
    )


def _handlers(settings: Settings, academy: Academy, assets: Assets) -> list[ControllerRouterHandler]:
    async def public_addresses() -> list[str]:
        found = await academy.courses.catalogue(CatalogueFilter(), limit=_MOST_COURSES_IN_SITEMAP)
        return ["/", "/courses", *(f"/courses/{course.slug}" for course in found.items)]

    handlers: list[ControllerRouterHandler] = [handler for module in FEATURES for handler in module.handlers]
    handlers += [
        media_handler(academy.storage, academy.signer),
        site.static_handler(assets),
        site.api_page,
        *site.icon_handlers(assets),
        *site.robots_handlers(settings.web, public_addresses),
        *site.health_handlers(academy.admin),
    ]
    if not settings.web.is_production:
        handlers += site.development_handlers(academy.inbox)
    return handlers


def _dependencies(academy: Academy, pages: Pages) -> dict[str, Provide]:
    """What handlers can ask for by name."""
    services: dict[str, Any] = {
        "pages": pages,
        "web_settings": academy.settings.web,
        "accounts": academy.accounts,
        "courses": academy.courses,
        "reviews": academy.reviews,
        "videos": academy.videos,
        "enrolments": academy.enrolments,
        "learning": academy.learning,
        "learner_states": academy.learning.states,
        "admin": academy.admin,
    }
    provided = {name: Provide(_always(service), sync_to_thread=False) for name, service in services.items()}
    provided["visitor"] = Provide(provide_visitor, sync_to_thread=False)
    provided["principal"] = Provide(provide_principal, sync_to_thread=False)
    return provided


def _always(service: Any) -> Any:
    def provide() -> Any:
        return service

    return provide


def _openapi(settings: Settings) -> OpenAPIConfig:
    return OpenAPIConfig(
        title=f"{settings.web.academy_name} API",
        version=__version__,
        description="Courses, enrolment, learning and administration. Errors are problem details (RFC 9457).",
        license=License(name="MIT", identifier="MIT"),
        path="/api",
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        components=Components(
            security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
        ),
        tags=[
            Tag(name="auth", description="Becoming someone, signing in and out."),
            Tag(name="me", description="The caller's account."),
            Tag(name="courses", description="Catalogue, courses, reviews."),
            Tag(name="enrolment", description="Enrolments and progress."),
            Tag(name="files", description="Videos and files."),
            Tag(name="admin", description="For admins."),
        ],
        use_handler_docstrings=True,
    )
