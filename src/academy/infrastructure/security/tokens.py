"""Tokens: signed access tokens, and hashes of the secrets that are handed out."""

import hashlib
import hmac
from datetime import timedelta
from typing import NamedTuple

from joserfc import jwt
from joserfc.jwk import OctKey

from academy.infrastructure.security.principal import Role
from academy.kit.clock import Clock

_ALGORITHM = "HS256"


class Grant(NamedTuple):
    """What an access token says: of which account and session it is, and for which role it was made."""

    user_id: str
    session_id: str
    role: Role


class AccessTokens:
    """Makes and reads access tokens: JWTs (RFC 7519) signed with HMAC-SHA256; no other algorithm is accepted."""

    def __init__(self, secret: bytes, issuer: str, lifetime: timedelta, clock: Clock) -> None:
        self._key = OctKey.import_key(hashlib.sha256(b"access-token:" + secret).digest())
        self._issuer = issuer
        self._lifetime = lifetime
        self._clock = clock

    @property
    def lifetime_seconds(self) -> int:
        """How long a token is valid."""
        return round(self._lifetime.total_seconds())

    def issue(self, user_id: str, session_id: str, role: Role) -> str:
        """Returns a token for a session; it is for the account's present role."""
        now = int(self._clock.now().timestamp())
        claims = {
            "iss": self._issuer,
            "aud": "api",
            "sub": user_id,
            "sid": session_id,
            "role": role.value,
            "iat": now,
            "exp": now + self.lifetime_seconds,
        }
        return jwt.encode({"alg": _ALGORITHM}, claims, self._key, algorithms=[_ALGORITHM])

    def grant_of(self, token: str) -> Grant | None:
        """Returns what a valid token says; None for a forged, foreign, altered or expired one."""
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM]).claims
        except Exception:  # noqa: BLE001 - a token made to confuse the parser can make it fail in any way; each means no
            return None
        user_id, session_id, expires = claims.get("sub"), claims.get("sid"), claims.get("exp")
        if claims.get("iss") != self._issuer or claims.get("aud") != "api" or not isinstance(expires, int):
            return None
        role = next((role for role in Role if role.value == claims.get("role")), None)
        if not isinstance(user_id, str) or not isinstance(session_id, str) or role is None:
            return None
        return Grant(user_id, session_id, role) if expires > self._clock.now().timestamp() else None


def hash_token(token: str) -> str:
    """Returns the SHA-256 of a random secret in hex: what is kept of it."""
    return hashlib.sha256(token.encode()).hexdigest()


def hash_code(secret: bytes, subject: str, code: str) -> str:
    """Returns a keyed hash of a short code; `subject` (whose code, for what) keeps equal codes apart."""
    return hmac.new(secret, f"code:{subject}:{code}".encode(), hashlib.sha256).hexdigest()
