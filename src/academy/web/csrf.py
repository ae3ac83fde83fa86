"""Protection against cross-site request forgery: a token that only our own pages can know.

The token is an HMAC over the visitor's session, or, before sign-in, over a random cookie (OWASP CSRF Prevention Cheat
Sheet, "signed double-submit cookie"). It is salted anew each time, so that compressed pages do not give it away
(BREACH). The API takes no cookies and needs none.
"""

import asyncio
import hashlib
import hmac

from litestar.enums import RequestEncodingType

from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError, Kind
from academy.kit.ids import new_token
from academy.web.requests import SAFE_METHODS, PageRequest, body_limit, is_api

CSRF_COOKIE = "academy_csrf"
CSRF_FIELD = "_csrf_token"
CSRF_HEADER = "x-csrf-token"
NO_CSRF = "no_csrf"
"""In the `opt` of a route that asks for no token: its address is a secret of its own, and no session counts."""

_LARGEST_FORM = 6 << 20
# The longest lesson text, percent-encoded in a script of three bytes a letter, has 1.8 million characters.
_LARGEST_FIELDS = 2 << 20
_MOST_FIELDS = 200
_THREAD_ABOVE = 64 << 10


class CsrfError(AcademyError):
    """The form did not come from one of our pages, or its page is too old."""

    code = "csrf_failed"
    kind = Kind.FORBIDDEN

    def __init__(self) -> None:
        super().__init__("This form is too old or did not come from this site. Reload the page and send it again.")


class FormTooLarge(AcademyError):
    """The form has more text or more fields than any of our pages sends."""

    code = "form_too_large"
    kind = Kind.TOO_LARGE

    def __init__(self) -> None:
        super().__init__("This form is too large. Shorten its longest text and send it again.")


class CsrfProtection:
    """Makes and checks tokens with the academy's secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def token(self, request: PageRequest) -> str:
        """Returns a token for the forms of a page; asks the response to set the random cookie when one is needed."""
        binding = _binding(request) or f"cookie:{browser_id(request)}"
        salt = new_token()
        return f"{salt}.{self._sign(salt, binding)}"

    async def check(self, request: PageRequest) -> None:
        """Refuses an unsafe request without a right token. Raises CsrfError, and FormTooLarge before parsing.

        The token is taken from the header, else from the form, which is read only for visitors who can have a token.
        """
        if request.method in SAFE_METHODS or is_api(request.scope["path"]) or NO_CSRF in request.route_handler.opt:
            return
        binding = _binding(request)
        if not binding:
            raise CsrfError
        if request.content_type[0] == RequestEncodingType.URL_ENCODED:
            await _parse_fields(request)
        given = request.headers.get(CSRF_HEADER, "")
        if not given and _is_a_form(request):
            given = str((await request.form()).get(CSRF_FIELD, ""))
        salt, _, signature = given.partition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(salt, binding).encode()):
            raise CsrfError

    def _sign(self, salt: str, binding: str) -> str:
        return hmac.new(self._secret, f"csrf:{salt}:{binding}".encode(), hashlib.sha256).hexdigest()


def browser_id(request: PageRequest) -> str:
    """Returns the random text that this browser keeps until it is closed; the answer brings one that has none yet."""
    held = request.cookies.get(CSRF_COOKIE, "") or request.scope["state"].get(CSRF_COOKIE, "")
    if not held:
        held = request.scope["state"][CSRF_COOKIE] = new_token()
    return str(held)


def _is_a_form(request: PageRequest) -> bool:
    """Whether the body may be read to look for the token: browsers tell a form's length, and no form is endless."""
    length = request.headers.get("content-length", "")
    return length.isdecimal() and int(length) <= _LARGEST_FORM


async def _parse_fields(request: PageRequest) -> None:
    """Lets the request parse its URL-encoded form, without holding up others. Raises FormTooLarge, CsrfError."""
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise CsrfError
    if int(length) > min(body_limit(request.scope) or _LARGEST_FIELDS, _LARGEST_FIELDS):
        raise FormTooLarge
    body = await request.body()
    if body.count(b"&") >= _MOST_FIELDS:
        raise FormTooLarge
    if len(body) > _THREAD_ABOVE:
        # The body is here, so that parsing waits for nothing; the request keeps what was parsed.
        await asyncio.to_thread(asyncio.run, request.form())


def _binding(request: PageRequest) -> str:
    """What the visitor's tokens are bound to; "" for one who has neither a session nor the cookie yet."""
    user = request.scope.get("user")
    if isinstance(user, Principal):
        return f"session:{user.session_id}"
    cookie = request.cookies.get(CSRF_COOKIE, "") or request.scope["state"].get(CSRF_COOKIE, "")
    return f"cookie:{cookie}" if cookie else ""
