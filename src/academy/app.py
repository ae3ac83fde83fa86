"""The web application: every feature's handlers around an `Academy` of services."""

import os
from typing import Any, cast

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.types import ControllerRouterHandler
from starlette.types import ASGIApp

from academy.composition import Academy, build_academy
from academy.features.accounts import account_pages
from academy.features.accounts import api as accounts_api
from academy.features.accounts import pages as accounts_pages
from academy.features.admin import api as admin_api
from academy.features.admin import (
    coupon_pages,
    mail_api,
    mail_pages,
    payment_api,
    payment_pages,
    pricing_api,
    tax_pages,
    transaction_pages,
    webhook_pages,
)
from academy.features.admin import pages as admin_pages
from academy.features.courses import api as courses_api
from academy.features.courses import pages as courses_pages
from academy.features.courses import studio, studio_lessons, studio_outline
from academy.features.enrolment import api as enrolment_api
from academy.features.enrolment import pages as enrolment_pages
from academy.features.learning import api as learning_api
from academy.features.learning import pages as learning_pages
from academy.features.learning import search_pages
from academy.features.notifications import api as notifications_api
from academy.features.notifications import pages as notifications_pages
from academy.features.payments import api as payments_api
from academy.features.payments import checkout_pages, receipt_pages, standing_pages
from academy.features.payments.rehearsal_pages import rehearsal_handlers
from academy.features.videos import api as videos_api
from academy.features.videos import avatar_pages, captions_api, captions_pages, direct_api, tus_api
from academy.features.videos import pages as videos_pages
from academy.features.videos.addresses import MEDIA_PATH, public_url, srcset
from academy.features.videos.delivery import media_handler
from academy.features.videos.tus_api import API_UPLOADS, STUDIO_UPLOADS
from academy.infrastructure.monitoring.logs import configure_logs
from academy.settings import Settings, load_settings
from academy.web.assets import Assets
from academy.web.authentication import AuthenticationMiddleware, SessionCookies, provide_principal, provide_visitor
from academy.web.compression import CompressionMiddleware
from academy.web.content_type import check_content_type
from academy.web.csrf import CsrfProtection
from academy.web.deadlines import DeadlineMiddleware
from academy.web.development import inbox_handlers
from academy.web.documentation import documentation_handlers
from academy.web.flash import Flashes
from academy.web.head import HeadMiddleware
from academy.web.headers import ContentPolicy, SecurityHeadersMiddleware
from academy.web.health import health_handlers
from academy.web.json_bodies import StrictRequest
from academy.web.lifespan import LifespanMiddleware
from academy.web.method_override import MethodOverrideMiddleware
from academy.web.openapi import openapi_config
from academy.web.pages import Pages
from academy.web.problems import problem_response
from academy.web.proxies import TrustedProxyMiddleware
from academy.web.rate_limits import RequestLimitMiddleware, RouteLimits, tell_standing
from academy.web.requests import PageRequest
from academy.web.response_cache import ResponseCacheMiddleware
from academy.web.site import crawler_handlers, icon_handlers, static_handler

FEATURES = (
    accounts_api,
    accounts_pages,
    account_pages,
    courses_api,
    courses_pages,
    studio,
    studio_outline,
    studio_lessons,
    videos_api,
    videos_pages,
    tus_api,
    direct_api,
    avatar_pages,
    captions_api,
    captions_pages,
    enrolment_api,
    enrolment_pages,
    payments_api,
    checkout_pages,
    standing_pages,
    receipt_pages,
    learning_api,
    learning_pages,
    search_pages,
    notifications_api,
    notifications_pages,
    admin_api,
    mail_api,
    payment_api,
    pricing_api,
    admin_pages,
    mail_pages,
    payment_pages,
    transaction_pages,
    coupon_pages,
    tax_pages,
    webhook_pages,
)
TEMPLATES = {
    name: f"academy.features.{name}"
    for name in ("accounts", "admin", "courses", "learning", "notifications", "payments", "videos")
}
CACHED_PREFIXES = ("/courses", "/api/v1/courses", "/sitemap.xml")
# Bytes of a body: a form of a page, or a few fields, of letters that take up to nine bytes each. Uploads, courses over
# the API and pictures of accounts say their own; the vendors of mail report many letters at once.
_LARGEST_BODY = 64 << 10
_LARGEST_BODY_IN = {
    accounts_api: 16 << 10,
    accounts_pages: 16 << 10,
    studio: 2 << 20,
    studio_lessons: 2 << 20,
    studio_outline: 256 << 10,
    notifications_api: 1 << 20,
}
_MOST_COURSES_IN_SITEMAP = 10_000


def create_app() -> ASGIApp:
    """Builds the app from the environment; the server's entry point. Raises SettingsError."""
    settings = load_settings(os.environ)
    configure_logs(settings.web.log_level)
    return build_app(build_academy(settings))


def build_app(academy: Academy) -> ASGIApp:
    """Builds the app around `academy`, which starts and stops with it.

    Answers from the cache never enter the framework: the cache stands in front of it.
    """
    web = academy.settings.web
    counted = RequestLimitMiddleware(build_litestar(academy), academy.limiter, except_below=MEDIA_PATH)
    compressed = CompressionMiddleware(counted)
    cached = ResponseCacheMiddleware(compressed, cache=academy.response_cache, prefixes=CACHED_PREFIXES)
    with_head = HeadMiddleware(cached, except_below=MEDIA_PATH)
    overridden = MethodOverrideMiddleware(with_head, below=(API_UPLOADS, STUDIO_UPLOADS))
    secured = SecurityHeadersMiddleware(overridden, https=web.is_https, policy=_content_policy(academy))

    async def start() -> None:
        await academy.start(work=academy.settings.jobs.in_process)
        await academy.email.initialize()

    outermost = TrustedProxyMiddleware(secured, networks) if (networks := web.proxy_networks) else secured
    # Both libraries speak ASGI; they only name its types differently.
    return LifespanMiddleware(cast("ASGIApp", outermost), start, academy.stop)


def _content_policy(academy: Academy) -> ContentPolicy:
    # A source that ends with a slash stands for everything below it.
    media = [f"{url}/" for url in (academy.storage.address, academy.settings.storage.cdn_url) if url]
    uploads = [f"{academy.storage.address}/"] if academy.storage.address else []
    return ContentPolicy(academy.settings.web.logo_url, media, uploads)


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
        flashes=Flashes(academy.secret, https=settings.web.is_https),
        clock=academy.clock,
        media_url=public_url,
        srcset=srcset,
        has_local_inbox=academy.inbox is not None,
    )

    limits = RouteLimits(academy.limiter)
    cookies = SessionCookies(academy.accounts.sessions.longest_life, https=settings.web.is_https)

    async def check_request(request: PageRequest) -> None:
        await limits.check(request)
        await csrf.check(request)
        check_content_type(request)

    return Litestar(
        route_handlers=_handlers(settings, academy, assets),
        state=State({"pages": pages}),
        dependencies=_dependencies(academy, pages),
        request_class=StrictRequest,
        before_request=check_request,
        before_send=[tell_standing, cookies.tell],
        exception_handlers={Exception: problem_response},
        middleware=[
            DefineMiddleware(DeadlineMiddleware),
            DefineMiddleware(AuthenticationMiddleware, authenticator=academy.accounts.sessions),
        ],
        openapi_config=openapi_config(f"{settings.web.academy_name} API"),
        request_max_body_size=_LARGEST_BODY,
        logging_config=None,
    )


def _handlers(settings: Settings, academy: Academy, assets: Assets) -> list[ControllerRouterHandler]:
    async def public_addresses() -> list[str]:
        slugs = await academy.courses.addresses(_MOST_COURSES_IN_SITEMAP)
        return ["/", "/courses", *(f"/courses/{slug}" for slug in slugs)]

    handlers: list[ControllerRouterHandler] = [
        Router("/", route_handlers=module.handlers, request_max_body_size=_LARGEST_BODY_IN.get(module, _LARGEST_BODY))
        for module in FEATURES
    ]
    handlers += [
        media_handler(academy.storage, academy.signer, settings.storage.cdn_url),
        static_handler(assets),
        *documentation_handlers(settings.web.public_url),
        *icon_handlers(settings.web, assets),
        *crawler_handlers(settings.web, public_addresses),
        *health_handlers(academy.admin),
    ]
    if academy.inbox is not None:
        handlers += inbox_handlers(academy.inbox, settings.web.logo_url)
    if academy.rehearsal is not None:
        handlers += rehearsal_handlers(academy.rehearsal, settings.web.public_url)
    return handlers


def _dependencies(academy: Academy, pages: Pages) -> dict[str, Provide]:
    """What handlers can ask for by name."""
    services: dict[str, Any] = {
        "pages": pages,
        "web_settings": academy.settings.web,
        "content_policy": _content_policy(academy),
        "accounts": academy.accounts,
        "courses": academy.courses,
        "reviews": academy.reviews,
        "videos": academy.videos,
        "placing": academy.placing,
        "uploads": academy.uploads,
        "direct_uploads": academy.direct_uploads,
        "studio_media": academy.videos,
        "views": academy.views,
        "captions": academy.captions,
        "media_signer": academy.signer,
        "enrolments": academy.enrolments,
        "payments": academy.payments,
        "checkouts": academy.checkouts,
        "refunds": academy.refunds,
        "limiter": academy.limiter,
        "invoice_printer": academy.invoice_printer,
        "coupons": academy.coupons,
        "taxes": academy.taxes,
        "reconciliation": academy.reconciliation,
        "webhook_inbox": academy.webhook_inbox,
        "learning": academy.learning,
        "video_search": academy.video_search,
        "learner_states": academy.learning.states,
        "notifications": academy.notifications,
        "delivery_reports": academy.delivery_reports,
        "admin": academy.admin,
        "mail_log": academy.email.log,
        "suppressions": academy.email.suppressions,
    }
    provided = {name: Provide(_always(service), sync_to_thread=False) for name, service in services.items()}
    provided["visitor"] = Provide(provide_visitor, sync_to_thread=False)
    provided["principal"] = Provide(provide_principal, sync_to_thread=False)
    return provided


def _always(service: Any) -> Any:
    def provide() -> Any:
        return service

    return provide
