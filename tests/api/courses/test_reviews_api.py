"""Reviews over the API: by the enrolled, one for each, and the course's rating always exactly theirs."""

import asyncio

import pytest

from academy.features.courses.model import Course, Rating
from academy.infrastructure.security.principal import Principal, Role
from tests.academies.courses import enrolled_learner, stored
from tests.api.courses.makers import Makers

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def rating(makers: Makers, course: Course) -> Rating:
    return (await stored(makers.academy, course)).rating


async def test_a_learner_writes_and_rewrites_one_review(makers: Makers) -> None:
    course = await makers.published()
    learner = await enrolled_learner(makers.academy, course)
    api = await makers.academy.signed_in_api(person=learner)
    first = await api.put(f"courses/{course.slug}/reviews", json={"stars": 2, "text": "  Hm.  "})
    assert first.status_code == 200, first.text
    body = first.json()
    assert set(body) == {"id", "author", "stars", "text", "created_at", "updated_at"}
    assert (body["author"], body["stars"], body["text"]) == ("Asha Rao", 2, "Hm.")
    makers.academy.clock.move(seconds=5)
    second = (await api.put(f"courses/{course.slug}/reviews", json={"stars": 5, "text": "Much better now."})).json()
    assert second["id"] == body["id"]
    assert second["created_at"] == body["created_at"]
    assert second["updated_at"] > body["updated_at"]
    assert (await makers.academy.api().get(f"courses/{course.slug}/reviews")).json() == {
        "items": [second],
        "next_cursor": None,
    }
    assert await rating(makers, course) == Rating(count=1, total=5, stars_5=1, average=5.0)
    single = (await makers.academy.api().get(f"courses/{course.slug}")).json()
    assert single["rating"] == {"average": 5.0, "count": 1}


async def test_only_the_enrolled_review(makers: Makers) -> None:
    course = await makers.published()
    path, body = f"courses/{course.slug}/reviews", {"stars": 5, "text": "I was never there."}
    assert (await makers.academy.api().put(path, json=body)).status_code == 401
    stranger = await makers.academy.signed_in_api()
    answer = await stranger.put(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "only_learners_review")
    # Its own maker praises it no more than a stranger.
    assert (await makers.api.put(path, json=body)).status_code == 403
    assert (await rating(makers, course)).count == 0


async def test_the_makers_of_a_course_do_not_review_it_even_when_they_are_enrolled(makers: Makers) -> None:
    course = await makers.published()
    await makers.academy.academy.enrolments.grant(makers.teacher, course)
    answer = await makers.api.put(f"courses/{course.slug}/reviews", json={"stars": 5, "text": "Buy it."})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await rating(makers, course)).count == 0


async def test_what_does_not_exist_has_no_reviews(makers: Makers) -> None:
    hidden = await makers.draft()
    learner = await makers.academy.signed_in_api()
    for slug in ("unknown", hidden.slug):
        assert (await learner.get(f"courses/{slug}/reviews")).status_code == 404
        assert (await learner.put(f"courses/{slug}/reviews", json={"stars": 5})).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"stars": 0}, "stars"),
        ({"stars": 6}, "stars"),
        ({"stars": 4.5}, "stars"),
        ({"stars": "five"}, "stars"),
        ({"stars": {"$ne": None}}, "stars"),
        ({}, "stars"),
        ({"stars": 5, "text": "x" * 4001}, "text"),
        ({"stars": 5, "text": {"$ne": None}}, "text"),
        ({"stars": 5, "text": None}, "text"),
    ],
)
async def test_a_wrong_review_is_refused(makers: Makers, body: dict[str, object], field: str) -> None:
    course = await makers.published()
    api = await makers.academy.signed_in_api(person=await enrolled_learner(makers.academy, course))
    answer = await api.put(f"courses/{course.slug}/reviews", json=body)
    assert answer.status_code == 422
    assert field in answer.text
    assert (await rating(makers, course)).count == 0


async def test_the_learners_of_an_unpublished_course_still_review_it(makers: Makers) -> None:
    course = await makers.published()
    api = await makers.academy.signed_in_api(person=await enrolled_learner(makers.academy, course))
    await makers.api.post(f"courses/{course.slug}/unpublish")
    assert (await api.put(f"courses/{course.slug}/reviews", json={"stars": 4})).status_code == 200


async def test_the_rating_is_exact_under_twenty_reviewers_at_once(makers: Makers) -> None:
    course = await makers.published()
    learners = [await enrolled_learner(makers.academy, course) for _ in range(20)]
    apis = [await makers.academy.signed_in_api(person=learner) for learner in learners]
    given = [1 + number * number % 5 for number in range(len(apis))]
    for round_ in range(2):
        stars = given if round_ == 0 else [6 - value for value in given]
        answers = await asyncio.gather(
            *(
                api.put(f"courses/{course.slug}/reviews", json={"stars": value})
                for api, value in zip(apis, stars, strict=True)
            )
        )
        assert [answer.status_code for answer in answers] == [200] * 20
        assert await rating(makers, course) == Rating(
            count=20,
            total=sum(stars),
            average=round(sum(stars) / 20, 2),
            **{f"stars_{value}": stars.count(value) for value in range(1, 6)},
        )


async def test_a_learner_on_many_devices_has_one_review(makers: Makers) -> None:
    course = await makers.published()
    api = await makers.academy.signed_in_api(person=await enrolled_learner(makers.academy, course))
    answers = await asyncio.gather(
        *(api.put(f"courses/{course.slug}/reviews", json={"stars": stars}) for stars in (1, 2, 3, 4, 5))
    )
    assert [answer.status_code for answer in answers] == [200] * 5
    [review] = (await api.get(f"courses/{course.slug}/reviews")).json()["items"]
    now = await rating(makers, course)
    assert (now.count, now.total, now.average) == (1, review["stars"], review["stars"])


async def test_reviews_come_newest_first_and_in_pages(makers: Makers) -> None:
    course = await makers.published()
    written: list[str] = []
    for number in range(5):
        learner = await enrolled_learner(makers.academy, course, name=f"Learner {number}")
        makers.academy.clock.move(seconds=1)
        await makers.academy.academy.reviews.write(learner, course.slug, 3, f"Text {number}")
        written.insert(0, f"Text {number}")
    walked: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await makers.academy.api().get(f"courses/{course.slug}/reviews", params=query)).json()
        walked += [item["text"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert walked == written


async def test_a_deleted_account_leaves_its_stars_but_not_its_name(makers: Makers) -> None:
    course = await makers.published()
    learner: Principal = await enrolled_learner(makers.academy, course, name="Kabir Singh")
    await makers.academy.academy.reviews.write(learner, course.slug, 2, "Not for me.")
    await makers.academy.academy.database.transaction(
        lambda: makers.academy.academy.reviews.forget_author(learner.user_id)
    )
    [review] = (await makers.academy.api().get(f"courses/{course.slug}/reviews")).json()["items"]
    assert (review["author"], review["stars"]) == ("Former learner", 2)
    assert (await rating(makers, course)).count == 1


async def test_reviews_of_a_course_that_its_last_learner_left_go_with_it(makers: Makers) -> None:
    course = await makers.published()
    learner = await enrolled_learner(makers.academy, course)
    await makers.academy.academy.reviews.write(learner, course.slug, 2, "Not for me.")
    await makers.academy.academy.enrolments.forget_user(learner.user_id)
    assert (await makers.api.delete(f"courses/{course.slug}")).status_code == 204
    assert (await makers.academy.academy.reviews.of_course(course)).items == []


async def test_an_admin_does_not_review_for_others(makers: Makers) -> None:
    course = await makers.published()
    admin = await makers.academy.signed_in_api(Role.ADMIN)
    assert (await admin.put(f"courses/{course.slug}/reviews", json={"stars": 1})).status_code == 403
