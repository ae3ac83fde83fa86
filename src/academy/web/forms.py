"""HTML forms: read, validated against a Struct, shown again with what was typed."""

import math
from typing import Any, Generic, TypeVar, get_type_hints

import msgspec
from litestar.datastructures import FormMultiDict, MultiDict

from academy.infrastructure.rate_limits.base import TooManyTries
from academy.infrastructure.sessions.base import SessionsUnavailable
from academy.kit.errors import AcademyError
from academy.web.requests import PageRequest

S = TypeVar("S", bound=msgspec.Struct)


class Form(Generic[S]):
    """A form as it was sent.

    Attributes:
        values: field -> text as typed (lists for fields sent several times), to fill the form again.
        errors: field -> what is wrong and how to mend it; the key "" is about the form as a whole.
        data: the typed values when all fields are well-formed, else None.
    """

    def __init__(self, values: dict[str, Any], errors: dict[str, str], data: S | None) -> None:
        self.values = values
        self.errors = errors
        self.data = data

    def blame(self, error: AcademyError) -> None:
        """Takes over what a service found wrong. Raises it again when no other input would mend it, only time."""
        if isinstance(error, SessionsUnavailable | TooManyTries):
            raise error
        if error.fields:
            self.errors.update(error.fields)
        else:
            self.errors[""] = error.message


def empty_form(form_type: type[S], **values: object) -> Form[S]:
    """Returns a form to show for the first time, filled with `values`."""
    return Form(dict(values), {}, None)


async def read_form(request: PageRequest, form_type: type[S]) -> Form[S]:
    """Reads the sent form and validates it field by field, so that all mistakes are named at once.

    Text is stripped (except fields whose name contains `password`). A field of a list type gathers repeated fields; a
    missing checkbox is False.
    """
    return _read(await request.form(), form_type)


def read_query(request: PageRequest, form_type: type[S]) -> Form[S]:
    """Reads a form out of the address of its page, by the same rules; one that is not sent yet is empty."""
    return _read(request.query_params, form_type)


def _read(sent: FormMultiDict | MultiDict[Any], form_type: type[S]) -> Form[S]:
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    typed: dict[str, Any] = {}
    hints = get_type_hints(form_type, include_extras=True)
    for field in msgspec.structs.fields(form_type):
        hint = hints[field.name]
        raw = _raw_value(sent.getall(field.name, []), field.name, hint)
        values[field.name] = "" if raw is None else raw
        if raw in (None, "") and not field.required:
            typed[field.name] = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
            continue
        try:
            typed[field.name] = _converted(raw, hint)
        except msgspec.ValidationError as error:
            errors[field.name] = describe_mistake(str(error), empty=raw in (None, ""))
    data = None if errors else form_type(**typed)
    return Form(values, errors, data)


def _converted(raw: Any, hint: Any) -> Any:
    """Returns the typed value. Raises ValidationError; `inf` and `nan` are no numbers that anybody means."""
    value = msgspec.convert(raw, hint, strict=False)
    if isinstance(value, float) and not math.isfinite(value):
        raise msgspec.ValidationError("Expected `float`")
    return value


def _raw_value(sent: list[Any], name: str, hint: Any) -> Any:
    texts = [v if "password" in name else v.strip() for v in sent if isinstance(v, str)]
    base = getattr(hint, "__origin__", hint)
    base = getattr(base, "__origin__", base)
    if base is list:
        return [t for t in texts if t]
    if base is bool:
        return bool(texts) and texts[-1] not in ("", "false", "off", "0")
    return texts[-1].replace("\r\n", "\n") if texts else None


def describe_mistake(technical: str, *, empty: bool) -> str:
    """Turns msgspec's message into a sentence for people."""
    if empty:
        return "This is needed."
    head = technical.partition(" - at ")[0]
    for start, sentence in (
        ("Expected `str` of length >= ", "This needs at least {} characters."),
        ("Expected `str` of length <= ", "This may have at most {} characters."),
        ("Expected `int` >= ", "This must be {} or more."),
        ("Expected `int` <= ", "This must be {} or less."),
        ("Expected `float` >= ", "This must be {} or more."),
        ("Expected `float` <= ", "This must be {} or less."),
    ):
        if head.startswith(start):
            return sentence.format(head.removeprefix(start).removesuffix(".0"))
    if "Invalid enum value" in head:
        return "Choose one of the options."
    if "`int" in head or "`float" in head:
        return "This must be a number."
    return "This does not have the expected form."
