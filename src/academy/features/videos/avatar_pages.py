"""The picture of an account: uploaded by a plain form, so that it works without scripts, too."""

from collections.abc import AsyncIterator

from litestar import Response, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency

from academy.features.accounts.service import AccountService
from academy.features.videos.service import VideoService
from academy.infrastructure.media.images import Shape
from academy.infrastructure.rate_limits.base import Rule
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError
from academy.web.csrf import CsrfError
from academy.web.guards import signed_in
from academy.web.pages import Pages
from academy.web.problems import problem_response
from academy.web.rate_limits import RATE_LIMIT
from academy.web.requests import PageRequest

_PROFILE = "/account"
_CHUNK = 256 * 1024
_LARGEST_FORM = 6 << 20


def _refusal(request: PageRequest, error: CsrfError) -> Response[bytes]:
    """Says what is most likely wrong with a form that was too long to look for its token in it."""
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) <= _LARGEST_FORM:
        return problem_response(request, error)
    pages: Pages = request.app.state.pages
    return pages.redirect_with("error", "This picture is too large. Choose one of at most 5 MB.", _PROFILE)


@post(
    "/account/avatar",
    guards=[signed_in],
    include_in_schema=False,
    opt={RATE_LIMIT: Rule.UPLOADS},
    request_max_body_size=_LARGEST_FORM,
    status_code=200,
    exception_handlers={CsrfError: _refusal},
)
async def upload_avatar(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    accounts: NamedDependency[AccountService],
    videos: NamedDependency[VideoService],
) -> Response[bytes]:
    """Makes the sent picture the account's, cut to a square; the one before is deleted."""
    sent = (await request.form()).get("file")
    if not isinstance(sent, UploadFile) or not sent.filename:
        return pages.redirect_with("error", "Choose a picture first.", _PROFILE)
    try:
        image = await videos.files.store_image(principal, sent.filename, sent.content_type, _chunks(sent), Shape.AVATAR)
    except AcademyError as error:
        return pages.redirect_with("error", error.message, _PROFILE)
    finally:
        await sent.close()
    try:
        await accounts.set_avatar(principal, image.key)
    except AcademyError:
        await videos.files.delete(image.key)
        raise
    return pages.redirect_with("success", "Your picture is changed.", _PROFILE)


async def _chunks(sent: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await sent.read(_CHUNK):
        yield chunk


@post("/account/avatar/remove", guards=[signed_in], include_in_schema=False, status_code=200)
async def remove_avatar(
    pages: NamedDependency[Pages], principal: NamedDependency[Principal], accounts: NamedDependency[AccountService]
) -> Response[bytes]:
    """Takes the picture off the account and deletes it; initials are shown again."""
    await accounts.set_avatar(principal, None)
    return pages.redirect_with("success", "Your picture is removed.", _PROFILE)


handlers = [upload_avatar, remove_avatar]
