"""What is refused about a course, on the embedded database: validation does not depend on the engine."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from academy.features.courses.model import Course
from tests.academies.courses import stored
from tests.academies.in_process import TestAcademy
from tests.api.courses.makers import Makers, opened_makers

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRICE = {"amount": 0, "currency": "INR"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def embedded_makers(shared_embedded_academy: TestAcademy) -> Makers:
    return await opened_makers(shared_embedded_academy)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def course(embedded_makers: Makers) -> AsyncIterator[Course]:
    """A draft that stays as it is through all tests of the module."""
    made = await embedded_makers.draft()
    yield made
    assert await stored(embedded_makers.academy, made) == made


BAD_FIELDS = [
    ("title", ""),
    ("title", "x" * 121),
    ("title", "   "),
    ("title", 7),
    ("title", {"$ne": None}),
    ("subtitle", "x" * 201),
    ("subtitle", {"$ne": None}),
    ("description", "x" * 20_001),
    ("description", ["a"]),
    ("category", "no-such-category"),
    ("category", {"$ne": None}),
    ("level", "expert"),
    ("level", {"$ne": None}),
    ("language", "x"),
    ("language", {"$ne": None}),
    ("language", "xx"),
    ("language", "EN"),
    ("language", "pt_BR"),
    ("language", "klingon"),
    ("price", {"amount": -1, "currency": "INR"}),
    ("price", {"amount": 1.5, "currency": "INR"}),
    ("price", {"amount": 1, "currency": "rupees"}),
    ("price", {"$ne": None}),
    ("tags", ["x" * 41]),
    ("tags", ["x"] * 21),
    ("tags", [{"$ne": None}]),
    ("outcomes", ["x" * 201]),
    ("outcomes", {"$ne": None}),
    ("requirements", [None]),
    ("unknown", "x"),
]


@pytest.mark.parametrize(("field", "value"), BAD_FIELDS)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_every_field_is_validated(
    embedded_makers: Makers, course: Course, method: str, field: str, value: object
) -> None:
    body: dict[str, object] = {"title": "A title", "price": PRICE} if method == "POST" else {}
    path = "courses" if method == "POST" else f"courses/{course.slug}"
    answer = await embedded_makers.api.request(method, path, json=body | {field: value})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"].startswith(field) or field == "unknown"


BAD_OUTLINES = [
    [{"title": "A", "id": "unknown"}],
    [{"title": "A", "lessons": [{"title": "B", "kind": "text", "id": "unknown"}]}],
    [{"title": ""}],
    [{"title": "   "}],
    [{"title": "A", "lessons": [{"title": "", "kind": "text"}]}],
    [{"title": "A", "lessons": [{"title": "B", "kind": "quiz-show"}]}],
    [{"title": {"$ne": None}}],
    [{"title": "A", "lessons": [{"title": "B", "kind": {"$ne": None}}]}],
    [{"title": "A", "lessons": [{"title": "B", "kind": "text", "id": {"$ne": None}}]}],
    [{"title": "A", "lessons": [{"title": "B", "kind": "youtube", "youtube_id": '"><script>'}]}],
    [{"title": "A"}] * 61,
    [{"title": "A", "lessons": [{"title": "B", "kind": "text"}] * 201}],
    [{"title": "A", "lessons": [{"title": "B", "kind": "text"}] * 126}] * 4,
    [{"title": "A", "unknown": 1}],
]


@pytest.mark.parametrize("sections", BAD_OUTLINES)
async def test_a_wrong_outline_changes_nothing(
    embedded_makers: Makers, course: Course, sections: list[dict[str, object]]
) -> None:
    answer = await embedded_makers.api.put(f"courses/{course.slug}/curriculum", json={"sections": sections})
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("header", ['"*"', '"\xb2"', "abc", '"1", "2"', "-1", '"99999999999"'])
async def test_an_if_match_that_is_no_etag_is_refused(embedded_makers: Makers, course: Course, header: str) -> None:
    answer = await embedded_makers.api.patch(
        f"courses/{course.slug}", json={"title": "X"}, headers={b"If-Match": header.encode("latin-1")}
    )
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "If-Match")


@pytest.mark.parametrize("language", ["hi", "pt-BR", "kok"])
async def test_a_course_is_in_any_language_that_has_a_code(embedded_makers: Makers, language: str) -> None:
    body = {"title": "A title", "price": PRICE, "language": language}
    answer = await embedded_makers.api.post("courses", json=body)
    assert (answer.status_code, answer.json()["language"]) == (201, language)
