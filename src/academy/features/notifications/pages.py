"""HTML handlers of the notifications: the page behind the unsubscribe link of a mail."""

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from academy.features.notifications.service import NotificationService
from academy.web.csrf import NO_CSRF
from academy.web.guards import anyone
from academy.web.pages import Pages
from academy.web.requests import PageRequest

_TEMPLATE = "notifications/unsubscribe.html"


@get("/unsubscribe/{token:str}", guards=[anyone], include_in_schema=False)
async def unsubscribe_page(
    request: PageRequest,
    token: FromPath[str],
    pages: NamedDependency[Pages],
    notifications: NamedDependency[NotificationService],
) -> Response[bytes]:
    """Asks whether to unsubscribe: mail scanners open links, too, and decide nothing."""
    topic = notifications.topic_of(token)
    return pages.render(request, _TEMPLATE, topic=topic.described, token=token, is_done=False)


@post("/unsubscribe/{token:str}", guards=[anyone], include_in_schema=False, status_code=200, opt={NO_CSRF: True})
async def unsubscribe(
    request: PageRequest,
    token: FromPath[str],
    pages: NamedDependency[Pages],
    notifications: NamedDependency[NotificationService],
) -> Response[bytes]:
    """Unsubscribes, from the page or straight from a mail client (RFC 8058): no session, no question."""
    topic = await notifications.decline(token)
    return pages.render(request, _TEMPLATE, topic=topic.described, token=token, is_done=True)


handlers = [unsubscribe_page, unsubscribe]
