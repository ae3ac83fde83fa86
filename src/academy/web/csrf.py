"""Protection against cross-site request forgery: a token that only our own pages can know.

The token is an HMAC over the visitor's session, or, before sign-in, over a random cookie (OWASP CSRF Prevention Cheat
Sheet, "signed double-submit cookie"). The API takes no cookies and needs none.
"""

import hashlib
import hmac

from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError, Kind
from academy.kit.ids import new_token
from academy.web.authentication import API_PREFIX
from academy.web.requests import PageRequest

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
        """Returns the token for the forms of a page; asks the response to set the random cookie when one is needed."""
        return self._sign(self._binding(request, create=True))

    async def check(self, request: PageRequest) -> None:
        """Refuses an unsafe request without a right token. Raises CsrfError.

        The token is taken from the header, else from the form; a body too long to be a form is not read for it.
        """
        if request.method in _SAFE_METHODS or request.url.path.startswith(API_PREFIX):
            return
        given = request.headers.get(CSRF_HEADER, "")
        if not given and int(request.headers.get("content-length") or 0) <= _LARGEST_FORM:
            given = str((await request.form()).get(CSRF_FIELD, ""))
        binding = self._binding(request, create=False)
        if not binding or not hmac.compare_digest(given.encode(), self._sign(binding).encode()):
            raise CsrfError

    def _binding(self, request: PageRequest, *, create: bool) -> str:
        user = request.scope.get("user")
        if isinstance(user, Principal):
            return f"session:{user.session_id}"
        cookie = request.cookies.get(CSRF_COOKIE, "") or getattr(request.scope["state"], CSRF_COOKIE, "")
        if not cookie:
            cookie = request.scope["state"].get(CSRF_COOKIE, "")
        if not cookie and create:
            cookie = request.scope["state"][CSRF_COOKIE] = new_token()
        return f"cookie:{cookie}" if cookie else ""

    def _sign(self, binding: str) -> str:
        return hmac.new(self._secret, f"csrf:{binding}".encode(), hashlib.sha256).hexdigest()
