"""The tree of expected failures."""

import pytest

from academy.kit.errors import (
    AcademyError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    Kind,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (InvalidError, Kind.INVALID, "invalid_input"),
        (NotFoundError, Kind.NOT_FOUND, "not_found"),
        (ForbiddenError, Kind.FORBIDDEN, "forbidden"),
        (UnauthenticatedError, Kind.UNAUTHENTICATED, "not_signed_in"),
        (ConflictError, Kind.CONFLICT, "conflict"),
        (UnavailableError, Kind.UNAVAILABLE, "unavailable"),
    ],
)
def test_each_has_a_stable_code_and_kind(error: type[AcademyError], kind: Kind, code: str) -> None:
    raised = error("What happened.")
    assert (raised.kind, raised.code, raised.message, str(raised)) == (kind, code, "What happened.", "What happened.")
    assert (raised.fields, raised.retry_after) == ({}, None)


def test_fields_are_the_error_s_own() -> None:
    given = {"name": "Give a name."}
    error = InvalidError("Look again.", fields=given, retry_after=3)
    given.clear()
    assert error.fields == {"name": "Give a name."}
    assert error.retry_after == 3
