"""The tree of expected failures.

A failure that a user, an operator or another program can cause is an `AcademyError` with a stable code. The web layer
maps its kind to an HTTP status in one place; nothing below the web layer knows HTTP.
"""

from collections.abc import Mapping
from enum import StrEnum


class Kind(StrEnum):
    """What sort of failure it is; decides the HTTP status and whether trying again can help."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    GONE = "gone"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"


class AcademyError(Exception):
    """An expected failure.

    Attributes:
        code: stable, machine-readable name such as `email_taken`; part of the API.
        kind: the sort of failure.
        message: one or two sentences for people: what happened and what to do.
        fields: field name -> what is wrong with it and how to mend it; empty when no single field is to blame.
        retry_after: seconds after which trying again may help, for TOO_MANY and UNAVAILABLE.
    """

    code: str = "academy_error"
    kind: Kind = Kind.INVALID

    def __init__(
        self, message: str, *, fields: Mapping[str, str] | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.fields = dict(fields or {})
        self.retry_after = retry_after


class InvalidError(AcademyError):
    """The input breaks a rule; `fields` names where."""

    code = "invalid_input"
    kind = Kind.INVALID


class NotFoundError(AcademyError):
    """There is no such thing, or the caller may not know that there is."""

    code = "not_found"
    kind = Kind.NOT_FOUND


class ForbiddenError(AcademyError):
    """The caller is known but may not do this."""

    code = "forbidden"
    kind = Kind.FORBIDDEN


class UnauthenticatedError(AcademyError):
    """The caller has to sign in first."""

    code = "not_signed_in"
    kind = Kind.UNAUTHENTICATED


class ConflictError(AcademyError):
    """The present state does not allow this."""

    code = "conflict"
    kind = Kind.CONFLICT


class UnavailableError(AcademyError):
    """Something the academy stands on is away for the moment; nothing was changed."""

    code = "unavailable"
    kind = Kind.UNAVAILABLE
