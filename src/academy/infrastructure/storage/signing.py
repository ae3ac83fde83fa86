"""Addresses of private files that hold for a while: a query string with the end of the time and a signature."""

import hashlib
import hmac
import math
from collections.abc import Mapping
from datetime import timedelta

from academy.kit.clock import Clock

# Keeps these signatures apart from everything else that may be signed with the same secret.
_PURPOSE = b"academy media address v1\n"
_SHORTEST_SECRET = 16
# Times after the year 9999 are not dates; more digits are an attempt at something.
_LONGEST_NUMBER = 12


class UrlSigner:
    """Signs and checks paths with HMAC-SHA256 (RFC 2104) over path and expiry.

    Raises ValueError for a secret of less than 16 bytes.
    """

    def __init__(self, secret: bytes, clock: Clock) -> None:
        if len(secret) < _SHORTEST_SECRET:
            raise ValueError("a signing secret needs at least 16 bytes")
        self._secret = secret
        self._clock = clock

    def sign(self, path: str, expires_in: timedelta) -> str:
        """Returns the query string (without `?`) that makes `path` valid from now for `expires_in`."""
        expires = str(math.ceil((self._clock.now() + expires_in).timestamp()))
        return f"expires={expires}&signature={self._signature(path, expires)}"

    def verify(self, path: str, query: Mapping[str, str]) -> bool:
        """Whether `query` (the decoded parameters) was made by `sign` for exactly this path and still holds."""
        expires, signature = query.get("expires", ""), query.get("signature", "")
        if not (expires.isascii() and expires.isdigit() and len(expires) <= _LONGEST_NUMBER):
            return False
        expected = self._signature(path, expires)
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass")):
            return False
        return self._clock.now().timestamp() < int(expires)

    def remaining(self, query: Mapping[str, str]) -> timedelta:
        """How long a query that `verify` takes still holds."""
        return timedelta(seconds=int(query["expires"]) - self._clock.now().timestamp())

    def _signature(self, path: str, expires: str) -> str:
        message = _PURPOSE + expires.encode() + b"\n" + path.encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()
