"""Every error of the API is a problem document (RFC 9457) that says what to mend."""

import json
from typing import Any

import httpx
import pytest

from tests.academies.in_process import PASSWORD, TestAcademy

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"content-type": "application/json"}


def problem_in(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Checks the form of a problem document and returns it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert set(problem) <= {"type", "title", "status", "detail", "code", "errors"}
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["title"] == httpx.codes.get_reason_phrase(status)
    assert problem["detail"].endswith((".", "`errors`."))
    return problem


def fields_of(problem: dict[str, Any]) -> list[str]:
    return [item["field"] for item in problem["errors"]]


@pytest.mark.parametrize("path", ["nothing", "courses/x/nothing", "../v2/courses", "../", "../../api/v1"])
async def test_an_unknown_path(shared_embedded_academy: TestAcademy, path: str) -> None:
    answer = await shared_embedded_academy.api().get(f"http://academy.test/api/v1/{path}")
    if answer.headers.get("location") == "/api/docs":
        assert answer.status_code == 303
    else:
        problem_in(answer, 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "courses", "GET, HEAD, OPTIONS, POST"),
        ("GET", "auth/login", "OPTIONS, POST"),
        ("DELETE", "auth/login", "OPTIONS, POST"),
        ("POST", "courses/x", "DELETE, GET, HEAD, OPTIONS, PATCH"),
    ],
)
async def test_a_wrong_method(shared_embedded_academy: TestAcademy, method: str, path: str, allowed: str) -> None:
    answer = await shared_embedded_academy.api().request(method, path)
    problem_in(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    "body", [b"{", b'{"email": }', b"", b"\xff\xfe", b"{}{}", b'{"email": "\xff"}', b"[" * 5_000], ids=repr
)
async def test_malformed_json(shared_embedded_academy: TestAcademy, body: bytes) -> None:
    answer = await shared_embedded_academy.api().post("auth/login", content=body, headers=JSON)
    assert answer.status_code in (400, 422), answer.text
    problem_in(answer, answer.status_code, {400: "bad_request", 422: "invalid_input"}[answer.status_code])


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/xml",
        "nonsense",
    ],
)
async def test_another_type_than_json(shared_embedded_academy: TestAcademy, kind: str) -> None:
    body = json.dumps({"email": "a@example.com", "password": PASSWORD}).encode()
    answer = await shared_embedded_academy.api().post("auth/login", content=body, headers={"content-type": kind})
    problem = problem_in(answer, 415, "unsupported_media_type")
    assert "application/json" in problem["detail"]


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/merge-patch+json"]
)
async def test_json_by_its_other_names(shared_embedded_academy: TestAcademy, kind: str) -> None:
    body = json.dumps({"email": "a@example.com", "password": PASSWORD}).encode()
    answer = await shared_embedded_academy.api().post("auth/login", content=body, headers={"content-type": kind})
    assert answer.status_code in (401, 422)


async def test_a_body_that_is_too_large(shared_embedded_academy: TestAcademy) -> None:
    answer = await shared_embedded_academy.api().post("auth/login", content=b"x" * (9 << 20), headers=JSON)
    problem_in(answer, 413, "request_entity_too_large")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "a@example.com"}, "password"),
        ({"email": 5, "password": PASSWORD}, "email"),
        ({"email": {"$ne": None}, "password": PASSWORD}, "email"),
        ({"email": "a@example.com", "password": ""}, "password"),
        ({"email": "a@example.com", "password": PASSWORD, "role": "admin"}, "role"),
        ({"email": None, "password": PASSWORD}, "email"),
        ([], "body"),
        ("text", "body"),
        (None, "body"),
    ],
    ids=repr,
)
async def test_the_field_to_mend_is_named(shared_embedded_academy: TestAcademy, body: object, field: str) -> None:
    answer = await shared_embedded_academy.api().post("auth/login", content=json.dumps(body), headers=JSON)
    problem = problem_in(answer, 422, "invalid_input")
    assert fields_of(problem) == [field]
    assert problem["errors"][0]["message"]


async def test_a_field_inside_a_field_is_named_by_its_path(shared_embedded_academy: TestAcademy) -> None:
    api = await shared_embedded_academy.signed_in_api(person=await shared_embedded_academy.person())
    answer = await api.patch("me", json={"profile": {"links": ["x" * 300]}})
    assert fields_of(problem_in(answer, 422, "invalid_input")) == ["profile.links[0]"]
    answer = await api.patch("me", json={"profile": {"boss": "me"}})
    assert fields_of(problem_in(answer, 422, "invalid_input")) == ["profile.boss"]
    answer = await api.patch("me", json={"preferences": {"theme": "x" * 50}})
    assert fields_of(problem_in(answer, 422, "invalid_input")) == ["preferences.theme"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=many", "limit"),
        ("limit=1e400", "limit"),
        ("level=impossible", "level"),
        ("min_rating=6", "min_rating"),
        ("min_rating=nan", "min_rating"),
        ("q=" + "x" * 201, "q"),
        ("cursor=" + "x" * 2001, "cursor"),
        ("price=cheap", "price"),
    ],
)
async def test_a_parameter_to_mend_is_named(shared_embedded_academy: TestAcademy, query: str, field: str) -> None:
    answer = await shared_embedded_academy.api().get(f"courses?{query}")
    assert fields_of(problem_in(answer, 422, "invalid_input")) == [field]


async def test_a_paging_marker_of_nobody(shared_embedded_academy: TestAcademy) -> None:
    problem_in(await shared_embedded_academy.api().get("courses?cursor=abc"), 422, "invalid_cursor")


async def test_nobody_is_told_how_to_sign_in(shared_embedded_academy: TestAcademy) -> None:
    for headers in (
        {},
        {"authorization": "Bearer x.y.z"},
        {"authorization": "Basic eDp5"},
        {"authorization": "Bearer"},
    ):
        answer = await shared_embedded_academy.api().get("me", headers=headers)
        problem_in(answer, 401, "not_signed_in")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_role_that_is_missing_is_named(shared_embedded_academy: TestAcademy) -> None:
    api = await shared_embedded_academy.signed_in_api()
    problem = problem_in(await api.get("admin/users"), 403, "forbidden")
    assert "admin" in problem["detail"]


async def test_a_course_of_nobody(shared_embedded_academy: TestAcademy) -> None:
    for slug in ("nothing", "%00", "%ff", "x" * 3_000, "$ne", "ü"):
        problem_in(await shared_embedded_academy.api().get(f"courses/{slug}"), 404, "course_not_found")
    problem_in(await shared_embedded_academy.api().get("courses/..%2f..%2fetc%2fpasswd"), 404, "not_found")


@pytest.mark.parametrize("host", ["http://x:1", "a b", "x:y", "[::1", "", "x" * 500, "\\"])
async def test_a_host_that_is_none(shared_embedded_academy: TestAcademy, host: str) -> None:
    api = shared_embedded_academy.api()
    answer = await api.get("me", headers={"host": host})
    assert answer.status_code in (400, 401)
    problem_in(answer, answer.status_code, answer.json()["code"])
    page = await api.get("http://academy.test/no/such/page", headers={"host": host, "referer": "http://x/y"})
    assert page.status_code in (400, 404)


async def test_unpaired_surrogates_are_no_text(shared_embedded_academy: TestAcademy) -> None:
    body = b'{"email": "\\ud800@example.com", "password": "\\udfff and long enough"}'
    answer = await shared_embedded_academy.api().post("auth/login", content=body, headers=JSON)
    assert answer.status_code in (400, 401, 422), answer.text
