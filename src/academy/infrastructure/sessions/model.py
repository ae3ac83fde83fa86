"""A session, as both stores keep it."""

from datetime import datetime, timedelta
from typing import ClassVar, Self

import msgspec

from academy.infrastructure.database.document import Document, Index
from academy.infrastructure.security.principal import Role

GRACE = timedelta(seconds=10)
"""How long the secret before the present one is still answered: requests sent at the same time may carry it."""


class Session(Document, kw_only=True):
    """A signed-in browser or API client. Destroying it signs the client out at once.

    Attributes:
        token_hash: SHA-256 (hex) of the cookie's secret; None for API sessions, which hold refresh tokens.
        former_token_hash, former_until: of the secret before it, and until when that one is still answered.
        role: that the account had when the secret was made; another one wants another secret.
        generation: which of the account's generations of sessions it belongs to. An account that ends its sessions
            begins a new one.
        device: short description made from the User-Agent.
        last_used_at: moved at most once a minute.
        expires_at: slides with use, never beyond the absolute limit.
    """

    __collection__: ClassVar[str] = "sessions"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("token_hash",), unique=True, present="token_hash"),
        Index(("former_token_hash",), present="former_token_hash"),
        Index(("user_id", "-last_used_at")),
        Index(("expires_at",)),
    )

    user_id: str
    token_hash: str | None = None
    former_token_hash: str | None = None
    former_until: datetime | None = None
    role: Role = Role.LEARNER
    generation: int = 0
    device: str = ""
    address: str = ""
    last_used_at: datetime
    expires_at: datetime

    def used(self, now: datetime, *, idle: timedelta, longest: timedelta) -> Self:
        """Returns it as used now: it lives for `idle` from now on, but never longer than `longest` in all."""
        expires_at = min(now + idle, self.created_at + longest)
        return msgspec.structs.replace(self, last_used_at=now, expires_at=expires_at, updated_at=now)

    def rotated(self, now: datetime, *, token_hash: str, role: Role) -> Self:
        """Returns it with another secret; the present one is answered for `GRACE` from now on."""
        return msgspec.structs.replace(
            self,
            token_hash=token_hash,
            former_token_hash=self.token_hash,
            former_until=now + GRACE,
            role=role,
            updated_at=now,
        )

    def lives(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return now < self.expires_at

    def is_opened_by(self, token_hash: str, now: datetime) -> bool:
        """Whether a secret is the present one, or the one before it within its grace."""
        if token_hash == self.token_hash:
            return True
        return token_hash == self.former_token_hash and self.former_until is not None and now < self.former_until
