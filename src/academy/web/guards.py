"""Guards: who may call a route. Every handler names exactly one; a test lists all routes with theirs.

The finer rule (is this *my* course?) is the service's, which raises ForbiddenError or NotFoundError.
"""

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from academy.infrastructure.security.principal import Principal, Role
from academy.kit.errors import ForbiddenError, UnauthenticatedError

Connection = ASGIConnection[BaseRouteHandler, Principal | None, object, object]  # type: ignore[type-var]


def anyone(connection: Connection, handler: BaseRouteHandler) -> None:
    """Everybody may call this, signed in or not."""


def signed_in(connection: Connection, handler: BaseRouteHandler) -> None:
    """Any account may call this. Raises UnauthenticatedError."""
    _require(connection, Role.LEARNER)


def instructors(connection: Connection, handler: BaseRouteHandler) -> None:
    """Instructors and admins may call this. Raises UnauthenticatedError, ForbiddenError."""
    _require(connection, Role.INSTRUCTOR)


def admins(connection: Connection, handler: BaseRouteHandler) -> None:
    """Only admins may call this. Raises UnauthenticatedError, ForbiddenError."""
    _require(connection, Role.ADMIN)


def _require(connection: Connection, role: Role) -> None:
    principal = connection.scope.get("user")
    if not isinstance(principal, Principal):
        raise UnauthenticatedError("Sign in to continue.")
    if not principal.may_act_as(role):
        raise ForbiddenError(f"This needs an account with the role {role.value}.")
