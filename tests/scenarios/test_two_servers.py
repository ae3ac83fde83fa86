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


@pytest.fixture(params=["database", "redis"])
def pair(
    request: pytest.FixtureRequest, tmp_path: Path, mongodb_uri: str
) -> Iterator[tuple[ServedAcademy, ServedAcademy]]:
    """Two academies, with their sessions in the database or in Redis."""
    name = f"test-{new_id()}"
    with running_redis_url() as redis_url:
        shared = {
            "MONGODB_URI": mongodb_uri,
            "MONGODB_DATABASE": name,
            "SECRET_KEY": "one secret that both of them know",
            "BASE_URL": "http://academy.test",
            "CACHE_PROVIDER": "redis",
            "REDIS_URL": redis_url,
            "SESSION_STORE": request.param,
            # Two servers and a test share few processors: Redis is not to be taken for a dead one.
            "REDIS_TIMEOUT_SECONDS": "1",
            "RESPONSE_CACHE_SECONDS": "3600",
            "RATE_LIMIT_SIGN_IN_ACCOUNT": "5 per hour",
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
    a_browser_signs_in_on_one_and_out_on_the_other(one, two)
    statuses = [
        httpx.post(f"{academy.url}/api/v1/auth/login", json={"email": EMAIL, "password": "wrong password"}).status_code
        for academy in (one, two, one, two, one)
    ]
    assert statuses == [401, 401, 401, 429, 429], "they count together: two sign-ins and three wrong ones"


def a_browser_signs_in_on_one_and_out_on_the_other(one: ServedAcademy, two: ServedAcademy) -> None:
    with httpx.Client(follow_redirects=True) as browser:
        fields = {"_csrf_token": form_token(browser, f"{one.url}/login"), "email": EMAIL, "password": PASSWORD}
        assert browser.post(f"{one.url}/login", data=fields).url.path == "/dashboard"
        cookie = browser.cookies["academy_session"]
        assert browser.get(f"{two.url}/account").url.path == "/account"
        left = browser.post(f"{two.url}/logout", data={"_csrf_token": form_token(browser, f"{two.url}/account")})
        assert "You are signed out." in left.text
    with httpx.Client(follow_redirects=True, cookies={"academy_session": cookie}) as browser:
        for academy in (one, two):
            assert browser.get(f"{academy.url}/account").url.path == "/login"


def form_token(browser: httpx.Client, page: str) -> str:
    return browser.get(page).text.partition('name="_csrf_token" value="')[2].partition('"')[0]


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
