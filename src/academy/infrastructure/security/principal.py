"""Who is asking."""

from enum import StrEnum

import msgspec


class Role(StrEnum):
    """What an account may do. Each role may do everything that the ones before it may."""

    LEARNER = "learner"
    INSTRUCTOR = "instructor"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """0 for learners, rising with the rights."""
        return list(Role).index(self)


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """The signed-in account behind a request, as far as every feature needs it.

    Attributes:
        user_id: id of the User.
        session_id: id of the Session the request belongs to; ends with it.
        language, time_zone, theme: preferences used to render pages.
    """

    user_id: str
    session_id: str
    email: str
    name: str
    role: Role
    avatar_url: str | None = None
    language: str = "en"
    time_zone: str = "Asia/Kolkata"
    theme: str = "auto"

    def may_act_as(self, role: Role) -> bool:
        """Whether the account has at least the rights of `role`."""
        return self.role.rank >= role.rank


class Recognised(msgspec.Struct, frozen=True):
    """Whom a browser's cookie belongs to; with `fresh_token`, the secret that its cookie is to have from now on."""

    principal: Principal
    fresh_token: str | None = None
