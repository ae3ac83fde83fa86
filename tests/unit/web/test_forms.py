from enum import StrEnum
from typing import Annotated, Any

import httpx
import msgspec
import pytest
from litestar import Litestar, Response, get, post
from msgspec import Meta

from academy.kit.errors import ConflictError, InvalidError
from academy.web.forms import Form, empty_form, read_form, read_query
from academy.web.requests import PageRequest


class Level(StrEnum):
    BEGINNER = "beginner"


class CourseForm(msgspec.Struct, kw_only=True):
    """A form with a field of each sort."""

    title: Annotated[str, Meta(min_length=3, max_length=10)]
    stars: Annotated[int, Meta(ge=1, le=5)]
    level: Level = Level.BEGINNER
    price: Annotated[float, Meta(ge=0)] = 0.0
    published: bool = False
    tags: list[str] = []
    password: str = ""
    text: str = ""
    code: Annotated[str, Meta(pattern=r"^\d{6}$")] = "000000"


@post("/", status_code=200)
async def send(request: PageRequest) -> Response[dict[str, Any]]:
    return told(await read_form(request, CourseForm))


@get("/")
async def look(request: PageRequest) -> Response[dict[str, Any]]:
    return told(read_query(request, CourseForm))


def told(form: Form[CourseForm]) -> Response[dict[str, Any]]:
    return Response({"values": form.values, "errors": form.errors, "data": msgspec.to_builtins(form.data)})


async def answered(content: bytes | None = None, kind: str = "", **fields: Any) -> httpx.Response:
    """Sends the form to a small app."""
    transport = httpx.ASGITransport(Litestar([send, look], openapi_config=None))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://academy.test") as client:
        if content is not None:
            return await client.post("/", content=content, headers={"content-type": kind})
        return await client.post("/", data={"title": "Python", "stars": "4", **fields})


async def sent(content: bytes | None = None, kind: str = "", **fields: Any) -> dict[str, Any]:
    """Sends the form to a small app and returns what it read."""
    answer = await answered(content, kind, **fields)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


async def test_what_was_sent_is_typed() -> None:
    read = await sent(level="beginner", price="12.5", published="true", tags=["a", " b ", ""], text="one\r\ntwo")
    assert read["errors"] == {}
    assert read["data"] == {
        "title": "Python",
        "stars": 4,
        "level": "beginner",
        "price": 12.5,
        "published": True,
        "tags": ["a", "b"],
        "password": "",
        "text": "one\ntwo",
        "code": "000000",
    }


async def test_text_is_stripped_but_passwords_are_not() -> None:
    read = await sent(title="  Python  ", password="  secret  ")
    assert read["data"]["title"] == "Python"
    assert read["data"]["password"] == "  secret  "


async def test_all_mistakes_are_named_at_once_and_what_was_typed_is_kept() -> None:
    read = await sent(title="Py", stars="9", level="expert", price="cheap", code="12345x")
    assert read["data"] is None
    assert read["errors"] == {
        "title": "This needs at least 3 characters.",
        "stars": "This must be 5 or less.",
        "level": "Choose one of the options.",
        "price": "This must be a number.",
        "code": "This does not have the expected form.",
    }
    assert read["values"]["stars"] == "9"
    assert read["values"]["price"] == "cheap"


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"title": ""}, "title", "This is needed."),
        ({"title": "x" * 11}, "title", "This may have at most 10 characters."),
        ({"stars": ""}, "stars", "This is needed."),
        ({"stars": "0"}, "stars", "This must be 1 or more."),
        ({"stars": "4.5"}, "stars", "This must be a number."),
        ({"stars": "9" * 400}, "stars", "This must be 5 or less."),
        ({"price": "-1"}, "price", "This must be 0 or more."),
        ({"price": "nan"}, "price", "This must be 0 or more."),
        ({"price": "inf"}, "price", "This must be a number."),
    ],
)
async def test_a_mistake_says_how_to_mend_it(fields: dict[str, Any], field: str, sentence: str) -> None:
    assert (await sent(**fields))["errors"] == {field: sentence}


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("on", True), ("false", False), ("0", False)])
async def test_a_checkbox(value: str, expected: bool) -> None:
    assert (await sent(published=value))["data"]["published"] is expected


async def test_a_field_left_out_has_its_default() -> None:
    data = (await sent())["data"]
    assert (data["published"], data["tags"], data["level"], data["price"]) == (False, [], "beginner", 0.0)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("application/json", b'{"title": {"$ne": null}, "stars": 4}'),
        ("application/x-www-form-urlencoded", b"title=%ff%fe&stars=%00"),
        ("application/x-www-form-urlencoded", b"title[$ne]=x&stars=4"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'),
        ("text/plain", b"title=Python&stars=4"),
        ("", b"\x00\x01"),
    ],
)
async def test_what_is_no_form_ends_as_mistakes(kind: str, content: bytes) -> None:
    read = await sent(content=content, kind=kind)
    assert read["data"] is None
    assert "title" in read["errors"]


def test_a_form_takes_over_what_a_service_found() -> None:
    form = empty_form(CourseForm, title="Python")
    form.blame(InvalidError("No.", fields={"title": "There is one already."}))
    form.blame(ConflictError("Somebody else was quicker."))
    assert form.errors == {"title": "There is one already.", "": "Somebody else was quicker."}
    assert form.values == {"title": "Python"}


async def test_a_form_that_breaks_off_is_the_senders_fault() -> None:
    broken = b'--x\r\nContent-Disposition: form-data; name="title"; filename="a"\r\n\r\nb'
    assert (await answered(broken, "multipart/form-data; boundary=x")).status_code == 400


async def test_an_address_is_read_as_a_form_is() -> None:
    transport = httpx.ASGITransport(Litestar([look], openapi_config=None))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://academy.test") as client:
        query = {"title": " Python ", "stars": "9", "tags": ["a", "", "b"], "unknown": "x"}
        found = (await client.get("/", params=query)).json()
    assert found["values"]["title"] == "Python"
    assert found["values"]["tags"] == ["a", "b"]
    assert found["errors"] == {"stars": "This must be 5 or less."}
    assert found["data"] is None
