"""Flash messages: a sentence shown once on the next page, carried in a short-lived signed cookie."""

import base64
import hashlib
import hmac

import msgspec
from litestar import Response
from litestar.datastructures import Cookie

from academy.web.requests import PageRequest

FLASH_COOKIE = "academy_flash"
_LIFETIME_SECONDS = 60


class Flash(msgspec.Struct, frozen=True):
    """A message; `kind` is success, info or error."""

    kind: str
    text: str


class Flashes:
    """Writes and reads the cookie; the signature keeps others from putting words into our mouth."""

    def __init__(self, secret: bytes, *, https: bool) -> None:
        self._secret = secret
        self._https = https

    def add(self, response: Response[bytes], kind: str, text: str) -> None:
        """Shows `text` on the page that follows."""
        body = base64.urlsafe_b64encode(msgspec.json.encode([Flash(kind, text)])).decode()
        value = f"{body}.{self._sign(body)}"
        response.set_cookie(
            Cookie(
                key=FLASH_COOKIE,
                value=value,
                max_age=_LIFETIME_SECONDS,
                httponly=True,
                samesite="lax",
                secure=self._https,
                path="/",
            )
        )

    def read(self, request: PageRequest) -> list[Flash]:
        """Returns the messages to show now; an altered cookie has none."""
        body, _, signature = request.cookies.get(FLASH_COOKIE, "").rpartition(".")
        if not body or not hmac.compare_digest(signature.encode(), self._sign(body).encode()):
            return []
        try:
            return msgspec.json.decode(base64.urlsafe_b64decode(body), type=list[Flash])
        except (ValueError, msgspec.DecodeError):
            return []

    def _sign(self, body: str) -> str:
        return hmac.new(self._secret, f"flash:{body}".encode(), hashlib.sha256).hexdigest()
