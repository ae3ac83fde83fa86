"""Editors of a course at the same time: nothing is lost, and money is never changed by somebody who did not mean it."""

import asyncio

import httpx

from academy.features.courses.model import LessonKind
from academy.infrastructure.security.principal import Role
from tests.academies.in_process import TestAcademy

COURSE = {"title": "Bread", "price": {"amount": 0, "currency": "INR"}}


async def _instructor(academy: TestAcademy) -> httpx.AsyncClient:
    api = await academy.signed_in_api(Role.INSTRUCTOR)
    assert (await api.post("courses", json=COURSE)).status_code == 201
    return api


async def test_a_title_changed_beside_the_price_leaves_no_paid_course_free(academy: TestAcademy) -> None:
    api = await _instructor(academy)
    for number in range(10):
        free, paid = {"amount": 0, "currency": "INR"}, {"amount": 149_900, "currency": "INR"}
        await api.patch("courses/bread", json={"price": free})
        answers = await asyncio.gather(
            api.patch("courses/bread", json={"price": paid}),
            *(api.patch("courses/bread", json={"title": f"Bread {number} {other}"}) for other in range(3)),
        )
        assert {answer.status_code for answer in answers} == {200}
        course = await academy.academy.courses.get("bread", await academy.person(Role.ADMIN))
        assert (course.price.amount, course.is_free) == (149_900, False)


async def test_publishing_never_publishes_what_was_emptied_meanwhile(academy: TestAcademy) -> None:
    api = await _instructor(academy)
    admin = await academy.signed_in_api(Role.ADMIN)
    await admin.post("categories", json={"name": "Craft"})
    await api.patch("courses/bread", json={"subtitle": "S", "description": "D", "category": "craft"})
    lesson = {"title": "One", "kind": LessonKind.TEXT.value, "text": "Flour."}
    for _ in range(8):
        await api.post("courses/bread/unpublish")
        full = await api.put("courses/bread/curriculum", json={"sections": [{"title": "All", "lessons": [lesson]}]})
        assert full.status_code == 200
        published, emptied = await asyncio.gather(
            api.post("courses/bread/publish"), api.put("courses/bread/curriculum", json={"sections": []})
        )
        assert emptied.status_code == 200
        course = (await api.get("courses/bread")).json()
        assert (published.status_code == 200) == (course["status"] == "published")


async def test_control_characters_are_refused_where_a_line_is_meant(embedded_academy: TestAcademy) -> None:
    api = await embedded_academy.signed_in_api(Role.INSTRUCTOR)
    for field, value in {
        "title": "A\0B",
        "subtitle": "two\nlines",
        "language": "e\0n",
        "tags": ["a\tb"],
        "outcomes": ["a\u2028b"],
    }.items():
        refused = await api.post("courses", json={**COURSE, field: value})
        assert refused.status_code == 422, field
        assert [error["field"] for error in refused.json()["errors"]] == [field]
    refused = await api.post("courses", json={**COURSE, "price": {"amount": 1, "currency": "INR\n"}})
    assert refused.status_code == 422
    assert (await api.post("courses", json=COURSE)).status_code == 201
    outline = {"sections": [{"title": "A\0", "lessons": []}]}
    assert (await api.put("courses/bread/curriculum", json=outline)).status_code == 422
