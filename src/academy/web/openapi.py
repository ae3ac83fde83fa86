"""The OpenAPI document: what the framework finds in the handlers, made complete and true.

Schemas come from the Structs themselves, so that every limit that is checked is written down. Who may call an operation
comes from its guard, and with it go the problems that it can answer.
"""

import re
from collections.abc import Iterator
from enum import Enum
from http import HTTPStatus
from types import NoneType
from typing import Any

import msgspec
from litestar import Litestar, MediaType, Response, Router
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import (
    Components,
    License,
    SecurityScheme,
    Tag,
)
from litestar.routes import HTTPRoute
from litestar.types import ControllerRouterHandler

from academy import __version__
from academy.web.guards import anyone
from academy.web.problems import PROBLEM_TYPE, Problem
from academy.web.schemas import Schemas

# Listing_CourseSummary_ -> CourseSummaryListing
_GENERIC_NAME = re.compile(r"\b(Listing)_(\w+?)_(?=\")")
_PERSONAL = frozenset({"principal", "visitor"})
_UNSAFE = frozenset({"post", "put", "patch", "delete"})
_PROBLEMS = {
    HTTPStatus.BAD_REQUEST: "The body is not JSON.",
    HTTPStatus.UNAUTHORIZED: "Nobody is signed in, or the credentials are wrong.",
    HTTPStatus.FORBIDDEN: "The caller may not do this.",
    HTTPStatus.NOT_FOUND: "There is no such thing, or the caller may not know that there is.",
    HTTPStatus.CONFLICT: "The present state does not allow this; the detail says why.",
    HTTPStatus.GONE: "It is over: too old, or refused; the detail says why.",
    HTTPStatus.PRECONDITION_FAILED: "It was changed since the `ETag` that `If-Match` holds, or the caller speaks "
    "another version of the protocol.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is of another type.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A value is not as it has to be; `errors` names the fields.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too often; `Retry-After` says when to try again.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Something is away for the moment; `Retry-After` says when to try again.",
}
_WEBHOOKS = "webhooks"
_WITH_RETRY_AFTER = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


class _Unserved(Router):
    """Keeps the framework's own pages about the document away; the academy has its own."""

    def register(self, value: ControllerRouterHandler) -> list[Any]:
        """Registers nothing."""
        return []


def openapi_config(title: str) -> OpenAPIConfig:
    """What the framework has to know to describe the handlers."""
    return OpenAPIConfig(
        title=title,
        version=__version__,
        description="Courses, enrolment, learning and administration. Errors are problem details (RFC 9457).",
        license=License(name="MIT", identifier="MIT"),
        openapi_router=_Unserved("/api", route_handlers=[], include_in_schema=False),
        operation_id_creator=lambda handler, _method, _path: handler.handler_name,
        components=Components(
            security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
        ),
        tags=[
            Tag(name="auth", description="Becoming someone, signing in and out."),
            Tag(name="me", description="The caller's account."),
            Tag(name="courses", description="Catalogue, courses, reviews."),
            Tag(name="enrolment", description="Enrolments and progress."),
            Tag(name="payments", description="Checkouts, what was paid, what went back."),
            Tag(name="files", description="Videos and files."),
            Tag(name="admin", description="For admins."),
            Tag(name=_WEBHOOKS, description="For providers, which sign what they send."),
        ],
        use_handler_docstrings=True,
    )


def openapi_document(app: Litestar) -> dict[str, Any]:
    """Returns the complete document of an app made with `openapi_config`."""
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(app.openapi_schema.to_schema()))
    handlers = list(_described_handlers(app))
    schemas = Schemas(_types(handlers))
    for path, method, handler in handlers:
        _complete(document["paths"][path][method], method, handler, schemas)
    components = document["components"]
    components["schemas"] = schemas.components
    components["responses"] = {status.name: _problem_answer(status, schemas) for status in _PROBLEMS}
    readable = _GENERIC_NAME.sub(r"\2\1", msgspec.json.encode(document).decode())
    answer: dict[str, Any] = msgspec.json.decode(readable)
    return answer


def _described_handlers(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                if handler.resolve_include_in_schema():
                    for method in sorted(handler.http_methods):
                        yield route.path_format, method.lower(), handler


def _types(handlers: list[tuple[str, str, HTTPRouteHandler]]) -> Iterator[Any]:
    """All types that handlers take and answer."""
    yield Problem
    for _, _, handler in handlers:
        yield from (one for one in (_request_type(handler), *_answer_types(handler).values()) if one is not None)
        yield from _enumerations(handler)


def _enumerations(handler: HTTPRouteHandler) -> Iterator[type]:
    """The enumerations that parameters are of."""
    for field in handler.parsed_fn_signature.parameters.values():
        for one in (field, *field.inner_types):
            if isinstance(one.annotation, type) and issubclass(one.annotation, Enum):
                yield one.annotation


def _request_type(handler: HTTPRouteHandler) -> Any:
    return handler.parsed_data_field.annotation if handler.parsed_data_field else None


def _answer_types(handler: HTTPRouteHandler) -> dict[int, Any]:
    """Status -> type of the body, None when there is no body."""
    field = handler.parsed_return_field
    answer = field.inner_types[0].annotation if field.is_subclass_of(Response) else field.annotation
    types = {handler.status_code: None if answer is NoneType else answer}
    others = (handler.responses or {}).items()
    return types | {status: spec.data_container for status, spec in others}


def _complete(operation: dict[str, Any], method: str, handler: HTTPRouteHandler, schemas: Schemas) -> None:
    """Adds who may call an operation and what it answers, and describes its bodies by the Structs."""
    for parameter in operation.get("parameters", []):
        parameter["schema"] = _without_null(parameter["schema"])
    request_type = _request_type(handler)
    if request_type is not None:
        operation["requestBody"]["content"] = schemas.content(request_type)
    described = operation["responses"]
    responses: dict[str, dict[str, Any]] = {}
    for status, answer in _answer_types(handler).items():
        if answer is Problem and status in _PROBLEMS:
            responses[str(status)] = {"$ref": f"#/components/responses/{HTTPStatus(status).name}"}
            continue
        responses[str(status)] = {"description": _description(handler, status)}
        if headers := described[str(status)].get("headers"):
            responses[str(status)]["headers"] = headers
        if answer is not None:
            media_type = PROBLEM_TYPE if answer is Problem else _media_type(handler, status)
            responses[str(status)]["content"] = schemas.content(answer, media_type)
    for problem in _problems(operation, method, handler):
        responses.setdefault(str(problem.value), {"$ref": f"#/components/responses/{problem.name}"})
    operation["responses"] = responses
    operation["security"] = _security(handler)


def _description(handler: HTTPRouteHandler, status: int) -> str:
    declared = (handler.responses or {}).get(status)
    return declared.description if declared else HTTPStatus(status).phrase


def _media_type(handler: HTTPRouteHandler, status: int) -> str:
    declared = (handler.responses or {}).get(status)
    media_type = declared.media_type if declared else MediaType.JSON
    return media_type.value if isinstance(media_type, MediaType) else media_type


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is left out rather than null."""
    alternatives = [one for one in schema.get("oneOf", []) if one.get("type") != "null"]
    if len(alternatives) != 1:
        return schema
    return {**{name: value for name, value in schema.items() if name != "oneOf"}, **alternatives[0]}


def _asks_who_calls(handler: HTTPRouteHandler) -> bool:
    return not _PERSONAL.isdisjoint(handler.parsed_fn_signature.parameters)


def _is_open(handler: HTTPRouteHandler) -> bool:
    return anyone in (handler.guards or ())


def _security(handler: HTTPRouteHandler) -> list[dict[str, list[str]]]:
    """The token is needed, or may be sent, or means nothing."""
    if not _is_open(handler):
        return [{"bearer": []}]
    return [{}, {"bearer": []}] if _asks_who_calls(handler) else []


def _problems(operation: dict[str, Any], method: str, handler: HTTPRouteHandler) -> list[HTTPStatus]:
    """The problems that an operation of this kind can answer."""
    has_body = "requestBody" in operation
    parameters = operation.get("parameters", [])
    found = {HTTPStatus.SERVICE_UNAVAILABLE}
    if not _is_open(handler) or _asks_who_calls(handler) or method in _UNSAFE:
        found |= {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    if any(parameter["in"] == "path" for parameter in parameters) or (has_body and not _is_open(handler)):
        found |= {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}
    if parameters or has_body:
        found |= {HTTPStatus.UNPROCESSABLE_ENTITY}
    if has_body:
        found |= {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE}
    if any(parameter["name"] == "If-Match" for parameter in parameters):
        found |= {HTTPStatus.PRECONDITION_FAILED}
    if method in _UNSAFE:
        found |= {HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}
    if _WEBHOOKS in (handler.tags or ()):  # closed without a secret; their signed bodies are read as they come
        found |= {HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
    return sorted(found)


def _problem_answer(status: HTTPStatus, schemas: Schemas) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": _PROBLEMS[status], "content": schemas.content(Problem, PROBLEM_TYPE)}
    if status in _WITH_RETRY_AFTER:
        answer["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return answer
