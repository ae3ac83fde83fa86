"""Two academies at two ports share a database and a Redis: what one does counts on the other, at once."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pymongo import MongoClient

from academy.kit.ids import new_id
from tests.academies.in_process import PASSWORD
from tests.servers.academy import ServedAcademy, served_academy
from tests.servers.redis import running_redis_url
from tests.waiting import wait_for

EMAIL = "admin@example.com"


@pytest.fixture
def pair(tmp_path: Path, mongodb_uri: str) -> Iterator[tuple[ServedAcademy, ServedAcademy]]:
    name = f"test-{new_id()}"
    with running_redis_url() as redis_url:
        shared = {
            "MONGODB_URI": mongodb_uri,
            "MONGODB_DATABASE": name,
            "SECRET_KEY": "one secret that both of them know",
            "BASE_URL": "http://academy.test",
            "CACHE_PROVIDER": "redis",
            "REDIS_URL": redis_url,
            "RESPONSE_CACHE_SECONDS": "3600",
            "RATE_LIMIT_SIGN_IN_ACCOUNT": "4 per hour",
        }
        with (
            served_academy(tmp_path / "one", variables=shared) as one,
            served_academy(tmp_path / "two", variables=shared) as two,
        ):
            made = one.command(
                *("users", "create", "--email", EMAIL, "--name", "Asha", "--role", "admin", "--password-stdin"),
                given=f"{PASSWORD}\n",
            )
            assert made.returncode == 0, made.stderr
            yield one, two
    with MongoClient[dict[str, object]](mongodb_uri) as client:
        client.drop_database(name)


def tokens(academy: ServedAcademy) -> dict[str, str]:
    answer = httpx.post(f"{academy.url}/api/v1/auth/login", json={"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    held: dict[str, str] = answer.json()
    return held


def test_a_session_and_a_page_and_a_limit_are_those_of_both(pair: tuple[ServedAcademy, ServedAcademy]) -> None:
    one, two = pair
    held = tokens(one)
    with httpx.Client(headers={"Authorization": f"Bearer {held['access_token']}"}) as client:
        assert client.get(f"{two.url}/api/v1/me").json()["email"] == EMAIL

        listed = httpx.get(f"{two.url}/api/v1/courses")
        assert listed.json()["items"] == []
        etag = listed.headers["etag"]
        unchanged = httpx.get(f"{two.url}/api/v1/courses", headers={"If-None-Match": etag})
        assert unchanged.status_code == 304
        assert client.post(f"{one.url}/api/v1/categories", json={"name": "Baking"}).status_code == 201
        publish_a_course(client, one)

        def is_listed_on_two() -> bool:
            return bool(httpx.get(f"{two.url}/api/v1/courses").json()["items"])

        assert wait_for(is_listed_on_two, 10), "the other one was told, and does not wait for an hour to pass"
        health = client.get(f"{two.url}/api/v1/admin/health").json()
        assert health["checks"]["cache"]["status"] == "healthy"

        ended = client.post(f"{two.url}/api/v1/auth/logout", json={"refresh_token": held["refresh_token"]})
        assert ended.status_code == 204, ended.text
        assert client.get(f"{one.url}/api/v1/me").status_code == 401, "signed in on one, out on the other"
    statuses = [
        httpx.post(f"{academy.url}/api/v1/auth/login", json={"email": EMAIL, "password": "wrong password"}).status_code
        for academy in (one, two, one, two, one)
    ]
    assert statuses == [401, 401, 401, 429, 429], "they count together: one sign-in and three wrong ones"


def publish_a_course(client: httpx.Client, academy: ServedAcademy) -> None:
    api = f"{academy.url}/api/v1"
    details = {
        "title": "Bread",
        "subtitle": "From flour to butter",
        "description": "All about bread.",
        "category": "baking",
        "price": {"amount": 0, "currency": "INR"},
    }
    assert client.post(f"{api}/courses", json=details).status_code == 201
    lesson = {"title": "Flour", "kind": "text", "text": "Take flour."}
    outline = {"sections": [{"title": "Beginning", "lessons": [lesson]}]}
    assert client.put(f"{api}/courses/bread/curriculum", json=outline).status_code == 200
    published = client.post(f"{api}/courses/bread/publish")
    assert published.status_code == 200, published.text
