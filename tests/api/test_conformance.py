"""Whatever is sent to the API, it answers as its document says: good and bad values, as everybody."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from academy.infrastructure.security.principal import Role
from tests.academies.in_process import PASSWORD
from tests.servers.academy import ServedAcademy, served_academy

# Bytes of an upload are bytes like any others.
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = {"nobody": 3, "learner": 3, "instructor": 4, "admin": 6}
SECONDS_FOR_ONE_ANSWER = 10


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedAcademy]:
    """An academy with an account of each role."""
    home: Path = tmp_path_factory.mktemp("conformance") / "home"
    with served_academy(home) as academy:
        for role in Role:
            created = academy.command(
                "users", "create", "--email", f"{role}@example.com", "--name", "Asha Rao", "--role", role.value,
                "--password-stdin", given=f"{PASSWORD}\n",
            )  # fmt: skip
            assert created.returncode == 0, created.stderr
        yield academy


def token(served: ServedAcademy, who: str) -> str:
    answer = httpx.post(f"{served.url}/api/v1/auth/login", json={"email": f"{who}@example.com", "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    held: str = answer.json()["access_token"]
    return held


@pytest.fixture(scope="module")
def slug(served: ServedAcademy) -> str:
    """The address of a published course that everybody with an account learns in."""
    with _client(served, "admin") as admin:
        assert admin.post("categories", json={"name": "Programming"}).status_code == 201
    details = {
        "title": "Loops",
        "subtitle": "Round and round",
        "description": "Until it is done.",
        "category": "programming",
        "price": {"amount": 0, "currency": "INR"},
    }
    with _client(served, "instructor") as teacher:
        made = teacher.post("courses", json=details)
        assert made.status_code == 201, made.text
        lesson = {"title": "First", "kind": "text", "text": "Read me.", "free_preview": True}
        outline = {"sections": [{"title": "Beginning", "lessons": [lesson]}]}
        assert teacher.put("courses/loops/curriculum", json=outline).status_code == 200
        assert teacher.post("courses/loops/publish").status_code == 200
    for role in Role:
        with _client(served, role) as learner:
            assert learner.post("courses/loops/enrolments").status_code == 201
            if role is not Role.INSTRUCTOR:  # who made the course does not review it
                review = learner.put("courses/loops/reviews", json={"stars": 4, "text": "Good."})
                assert review.status_code in (200, 201), review.text
    return "loops"


def _client(served: ServedAcademy, who: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token(served, who)}"}
    return httpx.Client(base_url=f"{served.url}/api/v1/", headers=headers)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["good", "bad"])
@pytest.mark.parametrize("who", EXAMPLES)
def test_every_operation_answers_as_described(served: ServedAcademy, slug: str, who: str, mode: GenerationMode) -> None:
    headers = {} if who == "nobody" else {"Authorization": f"Bearer {token(served, who)}"}
    schema = schemathesis.openapi.from_url(f"{served.url}/api/openapi.json")
    described = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        described += 1

        @seed(20261124)
        @settings(max_examples=EXAMPLES[who], database=None, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode), is_there=st.booleans())
        def check(case: Any, is_there: bool) -> None:
            if is_there and "slug" in (case.path_parameters or {}):
                case.path_parameters["slug"] = slug
            answer = case.call(headers=headers, timeout=SECONDS_FOR_ONE_ANSWER)
            case.validate_response(answer, checks=CHECKS)

        # Where nothing bad can be sent, there is nothing to check.
        with contextlib.suppress(Unsatisfiable) if mode is GenerationMode.NEGATIVE else contextlib.nullcontext():
            check()
    assert described >= 40
