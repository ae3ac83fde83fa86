"""The story of the academy over its API, on each database engine: nothing but HTTP and the command line."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from academy.kit.ids import new_id
from tests.scenarios.people import PASSWORD, People, film, people_of
from tests.servers.academy import ServedAcademy, served_academy
from tests.waiting import wait_for

OUTLINE = {
    "sections": [
        {
            "title": "Start",
            "lessons": [
                {"title": "What you need", "kind": "text", "text": "Flour and **salt**.", "free_preview": True},
                {"title": "Watch the oven", "kind": "video"},
            ],
        }
    ]
}


@pytest.fixture(params=["sqlite", "mongodb"])
def academy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServedAcademy]:
    variables = {"MONGODB_DATABASE": f"test-{new_id()}"}
    if request.param == "mongodb":
        variables["MONGODB_URI"] = request.getfixturevalue("mongodb_uri")
    with served_academy(tmp_path / "home", variables=variables) as served:
        yield served


@pytest.fixture
def people(academy: ServedAcademy) -> Iterator[People]:
    with people_of(academy) as found:
        yield found


def test_the_story(academy: ServedAcademy, people: People, tmp_path: Path) -> None:
    admin = people.made_by_operator("ada@example.com", "Ada", "admin")
    assert admin.post("categories", json={"name": "Craft"}).json() == {"slug": "craft", "name": "Craft"}
    instructor = people.made_by_operator("ira@example.com", "Ira Sen", "instructor")
    lessons = _a_course_is_made(instructor, film(tmp_path))
    _a_learner_takes_it(academy, people, lessons)
    _it_leaves_the_catalogue_and_stays_with_its_learners(people, instructor, lessons)
    _an_admin_looks_and_suspends(people, admin)


def _a_course_is_made(instructor: httpx.Client, video: Path) -> dict[str, str]:
    details = {
        "title": "Bread at home",
        "subtitle": "Four ingredients and patience",
        "description": "You will bake.",
        "category": instructor.get("categories").json()["items"][0]["slug"],
        "price": {"amount": 0, "currency": "INR"},
    }
    made = instructor.post("courses", json=details)
    assert made.status_code == 201, made.text
    refused = instructor.post("courses/bread-at-home/publish")
    assert refused.status_code in (409, 422)
    assert "curriculum" in {error["field"] for error in refused.json()["errors"]}
    outlined = instructor.put("courses/bread-at-home/curriculum", json=OUTLINE)
    assert outlined.status_code == 200, outlined.text
    lessons = {lesson["title"]: lesson["id"] for lesson in outlined.json()["curriculum"][0]["lessons"]}
    fields = {"course": "bread-at-home", "lesson_id": lessons["Watch the oven"]}
    with video.open("rb") as file:
        sent = instructor.post("videos", data=fields, files={"file": ("film.mp4", file, "video/mp4")})
    assert sent.status_code == 201, sent.text
    address = f"videos/{sent.json()['id']}"
    assert wait_for(lambda: instructor.get(address).json()["is_watchable"])
    published = instructor.post("courses/bread-at-home/publish")
    assert published.status_code == 200, published.text
    return lessons


def _a_learner_takes_it(academy: ServedAcademy, people: People, lessons: dict[str, str]) -> None:
    learner = people.registered("asha@example.com", "Asha Rao")
    found = learner.get("courses", params={"q": "bread"}).json()["items"]
    assert [course["slug"] for course in found] == ["bread-at-home"]
    video_lesson = f"courses/bread-at-home/lessons/{lessons['Watch the oven']}"
    assert learner.get(video_lesson).status_code == 403
    assert learner.get(f"courses/bread-at-home/lessons/{lessons['What you need']}").json()["text"].startswith("Flour")
    first, second = (learner.post("courses/bread-at-home/enrolments") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    _the_video_plays(academy, learner, learner.get(video_lesson).json()["video_id"])

    progress = f"courses/bread-at-home/progress/{lessons['Watch the oven']}"
    assert learner.put(progress, json={"position_seconds": 1.5, "completed": False}).status_code == 200
    again = people.signed_in("asha@example.com")
    kept = again.get("courses/bread-at-home/progress").json()
    assert kept["percent"] == 0
    assert kept["lessons"][lessons["Watch the oven"]] == {"position_seconds": 1.5, "completed": False}
    assert again.put(progress, json={"position_seconds": 2, "completed": True}).json()["percent"] == 50
    assert again.put("courses/bread-at-home/reviews", json={"stars": 4, "text": "Warm."}).status_code in (200, 201)
    assert again.put("courses/bread-at-home/reviews", json={"stars": 5, "text": "Hot."}).status_code in (200, 201)
    assert people.stranger().get("courses/bread-at-home").json()["rating"] == {"average": 5.0, "count": 1}


def _the_video_plays(academy: ServedAcademy, learner: httpx.Client, video_id: str) -> None:
    playback = learner.get(f"videos/{video_id}/playback").json()
    part = httpx.get(academy.url + playback["url"], headers={"Range": "bytes=100-199"})
    assert part.status_code == 206
    assert len(part.content) == 100
    assert re.fullmatch(r"bytes 100-199/\d+", part.headers["content-range"])
    unsigned = playback["url"].partition("?")[0]
    assert httpx.get(academy.url + unsigned).status_code == 403


def _it_leaves_the_catalogue_and_stays_with_its_learners(
    people: People, instructor: httpx.Client, lessons: dict[str, str]
) -> None:
    assert instructor.post("courses/bread-at-home/unpublish").status_code == 200
    assert people.stranger().get("courses", params={"q": "bread"}).json()["items"] == []
    learner = people.signed_in("asha@example.com")
    assert learner.get("me/enrolments").json()["items"][0]["course"] == "bread-at-home"
    assert learner.get(f"courses/bread-at-home/lessons/{lessons['Watch the oven']}").status_code == 200
    newcomer = people.registered("late@example.com", "Late Comer")
    assert newcomer.post("courses/bread-at-home/enrolments").status_code == 409


def _an_admin_looks_and_suspends(people: People, admin: httpx.Client) -> None:
    assert admin.get("admin/overview").json()["users"] == 4
    mailed = {(mail["to"], mail["kind"]) for mail in admin.get("admin/mail", params={"limit": 100}).json()["items"]}
    assert {("asha@example.com", kind) for kind in ("code", "welcome", "enrolment")} <= mailed
    assert admin.get("admin/jobs").json()["items"]
    health = admin.get("admin/health").json()
    assert health["status"] == "healthy"
    learner = people.signed_in("asha@example.com")
    account = admin.get("admin/users", params={"q": "asha"}).json()["items"][0]
    change = f"admin/users/{account['id']}"
    assert admin.patch(change, json={"suspended": True}).json()["status"] == "suspended"
    assert learner.get("me").status_code == 401
    refused = people.stranger().post("auth/login", json={"email": "asha@example.com", "password": PASSWORD})
    assert refused.status_code == 403
    assert admin.patch(change, json={"suspended": False, "role": "instructor"}).json()["role"] == "instructor"
    assert people.signed_in("asha@example.com").get("me").json()["role"] == "instructor"
