"""Errors on their way out: problem details (RFC 9457) for the API, HTML pages for browsers. The one place that maps."""

import re
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, ValidationException

from academy.kit.errors import AcademyError, Kind
from academy.web.authentication import unchecked_sign_in
from academy.web.requests import PageRequest, is_api

PROBLEM_TYPE = "application/problem+json"

STATUS_OF_KIND = {
    Kind.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    Kind.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Kind.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Kind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Kind.CONFLICT: HTTPStatus.CONFLICT,
    Kind.GONE: HTTPStatus.GONE,
    Kind.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Kind.TOO_MANY: HTTPStatus.TOO_MANY_REQUESTS,
    Kind.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


class FieldProblem(msgspec.Struct, kw_only=True):
    """What is wrong with one field of the request, and how to mend it."""

    field: str
    message: str


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Problem details, RFC 9457, with `code` (stable name of the problem) and `errors` (fields to blame) added."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldProblem] = []


def problem_of(error: Exception) -> Problem:
    """Describes an error for the outside world. An unexpected one says nothing about the inside."""
    if isinstance(error, AcademyError):
        status = STATUS_OF_KIND[error.kind]
        fields = [FieldProblem(field=name, message=text) for name, text in error.fields.items()]
        return _problem(status, error.message, error.code, fields)
    if isinstance(error, ValidationException):
        fields = [_field_problem(item) for item in error.extra or [] if isinstance(item, dict)]
        detail = "The request does not have the expected form. See `errors`."
        return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, "invalid_input", fields)
    if isinstance(error, HTTPException) and error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        status = HTTPStatus(error.status_code)
        detail = _DETAILS.get(status, error.detail) if error.detail in ("", status.phrase) else error.detail
        return _problem(status, f"{detail.removesuffix('.')}.", status.name.lower(), [])
    return INTERNAL_PROBLEM


def _field_problem(item: dict[str, Any]) -> FieldProblem:
    """Names the field by its path, such as `price.amount` or `tags[0]`; `body` is the whole."""
    path, message = str(item.get("key", "")), str(item.get("message", ""))
    if found := _NAMED_IN_MESSAGE.match(message):
        path = ".".join(part for part in (path, found["field"]) if part)
        message = "This is needed." if found["mistake"] == "missing required" else "There is no such field."
    return FieldProblem(field=path or "body", message=message)


def _problem(status: HTTPStatus, detail: str, code: str, fields: list[FieldProblem]) -> Problem:
    return Problem(
        type="about:blank", title=status.phrase, status=status.value, detail=detail, code=code, errors=fields
    )


# How msgspec tells of fields that are not there or should not be.
_NAMED_IN_MESSAGE = re.compile(r"Object (?P<mistake>missing required|contains unknown) field `(?P<field>[^`]*)`")
_REFUSED_TO_STRANGERS = (Kind.UNAUTHENTICATED, Kind.FORBIDDEN, Kind.NOT_FOUND)
# The rest of what was sent is not waited for; it would be taken for the next request.
_ANSWERED_UNREAD = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
_DETAILS = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address cannot be used in this way.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request is too large.",
}
INTERNAL_PROBLEM = _problem(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "Something went wrong on our side. It has been noted; try again in a moment.",
    "internal_error",
    [],
)


def problem_response(request: PageRequest, error: Exception) -> Response[bytes]:
    """Answers a failed request: a problem document under /api/, an error page or a redirect to sign-in elsewhere."""
    if is_api(request.scope["path"]):
        return problem_document(request, error)
    error = _as_far_as_known(request, error)
    problem = problem_of(error)
    _log(request, problem, error)
    response: Response[bytes] = request.app.state.pages.error(request, problem, _headers(problem, error))
    return response


def problem_document(request: PageRequest, error: Exception, *, status: int | None = None) -> Response[bytes]:
    """Answers a failed request with a problem document; `status` replaces that of the error's kind."""
    error = _as_far_as_known(request, error)
    problem = problem_of(error)
    _log(request, problem, error)
    headers = _headers(problem, error)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if status is not None:
        problem = msgspec.structs.replace(problem, status=status)
    body = msgspec.json.encode(problem)
    return Response(body, status_code=problem.status, media_type=PROBLEM_TYPE, headers=headers)


def _as_far_as_known(request: PageRequest, error: Exception) -> Exception:
    """What is refused to a stranger may be open to whoever this is, when that could not be found out: tell them so."""
    unchecked = unchecked_sign_in(request.scope)
    if unchecked is not None and isinstance(error, AcademyError) and error.kind in _REFUSED_TO_STRANGERS:
        return unchecked
    return error


def _headers(problem: Problem, error: Exception) -> dict[str, str]:
    headers: dict[str, str] = {}
    if isinstance(error, AcademyError) and error.retry_after:
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, MethodNotAllowedException):
        headers["Allow"] = _allowed(error)
    if problem.status in _ANSWERED_UNREAD:
        headers["Connection"] = "close"
    return headers


def _log(request: PageRequest, problem: Problem, error: Exception) -> None:
    """Notes what the operator has to know: failures of our own with their trace, outages in a line."""
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        reason = getattr(error, "detail", "") or problem.detail
        structlog.get_logger().warning("unavailable", path=request.scope["path"], code=problem.code, reason=reason)
    elif problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        structlog.get_logger().error("request_failed", path=request.scope["path"], exc_info=error)


def _allowed(error: MethodNotAllowedException) -> str:
    """The methods an address takes; HEAD comes with GET."""
    methods = {method for value in (error.headers or {}).values() for method in value.split(", ")}
    return ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))
