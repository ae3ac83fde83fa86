"""The OpenAPI document is complete: clients can be made from it alone."""

import json
import re
from typing import Any

import pytest

from academy.app import build_litestar
from academy.web.api_page import api_groups
from academy.web.openapi import openapi_document
from tests.academies.in_process import TestAcademy
from tests.api.test_routes import EXPECTED

pytestmark = pytest.mark.asyncio(loop_scope="module")

# A status of tus, which HTTP does not know.
TUS_CHECKSUM_MISMATCH = "460"
# The fixed paths of the API, as far as the academy has them.
FIXED = """
POST auth/register | POST auth/verify | POST auth/resend | POST auth/login | POST auth/refresh | POST auth/logout
POST auth/forgot-password | POST auth/reset-password
GET me | PATCH me | DELETE me | GET me/sessions | DELETE me/sessions/{session_id} | GET me/enrolments | GET me/export
GET courses | POST courses | GET courses/{slug} | PATCH courses/{slug} | DELETE courses/{slug}
POST courses/{slug}/publish | POST courses/{slug}/unpublish | PUT courses/{slug}/curriculum
GET courses/{slug}/reviews | PUT courses/{slug}/reviews
POST courses/{slug}/enrolments | GET courses/{slug}/progress | PUT courses/{slug}/progress/{lesson_id}
POST files | GET videos | POST videos | GET videos/{video_id} | DELETE videos/{video_id}
GET videos/{video_id}/playback
POST uploads | PATCH uploads/{upload_id} | DELETE uploads/{upload_id} | GET uploads | GET uploads/{upload_id}
GET admin/overview | GET admin/users | GET admin/jobs | GET admin/mail | GET admin/health
"""


@pytest.fixture(scope="module")
def document(shared_embedded_academy: TestAcademy) -> dict[str, Any]:
    return openapi_document(build_litestar(shared_embedded_academy.academy))


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(m.upper(), path, one) for path, methods in document["paths"].items() for m, one in methods.items()]


async def test_every_operation_of_the_api_is_described(document: dict[str, Any]) -> None:
    described = {(method, path) for method, path, _ in operations(document)}
    assert described == {(method, path) for method, path in EXPECTED if path.startswith("/api/v1/")}
    fixed = [entry.split() for entry in re.split(r"[|\n]", FIXED) if entry.strip()]
    assert len(fixed) >= 40 - 1
    assert {(method, f"/api/v1/{path}") for method, path in fixed} <= described


async def test_it_is_served_as_it_is(shared_embedded_academy: TestAcademy, document: dict[str, Any]) -> None:
    answer = await shared_embedded_academy.browser().get("/api/openapi.json")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json"
    assert answer.json() == document
    assert document["openapi"].startswith("3.1")


async def test_every_operation_has_a_name_a_summary_and_an_area(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    for method, path, operation in operations(document):
        assert operation["summary"], (method, path)
        assert operation["description"], (method, path)
        assert len(operation["tags"]) == 1
        assert set(operation["tags"]) <= tags


async def test_the_token_is_asked_for_where_the_guard_asks(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for method, path, operation in operations(document):
        needs_token = EXPECTED[method, path] != "anyone"
        assert (operation["security"] == [{"bearer": []}]) is needs_token, (method, path)
        assert ({"401", "403"} <= set(operation["responses"])) or not needs_token, (method, path)
    assert document["paths"]["/api/v1/courses"]["get"]["security"] == []
    assert document["paths"]["/api/v1/courses/{slug}"]["get"]["security"] == [{}, {"bearer": []}]


async def test_every_problem_is_described_as_one(document: dict[str, Any]) -> None:
    responses = document["components"]["responses"]
    for answer in responses.values():
        assert answer["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
    for method, path, operation in operations(document):
        statuses = set(operation["responses"])
        for status, answer in operation["responses"].items():
            is_known = status != TUS_CHECKSUM_MISMATCH
            assert ("$ref" in answer) is (status >= "400" and is_known), (method, path, status)
        assert "503" in statuses
        assert "404" in statuses or "{" not in path
        assert {"400", "413", "415", "422"} <= statuses or "requestBody" not in operation


async def test_every_body_is_described_by_its_fields(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for method, path, operation in operations(document):
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            schema = content["schema"]
            if media_type == "text/vtt":
                assert schema == {"type": "string"}
                continue
            if media_type == "application/offset+octet-stream":  # bytes, without fields
                continue
            schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
            assert schema["properties"], (method, path)
        success = {s: answer for s, answer in operation["responses"].items() if s < "400"}
        assert success, (method, path)
        for status, answer in success.items():
            assert ("content" in answer) is (status != "204"), (method, path)


async def test_limits_are_written_down(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["CourseRequest"]["properties"]["tags"]["items"]["maxLength"] == 40
    assert schemas["CourseRequest"]["additionalProperties"] is False
    assert schemas["ReviewRequest"]["properties"]["stars"] == {"type": "integer", "minimum": 1, "maximum": 5}
    assert schemas["VerifyRequest"]["properties"]["code"]["pattern"] == r"^[0-9]{6}$"
    limit = next(p for p in document["paths"]["/api/v1/courses"]["get"]["parameters"] if p["name"] == "limit")
    assert (limit["schema"]["minimum"], limit["schema"]["maximum"]) == (1, 100)


async def test_no_reference_leads_nowhere_and_nothing_inside_shows(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    for reference in set(re.findall(r'"\$ref": "#/components/(\w+)/([^"]+)"', text)):
        assert reference[1] in document["components"][reference[0]], reference
    assert "academy.features" not in text
    assert "Listing[" not in json.dumps(list(document["components"]["schemas"]))


async def test_the_page_about_it_shows_every_operation(
    shared_embedded_academy: TestAcademy, document: dict[str, Any]
) -> None:
    page = (await shared_embedded_academy.browser().get("/api/docs")).text
    for _, path, operation in operations(document):
        assert f'id="{operation["operationId"]}"' in page
        assert f"<code>{path}</code>" in page
    groups = {group.name: group for group in api_groups(document, "https://academy.test")}
    register = next(one for one in groups["auth"].operations if one.id.lower().endswith("register"))
    assert register.example == (
        'curl -X POST "https://academy.test/api/v1/auth/register" \\\n  --json \'{\n  "email": "asha@example.com",\n'
        '  "name": "Asha Rao",\n  "password": "a long enough password"\n}\''
    )
    assert [field.name for field in register.body] == ["email", "name", "password"]
    assert register.body[0].notes == "3 to 254 characters."
    course = next(one for one in groups["courses"].operations if one.path.endswith("/courses/{slug}"))
    fields = {field.name: field for field in course.answers[0].fields}
    assert fields["price.amount"].kind == "integer"
    assert fields["curriculum[].lessons[].kind"].notes.startswith("One of ")
    assert fields["published_at"].kind == "time or null"


async def test_examples_hold_every_field_that_is_needed(document: dict[str, Any]) -> None:
    for group in api_groups(document, "https://academy.test"):
        for operation in group.operations:
            for field in operation.body:
                if field.required and "." not in field.name and operation.body_type == "application/json":
                    assert f'"{field.name}"' in operation.example, operation.id
            assert ("Authorization: Bearer $TOKEN" in operation.example) is (operation.access == "required")
            assert "{" not in operation.example.partition('"')[2].partition('"')[0]
