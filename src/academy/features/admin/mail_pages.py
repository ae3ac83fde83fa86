"""HTML handlers of the admin: the mail log and the addresses that get no mail."""

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from academy.features.admin.pages import ROWS, back, chosen, list_cursor
from academy.infrastructure.email.log import MailFilter, MailLog
from academy.infrastructure.email.model import MailState
from academy.infrastructure.email.rendering import MailKind
from academy.infrastructure.email.suppressions import SuppressionList
from academy.kit.errors import AcademyError
from academy.web.guards import admins
from academy.web.headers import content_security_policy, image_sources
from academy.web.pages import Pages
from academy.web.requests import PageRequest
from academy.web.settings import WebSettings

_LONGEST_ADDRESS = 254


@get("/admin/mail", guards=[admins], include_in_schema=False)
async def mail(
    request: PageRequest, pages: NamedDependency[Pages], mail_log: NamedDependency[MailLog]
) -> Response[bytes]:
    """The mail log: all of it, or what a filter leaves."""
    query = request.query_params
    wanted = MailFilter(
        state=chosen(MailState, query.get("state", "")),
        kind=chosen(MailKind, query.get("kind", "")),
        to=query.get("to", "")[:_LONGEST_ADDRESS].strip() or None,
        batch_id=query.get("batch_id") or None,
    )
    cursor = list_cursor(request)
    kept = {name: value for name, value in msgspec.to_builtins(wanted).items() if value}
    return pages.render(
        request,
        "admin/mail.html",
        page=await mail_log.page(wanted, limit=ROWS, cursor=cursor),
        wanted=wanted,
        kept=kept,
        states=list(MailState),
        kinds=list(MailKind),
        cursor=cursor,
    )


@get("/admin/mail/{mail_id:str}", guards=[admins], include_in_schema=False)
async def one_mail(
    request: PageRequest,
    mail_id: FromPath[str],
    pages: NamedDependency[Pages],
    mail_log: NamedDependency[MailLog],
    web_settings: NamedDependency[WebSettings],
) -> Response[bytes]:
    """One mail: what became of it, and how it looks."""
    found = await mail_log.get(mail_id)
    response = pages.render(request, "admin/one_mail.html", mail=found, preview=mail_log.preview(found))
    # The mail carries its styles inline, and a frame made of text lives under the policy of the page around it.
    response.headers["Content-Security-Policy"] = content_security_policy(
        style_src="'self' 'unsafe-inline'", img_src=image_sources(web_settings.logo_url)
    )
    return response


@post("/admin/mail/{mail_id:str}/resend", guards=[admins], include_in_schema=False, status_code=200)
async def resend(
    request: PageRequest, mail_id: FromPath[str], pages: NamedDependency[Pages], mail_log: NamedDependency[MailLog]
) -> Response[bytes]:
    """Sends a mail again."""
    location = f"/admin/mail/{mail_id}"
    try:
        await mail_log.resend(mail_id)
    except AcademyError as error:
        return await back(request, pages, "error", error.message, location)
    return await back(request, pages, "success", "The mail is sent again.", location)


@get("/admin/suppressions", guards=[admins], include_in_schema=False)
async def suppressions(
    request: PageRequest, pages: NamedDependency[Pages], suppressions: NamedDependency[SuppressionList]
) -> Response[bytes]:
    """The addresses that get no mail."""
    cursor = list_cursor(request)
    page = await suppressions.page(limit=ROWS, cursor=cursor)
    return pages.render(request, "admin/suppressions.html", page=page, cursor=cursor)


@post("/admin/suppressions/{suppression_id:str}/lift", guards=[admins], include_in_schema=False, status_code=200)
async def lift(
    request: PageRequest,
    suppression_id: FromPath[str],
    pages: NamedDependency[Pages],
    suppressions: NamedDependency[SuppressionList],
) -> Response[bytes]:
    """Lets an address get mail again."""
    try:
        lifted = await suppressions.lift(suppression_id)
    except AcademyError as error:
        return await back(request, pages, "error", error.message, "/admin/suppressions")
    return await back(request, pages, "success", f"{lifted.address} gets mail again.", "/admin/suppressions")


handlers = [mail, one_mail, resend, suppressions, lift]
