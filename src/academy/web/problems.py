"""Errors on their way out: problem details (RFC 9457) for the API, HTML pages for browsers. The one place that maps."""

from http import HTTPStatus

import msgspec
import structlog
from litestar import Response
from litestar.exceptions import HTTPException, ValidationException

from academy.kit.errors import AcademyError, Kind
from academy.web.authentication import API_PREFIX
from academy.web.requests import PageRequest

STATUS_OF_KIND = {
    Kind.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    Kind.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Kind.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Kind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Kind.CONFLICT: HTTPStatus.CONFLICT,
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
        fields = [
            FieldProblem(field=str(item.get("key", "")), message=str(item.get("message", "")))
            for item in error.extra or []
            if isinstance(item, dict)
        ]
        detail = "The request does not have the expected form. See `errors`."
        return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, "invalid_input", fields)
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        if status.value >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return _internal()
        return _problem(status, error.detail or status.description, status.name.lower(), [])
    return _internal()


def _internal() -> Problem:
    detail = "Something went wrong on our side. It has been noted; try again in a moment."
    return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail, "internal_error", [])


def _problem(status: HTTPStatus, detail: str, code: str, fields: list[FieldProblem]) -> Problem:
    return Problem(
        type="about:blank", title=status.phrase, status=status.value, detail=detail, code=code, errors=fields
    )


def problem_response(request: PageRequest, error: Exception) -> Response[bytes]:
    """Answers a failed request: a problem document under /api/, an error page or a redirect to sign-in elsewhere."""
    problem = problem_of(error)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        structlog.get_logger().error("request_failed", path=request.url.path, exc_info=error)
    headers: dict[str, str] = {}
    retry_after = getattr(error, "retry_after", None)
    if retry_after:
        headers["Retry-After"] = str(retry_after)
    if isinstance(error, HTTPException) and error.headers:
        headers.update(error.headers)
    if request.url.path.startswith(API_PREFIX):
        if problem.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        body = msgspec.json.encode(problem)
        return Response(body, status_code=problem.status, media_type="application/problem+json", headers=headers)
    pages = request.app.state.pages
    response: Response[bytes] = pages.error(request, problem, headers)
    return response
