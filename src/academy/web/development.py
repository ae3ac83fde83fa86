"""The local inbox: `/dev/mail`. Its routes exist in development only."""

from typing import Protocol

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler

from academy.infrastructure.email.base import InboxMessage
from academy.web.guards import anyone
from academy.web.headers import content_security_policy, image_sources
from academy.web.pages import Pages
from academy.web.requests import PageRequest

# Mails carry their styles inline, and a frame made of text lives under the policy of the page around it.
_STYLES = "'self' 'unsafe-inline'"


class Inbox(Protocol):
    """The local inbox, as far as its page needs it."""

    async def messages(self) -> list[InboxMessage]:
        """Returns the kept messages, newest first."""
        ...


def inbox_handlers(inbox: Inbox, logo_url: str) -> list[HTTPRouteHandler]:
    """Shows the mail, for people and as JSON."""
    policy = content_security_policy(style_src=_STYLES, img_src=image_sources(logo_url))

    @get("/dev/mail", guards=[anyone], include_in_schema=False)
    async def mail(request: PageRequest, pages: NamedDependency[Pages]) -> Response[bytes]:
        response = pages.render(request, "dev_mail.html", messages=await inbox.messages())
        response.headers["Content-Security-Policy"] = policy
        return response

    @get("/dev/mail.json", guards=[anyone], include_in_schema=False)
    async def mail_json() -> list[InboxMessage]:
        return await inbox.messages()

    return [mail, mail_json]
