"""One course over the API: read, made, changed, ordered, published, taken back, deleted; on both engines."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from academy.features.accounts.administration import COMMAND_LINE
from academy.features.courses.model import Course
from academy.infrastructure.security.principal import Role
from academy.kit.ids import new_id
from tests.academies.courses import PAID, draft, enrolled_learner, published, stored, unique
from tests.api.courses.makers import Makers

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRICE = {"amount": 0, "currency": "INR"}


async def test_a_single_course_shows_its_curriculum(makers: Makers) -> None:
    course = await makers.published(tags=["snake"])
    answer = await makers.academy.api().get(f"courses/{course.slug}")
    assert answer.status_code == 200
    body = answer.json()
    section, first, second = course.curriculum[0], *course.lessons()
    assert body["curriculum"] == [
        {
            "id": section.id,
            "title": "Beginning",
            "lessons": [
                {
                    "id": first.id,
                    "title": "First steps",
                    "kind": "text",
                    "duration_seconds": 60,
                    "free_preview": True,
                },
                {
                    "id": second.id,
                    "title": "Further on",
                    "kind": "text",
                    "duration_seconds": 60,
                    "free_preview": False,
                },
            ],
        }
    ]
    assert set(body) == {
        *("id", "slug", "title", "subtitle", "description", "category", "level", "language", "status", "price"),
        *("rating", "instructors", "published_at", "tags", "outcomes", "requirements", "curriculum"),
    }
    assert (body["tags"], body["outcomes"]) == (["snake"], ["Do it yourself"])


@pytest.mark.parametrize("slug", ["unknown", "%00", "..%2f..%2fetc", "%24ne", "ü", "x" * 300])
async def test_an_unknown_course_is_not_found(makers: Makers, slug: str) -> None:
    answer = await makers.api.get(f"courses/{slug}")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/problem+json")


async def test_a_draft_is_its_makers_alone(makers: Makers) -> None:
    course = await makers.draft()
    assert (await makers.api.get(f"courses/{course.slug}")).status_code == 200
    admin = await makers.academy.signed_in_api(Role.ADMIN)
    assert (await admin.get(f"courses/{course.slug}")).status_code == 200
    stranger = await makers.academy.signed_in_api(Role.INSTRUCTOR)
    for other in (makers.academy.api(), stranger):
        answer = await other.get(f"courses/{course.slug}")
        assert (answer.status_code, answer.json()["code"]) == (404, "course_not_found")
        assert (await other.get(f"courses/{course.slug}/reviews")).status_code == 404


async def test_an_instructor_makes_a_draft(makers: Makers) -> None:
    title = unique("Weaving")
    answer = await makers.api.post("courses", json={"title": title, "price": PRICE, "level": "advanced"})
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert (body["status"], body["level"], body["published_at"]) == ("draft", "advanced", None)
    assert body["slug"] == title.lower().replace(" ", "-")
    assert [person["name"] for person in body["instructors"]] == ["Maya Rao"]
    assert answer.headers["etag"] == '"1"'
    assert not await makers.listed(body["slug"])


async def test_equal_titles_get_addresses_of_their_own(makers: Makers) -> None:
    title = unique("Twin")
    answers = await asyncio.gather(
        *(makers.api.post("courses", json={"title": title, "price": PRICE}) for _ in range(4))
    )
    assert [answer.status_code for answer in answers] == [201] * 4
    slug = title.lower().replace(" ", "-")
    assert {answer.json()["slug"] for answer in answers} == {slug, f"{slug}-2", f"{slug}-3", f"{slug}-4"}


async def test_a_chosen_address_that_is_taken_is_a_conflict(makers: Makers) -> None:
    course = await makers.draft()
    answer = await makers.api.post("courses", json={"title": "Another", "slug": course.slug, "price": PRICE})
    assert (answer.status_code, answer.json()["code"]) == (409, "slug_taken")
    assert answer.json()["errors"][0]["field"] == "slug"


@pytest.mark.parametrize(("field", "value"), [("title", "!!!"), ("slug", "///")])
async def test_an_address_needs_letters(makers: Makers, field: str, value: str) -> None:
    answer = await makers.api.post("courses", json={"title": "A title", "price": PRICE} | {field: value})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_learners_and_strangers_make_no_courses(makers: Makers) -> None:
    body = {"title": "Mine", "price": PRICE}
    assert (await makers.academy.api().post("courses", json=body)).status_code == 401
    learner = await makers.academy.signed_in_api(Role.LEARNER)
    assert (await learner.post("courses", json=body)).status_code == 403


async def test_a_change_touches_only_what_it_names(makers: Makers) -> None:
    course = await makers.draft(tags=["kept"])
    answer = await makers.api.patch(
        f"courses/{course.slug}", json={"title": "New title", "price": {"amount": 99_900, "currency": "INR"}}
    )
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["title"], body["price"]["amount"]) == ("New title", 99_900)
    assert (body["slug"], body["subtitle"], body["tags"]) == (course.slug, course.subtitle, ["kept"])
    assert [x["id"] for x in body["curriculum"][0]["lessons"]] == [lesson.id for lesson in course.lessons()]
    assert not (await stored(makers.academy, course)).is_free


async def test_changes_of_different_fields_at_once_are_all_kept(makers: Makers) -> None:
    course = await makers.draft()
    changes = {"subtitle": "new subtitle", "description": "new description", "language": "hi", "level": "advanced"}
    answers = await asyncio.gather(
        *(makers.api.patch(f"courses/{course.slug}", json={name: value}) for name, value in changes.items())
    )
    assert [answer.status_code for answer in answers] == [200] * 4
    now = (await makers.api.get(f"courses/{course.slug}")).json()
    assert {name: now[name] for name in changes} == changes
    assert (await stored(makers.academy, course)).revision == course.revision + 4


async def test_if_match_guards_against_overwriting(makers: Makers) -> None:
    course = await makers.draft()
    path = f"courses/{course.slug}"
    etag = (await makers.api.get(path)).headers["etag"]
    first = await makers.api.patch(path, json={"title": "First"}, headers={"If-Match": etag})
    assert first.status_code == 200
    assert first.headers["etag"] != etag
    second = await makers.api.patch(path, json={"title": "Second"}, headers={"If-Match": etag})
    assert (second.status_code, second.json()["code"]) == (412, "precondition_failed")
    outline = await makers.api.put(f"{path}/curriculum", json={"sections": []}, headers={"If-Match": etag})
    assert outline.status_code == 412
    now = await stored(makers.academy, course)
    assert (now.title, len(now.lessons())) == ("First", 2)
    third = await makers.api.patch(path, json={"title": "Third"}, headers={"If-Match": first.headers["etag"]})
    assert third.status_code == 200


async def test_of_many_edits_of_one_revision_one_wins(makers: Makers) -> None:
    course = await makers.draft()
    headers = {"If-Match": f'"{course.revision}"'}
    answers = await asyncio.gather(
        *(
            makers.api.patch(f"courses/{course.slug}", json={"title": f"Number {number}"}, headers=headers)
            for number in range(8)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    winner = next(number for number, answer in enumerate(answers) if answer.status_code == 200)
    assert (await stored(makers.academy, course)).title == f"Number {winner}"


@pytest.mark.parametrize("header", ["*", 'W/"{}"', '"{}"'])
async def test_if_match_takes_any_or_the_present_revision(makers: Makers, header: str) -> None:
    course = await makers.draft()
    headers = {"If-Match": header.format(course.revision)}
    answer = await makers.api.patch(f"courses/{course.slug}", json={"title": "X"}, headers=headers)
    assert answer.status_code == 200, answer.text


def outline(course: Course) -> list[dict[str, object]]:
    """The course's outline as a client sends it back."""
    return [
        {
            "id": section.id,
            "title": section.title,
            "lessons": [
                {"id": x.id, "title": x.title, "kind": x.kind.value, "free_preview": x.free_preview}
                for x in section.lessons
            ],
        }
        for section in course.curriculum
    ]


async def test_reordering_keeps_lessons_texts_and_progress(makers: Makers) -> None:
    course = await makers.published(lessons=["One", "Two", "Three"])
    one, two, three = course.lessons()
    learner = await enrolled_learner(makers.academy, course)
    await makers.academy.academy.learning.record(learner, course.slug, two.id, position_seconds=7, completed=True)
    sections = [
        {"title": "New part", "lessons": [{"id": three.id, "title": "Three", "kind": "text"}]},
        {
            "id": course.curriculum[0].id,
            "title": "Old part",
            "lessons": [
                {"id": two.id, "title": "Two, renamed", "kind": "text", "free_preview": True},
                {"title": "Four", "kind": "text", "text": "word " * 600},
            ],
        },
    ]
    answer = await makers.api.put(f"courses/{course.slug}/curriculum", json={"sections": sections})
    assert answer.status_code == 200, answer.text
    lessons = [lesson for section in answer.json()["curriculum"] for lesson in section["lessons"]]
    assert [lesson["title"] for lesson in lessons] == ["Three", "Two, renamed", "Four"]
    assert [lesson["id"] for lesson in lessons[:2]] == [three.id, two.id]
    assert lessons[2]["duration_seconds"] == 180
    assert answer.json()["curriculum"][1]["id"] == course.curriculum[0].id
    texts = makers.academy.academy.courses
    assert "Two" in await texts.lesson_text(two.id)
    assert await texts.lesson_text(one.id) == ""
    state = (await makers.academy.academy.learning.states(learner.user_id, [course.id]))[course.id]
    assert state.percent == 33
    assert (await stored(makers.academy, course)).lesson_count == 3


async def test_an_outline_names_each_part_once_and_keeps_its_kind(makers: Makers) -> None:
    course = await makers.draft()
    twice = outline(course) * 2
    changed = outline(course)
    changed[0]["lessons"][0]["kind"] = "youtube"  # type: ignore[index]
    other = outline(await makers.draft())
    for sections in (twice, changed, other):
        answer = await makers.api.put(f"courses/{course.slug}/curriculum", json={"sections": sections})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_curriculum")


async def test_publishing_lists_everything_that_is_missing(makers: Makers) -> None:
    created = await makers.api.post("courses", json={"title": unique("Bare"), "price": PRICE})
    slug = created.json()["slug"]
    answer = await makers.api.post(f"courses/{slug}/publish")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready_to_publish")
    assert {error["field"] for error in answer.json()["errors"]} == {
        *("subtitle", "description", "category", "curriculum"),
    }
    await makers.api.put(
        f"courses/{slug}/curriculum",
        json={"sections": [{"title": "A", "lessons": [{"title": "Film", "kind": "video"}]}]},
    )
    lacking = (await makers.api.post(f"courses/{slug}/publish")).json()["errors"]
    assert any(error["field"].startswith("lesson:") and "Film" in error["message"] for error in lacking)
    assert not await makers.listed(slug)


async def test_publishing_twice_changes_nothing_the_second_time(makers: Makers) -> None:
    course = await makers.draft()
    first = await makers.api.post(f"courses/{course.slug}/publish")
    second = await makers.api.post(f"courses/{course.slug}/publish")
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert first.headers["etag"] == second.headers["etag"]
    assert await makers.listed(course.slug)


async def test_unpublishing_hides_and_keeps_the_learners(makers: Makers) -> None:
    course = await makers.published()
    learner = await enrolled_learner(makers.academy, course)
    api = await makers.academy.signed_in_api(person=learner)
    answer = await makers.api.post(f"courses/{course.slug}/unpublish")
    assert (answer.status_code, answer.json()["status"]) == (200, "unpublished")
    assert not await makers.listed(course.slug)
    assert course.slug not in {
        item["slug"] for item in (await api.get("courses", params={"q": course.title})).json()["items"]
    }
    assert (await api.get(f"courses/{course.slug}/progress")).status_code == 200
    other = await makers.academy.signed_in_api()
    refused = await other.post(f"courses/{course.slug}/enrolments")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_open_for_enrolment")
    makers.academy.clock.move(minutes=1)
    again = await makers.api.post(f"courses/{course.slug}/publish")
    assert course.published_at is not None
    assert again.json()["published_at"] == course.published_at.isoformat().replace("+00:00", "Z")


async def test_a_course_without_learners_can_be_deleted(makers: Makers) -> None:
    course = await makers.published()
    lesson = course.lessons()[0]
    assert (await makers.api.delete(f"courses/{course.slug}")).status_code == 204
    assert (await makers.api.get(f"courses/{course.slug}")).status_code == 404
    assert await makers.academy.academy.courses.lesson_text(lesson.id) == ""
    assert not await makers.listed(course.slug)


async def test_a_course_with_learners_stays(makers: Makers) -> None:
    course = await makers.published()
    await enrolled_learner(makers.academy, course)
    answer = await makers.api.delete(f"courses/{course.slug}")
    assert (answer.status_code, answer.json()["code"]) == (409, "course_has_learners")
    assert (await makers.api.get(f"courses/{course.slug}")).status_code == 200


async def test_enrolling_and_deleting_at_once_leave_no_learner_without_course(makers: Makers) -> None:
    for _ in range(5):
        course = await makers.published()
        learner = await makers.academy.person()
        api = await makers.academy.signed_in_api(person=learner)
        enrolled, deleted = await asyncio.gather(
            api.post(f"courses/{course.slug}/enrolments"), makers.api.delete(f"courses/{course.slug}")
        )
        assert (enrolled.status_code, deleted.status_code) in {(201, 409), (404, 204)}
        held = (await api.get("me/enrolments")).json()["items"]
        assert len(held) == (enrolled.status_code == 201)


def foreign_requests() -> Iterator[tuple[str, str, dict[str, object] | None]]:
    yield "PATCH", "", {"title": "Taken over"}
    yield "DELETE", "", None
    yield "POST", "/publish", None
    yield "POST", "/unpublish", None
    yield "PUT", "/curriculum", {"sections": []}


@pytest.mark.parametrize(("method", "path", "body"), list(foreign_requests()))
async def test_only_its_makers_change_a_course(
    makers: Makers, method: str, path: str, body: dict[str, object] | None
) -> None:
    course, hidden = await makers.published(price=PAID), await makers.draft()
    stranger = await makers.academy.signed_in_api(Role.INSTRUCTOR)
    learner = await makers.academy.signed_in_api(Role.LEARNER)

    async def status(api: httpx.AsyncClient, slug: str) -> int:
        return (await api.request(method, f"courses/{slug}{path}", json=body)).status_code

    assert await status(makers.academy.api(), course.slug) == 401
    assert await status(learner, course.slug) == 403
    assert await status(stranger, course.slug) == 403
    # That a stranger's draft exists is nobody's business.
    assert await status(stranger, hidden.slug) == 404
    assert await status(stranger, f"unknown-{new_id()}") == 404
    now = await stored(makers.academy, course)
    assert (now.title, now.status, now.revision) == (course.title, course.status, course.revision)


async def test_an_admin_may_change_every_course(makers: Makers) -> None:
    course = await makers.draft()
    admin = await makers.academy.signed_in_api(Role.ADMIN)
    answer = await admin.patch(f"courses/{course.slug}", json={"title": "Corrected"})
    assert (answer.status_code, answer.json()["title"]) == (200, "Corrected")


async def test_a_maker_who_is_no_instructor_any_more_sees_no_draft(makers: Makers) -> None:
    academy = makers.academy
    maker = await academy.person(Role.INSTRUCTOR)
    hidden, shown = await draft(academy, maker), await published(academy, maker, price=PAID)
    await academy.academy.administration.set_role(COMMAND_LINE, maker.user_id, Role.LEARNER)
    api = await academy.signed_in_api(person=maker)
    assert (await api.get(f"courses/{hidden.slug}")).status_code == 404
    assert (await api.get(f"courses/{hidden.slug}/lessons/{hidden.lessons()[1].id}")).status_code == 404
    assert (await api.get(f"courses/{shown.slug}")).status_code == 200
    assert (await api.get(f"courses/{shown.slug}/lessons/{shown.lessons()[1].id}")).status_code == 403
    await academy.academy.administration.set_role(COMMAND_LINE, maker.user_id, Role.INSTRUCTOR)
    api = await academy.signed_in_api(person=maker)
    assert (await api.get(f"courses/{hidden.slug}")).status_code == 200
