"""The OpenAPI document arranged for people: `/api/docs`."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

_SCHEMA = re.compile(r"^#/components/(?:schemas|responses)/")
# How deep fields inside fields are listed.
_DEEPEST = 4
# What a field of this name looks like; fields not named here are shown by their type.
_EXAMPLES: dict[str, object] = {
    "email": "asha@example.com",
    "name": "Asha Rao",
    "password": "a long enough password",
    "code": "123456",
    "refresh_token": "…",
    "slug": "python-from-the-first-line",
    "title": "Python from the first line",
    "description": "What the course is about, in Markdown.",
    "category": "programming",
    "language": "en",
    "currency": "INR",
    "amount": 149900,
    "stars": 5,
    "text": "Clear and to the point.",
    "position_seconds": 42.5,
    "completed": True,
    "time_zone": "Asia/Kolkata",
    "theme": "dark",
}


class ApiField(msgspec.Struct, frozen=True, kw_only=True):
    """A field or parameter: `name` with the fields above it (`price.amount`), what it may hold, whether it must be."""

    name: str
    kind: str
    required: bool
    notes: str


class ApiAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One status that an operation answers with; `fields` of its body."""

    status: str
    description: str
    fields: list[ApiField]


class ApiOperation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation; `access` is `open`, `optional` or `required`: whether it takes a token."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    access: str
    parameters: list[ApiField]
    body_type: str
    body: list[ApiField]
    answers: list[ApiAnswer]
    problems: list[ApiAnswer]
    example: str


class ApiGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The operations of one area."""

    name: str
    description: str
    operations: list[ApiOperation]


def api_groups(document: dict[str, Any], base_url: str) -> list[ApiGroup]:
    """Returns an OpenAPI document's operations by area, in the order of its tags; examples ask `base_url`."""
    reader = _Reader(document, base_url)
    by_tag: dict[str, list[ApiOperation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in sorted(document["paths"].items()):
        for method, operation in methods.items():
            by_tag[operation["tags"][0]].append(reader.operation(path, method, operation))
    return [
        ApiGroup(name=tag["name"], description=tag["description"], operations=by_tag[tag["name"]])
        for tag in document["tags"]
    ]


class _Reader:
    """Reads operations, following the document's references."""

    def __init__(self, document: dict[str, Any], base_url: str) -> None:
        components = document["components"]
        self._named = {**components["schemas"], **components["responses"]}
        self._base_url = base_url

    def operation(self, path: str, method: str, operation: dict[str, Any]) -> ApiOperation:
        body_type, schema = _content(operation.get("requestBody", {}))
        answers = [self._answer(status, answer) for status, answer in operation["responses"].items()]
        access = self._access(operation["security"])
        return ApiOperation(
            id=operation["operationId"],
            method=method.upper(),
            path=path,
            summary=operation["summary"],
            description=operation.get("description", ""),
            access=access,
            parameters=[self._parameter(parameter) for parameter in operation.get("parameters", [])],
            body_type=body_type,
            body=list(self._fields(schema)) if schema else [],
            answers=[answer for answer in answers if answer.status < "400"],
            problems=[answer for answer in answers if answer.status >= "400"],
            example=self._example(path, method, body_type, schema, with_token=access == "required"),
        )

    def _followed(self, schema: dict[str, Any]) -> dict[str, Any]:
        named: dict[str, Any] = self._named[_SCHEMA.sub("", schema["$ref"])] if "$ref" in schema else schema
        return named

    @staticmethod
    def _access(security: list[dict[str, Any]]) -> str:
        if not security:
            return "open"
        return "optional" if {} in security else "required"

    def _parameter(self, parameter: dict[str, Any]) -> ApiField:
        kind, notes = self._described(parameter["schema"])
        where = {"path": "in the path", "header": "header"}.get(parameter["in"], "")
        told = parameter.get("description", "")
        notes = " ".join(part for part in (told, notes.replace(told, "").strip(), where and f"({where})") if part)
        return ApiField(name=parameter["name"], kind=kind, required=parameter["required"], notes=notes)

    def _answer(self, status: str, answer: dict[str, Any]) -> ApiAnswer:
        answer = self._followed(answer)
        _, schema = _content(answer)
        fields = list(self._fields(schema)) if schema and status < "400" else []
        return ApiAnswer(status=status, description=answer["description"], fields=fields)

    def _fields(self, schema: dict[str, Any], prefix: str = "", depth: int = 0) -> Iterator[ApiField]:
        schema = self._followed(schema)
        required = schema.get("required", [])
        for name, held in schema.get("properties", {}).items():
            kind, notes = self._described(held)
            yield ApiField(name=f"{prefix}{name}", kind=kind, required=name in required, notes=notes)
            inner, mark = self._inner(held)
            if inner is not None and depth < _DEEPEST:
                yield from self._fields(inner, f"{prefix}{name}{mark}.", depth + 1)

    def _inner(self, schema: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
        """The object inside a field, and how its fields are written: `price.amount`, `items[].id`, `lessons{}.done`."""
        schema = self._followed(self._one(schema))
        if schema.get("type") == "array":
            inner, mark = self._inner(schema["items"])
            return inner, f"[]{mark}"
        if isinstance(schema.get("additionalProperties"), dict):
            inner, mark = self._inner(schema["additionalProperties"])
            return inner, f"{{}}{mark}"
        return (schema, "") if "properties" in schema else (None, "")

    @staticmethod
    def _one(schema: dict[str, Any]) -> dict[str, Any]:
        """The alternative that is not null."""
        others: list[dict[str, Any]] = [one for one in schema.get("anyOf", []) if one.get("type") != "null"]
        return {**schema, **others[0]} if others else schema

    def _described(self, schema: dict[str, Any]) -> tuple[str, str]:
        """What a value may be, in a word, and its limits, in a sentence."""
        one = self._one(schema)
        told = one.get("description", "") if "$ref" not in one else ""
        held = self._followed(one)
        kind = str(held.get("type", "any"))
        if kind == "array":
            kind = f"list of {self._described(held['items'])[0]}s"
        elif isinstance(held.get("additionalProperties"), dict):
            kind = f"map of {self._described(held['additionalProperties'])[0]}s"
        elif held.get("format") == "date-time":
            kind = "time"
        if "anyOf" in schema and any(alternative.get("type") == "null" for alternative in schema["anyOf"]):
            kind += " or null"
        return kind, " ".join(part for part in (told, _limits(held)) if part)

    def _example(
        self, path: str, method: str, body_type: str, schema: dict[str, Any] | None, *, with_token: bool
    ) -> str:
        """A call by curl that can be tried as it is, once a token is at hand."""
        shown = re.sub(r"\{(\w+)\}", lambda found: str(_EXAMPLES.get(found[1], f"${found[1].upper()}")), path)
        named_method = "" if method == "get" else f"-X {method.upper()} "
        lines = [f'curl {named_method}"{self._base_url}{shown}"']
        if with_token:
            lines.append('-H "Authorization: Bearer $TOKEN"')
        if body_type == "multipart/form-data":
            lines.append('-F "file=@lesson.mp4"')
        elif schema is not None:
            body = msgspec.json.format(msgspec.json.encode(self._sample(schema)), indent=2).decode()
            lines.append(f"--json '{body}'")
        return " \\\n  ".join(lines)

    def _sample(self, schema: dict[str, Any], name: str = "", depth: int = 0) -> object:
        """A value that fits; of an object the fields that are needed, or else all."""
        held = self._followed(self._one(schema))
        if "properties" in held:
            wanted = held.get("required") or (list(held["properties"]) if not depth else [])
            return {one: self._sample(held["properties"][one], one, depth + 1) for one in wanted}
        if "enum" in held:
            return held["enum"][0]
        if held.get("type") == "array":
            return [self._sample(held["items"], name, depth + 1)] if depth < _DEEPEST else []
        if name in _EXAMPLES:
            return _EXAMPLES[name]
        return {"string": "", "integer": 1, "number": 1, "boolean": True}.get(str(held.get("type")), {})


def _content(body: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """The media type and the schema of a body."""
    for media_type, content in body.get("content", {}).items():
        return media_type, content["schema"]
    return "", None


def _limits(schema: dict[str, Any]) -> str:
    """The limits of a value, in a sentence."""
    if "enum" in schema:
        return f"One of {', '.join(map(str, schema['enum']))}."
    least, most = schema.get("minimum"), schema.get("maximum")
    shortest, longest = schema.get("minLength"), schema.get("maxLength")
    parts = []
    if least is not None or most is not None:
        parts.append(f"{_span(least, most)}.".capitalize())
    if longest is not None:
        parts.append(f"{_span(shortest, longest)} characters.".capitalize())
    if "maxItems" in schema:
        parts.append(f"At most {schema['maxItems']}.")
    if "pattern" in schema:
        parts.append(f"Pattern {schema['pattern']}.")
    if schema.get("default") not in (None, "", []):
        parts.append(f"Default {msgspec.json.encode(schema['default']).decode()}.")
    return " ".join(parts)


def _span(least: float | None, most: float | None) -> str:
    if most is None:
        return f"at least {least:g}"
    return f"{least:g} to {most:.12g}" if least else f"at most {most:.12g}"
