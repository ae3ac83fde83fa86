"""Protection against cross-site request forgery: a token that only our own pages can know.

The token is an HMAC over the visitor's session, or, before sign-in, over a random cookie (OWASP CSRF Prevention Cheat
Sheet, "signed double-submit cookie"). It is salted anew each time, so that compressed pages do not give it away
(BREACH). The API takes no cookies and needs none.
"""

import hashlib
import hmac

from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError, Kind
from academy.kit.ids import new_token
from academy.web.requests import PageRequest, is_api

CSRF_COOKIE = "academy_csrf"
CSRF_FIELD = "_csrf_token"
CSRF_HEADER = "x-csrf-token"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LARGEST_FORM = 6 << 20


class CsrfError(AcademyError):
    """The form did not come from one of our pages, or its page is too old."""

    code = "csrf_failed"
    kind = Kind.FORBIDDEN

    def __init__(self) -> None:
        super().__init__("This form is too old or did not come from this site. Reload the page and send it again.")


class CsrfProtection:
    """Makes and checks tokens with the academy's secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def token(self, request: PageRequest) -> str:
        """Returns a token for the forms of a page; asks the response to set the random cookie when one is needed."""
        binding = _binding(request)
        if not binding:
            request.scope["state"][CSRF_COOKIE] = new_token()
            binding = _binding(request)
        salt = new_token()
        return f"{salt}.{self._sign(salt, binding)}"

    async def check(self, request: PageRequest) -> None:
        """Refuses an unsafe request without a right token. Raises CsrfError.

        The token is taken from the header, else from the form.
        """
        if request.method in _SAFE_METHODS or is_api(request.scope["path"]):
            return
        given = request.headers.get(CSRF_HEADER, "")
        if not given and _is_a_form(request):
            given = str((await request.form()).get(CSRF_FIELD, ""))
        binding = _binding(request)
        salt, _, signature = given.partition(".")
        if not binding or not hmac.compare_digest(signature.encode(), self._sign(salt, binding).encode()):
            raise CsrfError

    def _sign(self, salt: str, binding: str) -> str:
        return hmac.new(self._secret, f"csrf:{salt}:{binding}".encode(), hashlib.sha256).hexdigest()


def _is_a_form(request: PageRequest) -> bool:
    """Whether the body may be read to look for the token: browsers tell a form's length, and no form is endless."""
    length = request.headers.get("content-length", "")
    return length.isdecimal() and int(length) <= _LARGEST_FORM


def _binding(request: PageRequest) -> str:
    """What the visitor's tokens are bound to; "" for one who has neither a session nor the cookie yet."""
    user = request.scope.get("user")
    if isinstance(user, Principal):
        return f"session:{user.session_id}"
    cookie = request.cookies.get(CSRF_COOKIE, "") or request.scope["state"].get(CSRF_COOKIE, "")
    return f"cookie:{cookie}" if cookie else ""
