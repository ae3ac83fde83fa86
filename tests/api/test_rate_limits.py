"""Rate limits as clients meet them: 429 with the time to wait, and headers that tell where one stands."""

from pathlib import Path

import httpx
import pytest

from academy.infrastructure.security.principal import Role
from tests.academies.in_process import PASSWORD, TestAcademy, opened_test_academy


async def test_tries_to_sign_in_to_one_account_end_with_429_and_the_time_to_wait(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, RATE_LIMIT_SIGN_IN_ACCOUNT="3 per 10 minutes") as academy:
        person, other = await academy.person(), await academy.person()
        for _ in range(3):
            wrong = await academy.api().post("auth/login", json={"email": person.email, "password": "wrong password"})
            assert wrong.status_code == 401
        refused = await academy.api().post("auth/login", json={"email": person.email, "password": PASSWORD})
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert 1 <= int(refused.headers["Retry-After"]) <= 600
        assert "Try again in" in refused.json()["detail"]
        right = await academy.api().post("auth/login", json={"email": other.email, "password": PASSWORD})
        assert right.status_code == 200, "another account is another matter"
        page = await academy.browser().submit("/login", "/login", email=person.email, password=PASSWORD)
        assert page.status_code == 429
        assert "Try again in" in page.text


async def test_a_route_tells_where_its_caller_stands(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, RATE_LIMIT_CODES="2 per hour") as academy:
        api = academy.api()
        answers = [await api.post("auth/resend", json={"email": "asha@example.com"}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [202, 202, 429]
        assert answers[0].headers["RateLimit-Policy"] == '"codes";q=2;w=3600'
        assert answers[0].headers["RateLimit"].startswith('"codes";r=1;t=')
        assert answers[2].headers["RateLimit"].startswith('"codes";r=0;t=')
        assert int(answers[2].headers["Retry-After"]) >= 1
        page = await academy.browser().submit("/forgot-password", "/forgot-password", email="asha@example.com")
        assert page.status_code == 429, "pages and API share the count"
        assert "That was too often." in page.text


def at(academy: TestAcademy, address: str) -> httpx.AsyncClient:
    """A client that comes through the trusted proxy from an address."""
    client = academy.api()
    client.headers["X-Forwarded-For"] = address
    return client


async def test_all_requests_of_an_address_have_a_limit(tmp_path: Path) -> None:
    variables = {"RATE_LIMIT_REQUESTS": "5 per minute", "TRUSTED_PROXIES": "127.0.0.1", "RESPONSE_CACHE_SECONDS": "0"}
    async with opened_test_academy(tmp_path, **variables) as academy:
        api = at(academy, "203.0.113.1")
        assert [(await api.get("courses")).status_code for _ in range(6)] == [200] * 5 + [429]
        refused = await api.get("courses")
        assert (refused.headers["content-type"], refused.json()["code"]) == (
            "application/problem+json",
            "too_many_requests",
        )
        assert refused.headers["RateLimit"].startswith('"requests";r=0;t=')
        assert int(refused.headers["Retry-After"]) >= 1
        page = await at(academy, "203.0.113.1").get("http://academy.test/courses")
        assert (page.status_code, "That was too often." in page.text) == (429, True)
        assert page.headers["content-security-policy"]
        assert (await at(academy, "203.0.113.2").get("courses")).status_code == 200
        academy.clock.move(seconds=int(refused.headers["Retry-After"]))
        assert (await api.get("courses")).status_code == 200


async def test_what_leads_nowhere_or_is_refused_counts_too(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, RATE_LIMIT_REQUESTS="5 per minute") as academy:
        api = academy.api()
        answers = [
            await api.get("http://academy.test/nothing/here"),
            await api.get("me"),
            await api.delete("courses"),
            await api.post("auth/login", json={}),
            await api.get("nothing"),
            await api.get("nothing"),
        ]
        assert [answer.status_code for answer in answers] == [404, 401, 405, 422, 404, 429]
        assert [answer.headers["RateLimit"][:14] for answer in answers] == [
            '"requests";r=4',
            '"requests";r=3',
            '"requests";r=2',
            '"requests";r=1',
            '"requests";r=0',
            '"requests";r=0',
        ]


async def test_what_is_answered_from_memory_is_free_and_tells_nobody_where_another_stands(tmp_path: Path) -> None:
    variables = {"RATE_LIMIT_REQUESTS": "5 per minute", "TRUSTED_PROXIES": "127.0.0.1", "RESPONSE_CACHE_SECONDS": "60"}
    async with opened_test_academy(tmp_path, **variables) as academy:
        first, second = at(academy, "203.0.113.1"), at(academy, "203.0.113.2")
        answers = [await client.get("courses") for client in (first, *(second for _ in range(20)))]
        assert {answer.status_code for answer in answers} == {200}
        assert not [answer for answer in answers if any(name.startswith("ratelimit") for name in answer.headers)]
        standings = [(await client.get("me")).headers["RateLimit"] for client in (first, second)]
        assert [standing[:14] for standing in standings] == ['"requests";r=3', '"requests";r=4']


async def test_many_addresses_do_not_guess_more(tmp_path: Path) -> None:
    variables = {
        "RATE_LIMIT_SIGN_IN_ACCOUNT": "10 per 10 minutes",
        "RATE_LIMIT_SIGN_IN_ANYWHERE": "20 per hour",
        "TRUSTED_PROXIES": "127.0.0.1",
    }
    async with opened_test_academy(tmp_path, **variables) as academy:
        person = await academy.person()

        async def statuses(addresses: list[str], password: str) -> list[int]:
            body = {"email": person.email, "password": password}
            return [(await at(academy, one).post("auth/login", json=body)).status_code for one in addresses]

        of_one_customer = [f"2001:db8::{number:x}" for number in range(40)]
        assert await statuses(of_one_customer, "wrong password") == [401] * 10 + [429] * 30
        spellings = ["203.0.113.80", "::ffff:203.0.113.80", "::FFFF:203.0.113.80", "::ffff:cb00:7150"] * 2
        assert await statuses(spellings, "wrong password") == [401] * 8
        others = [f"203.0.113.{number}" for number in range(5)]
        assert await statuses(others, "wrong password") == [401] * 2 + [429] * 3
        # Who owns the account is told the way that is open, and takes it.
        refused = await at(academy, "203.0.113.90").post(
            "auth/login", json={"email": person.email, "password": PASSWORD}
        )
        assert refused.status_code == 429
        assert refused.json()["detail"].endswith(", or sign in by a code.")
        await academy.api().post("auth/resend", json={"email": person.email})
        code = await academy.last_code(person.email)
        signed_in = await academy.api().post("auth/verify", json={"email": person.email, "code": code})
        assert signed_in.status_code == 200


async def test_uploads_are_counted_for_each_account(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, RATE_LIMIT_UPLOADS="2 per hour") as academy:
        first, second = [await academy.signed_in_api(Role.INSTRUCTOR) for _ in range(2)]
        statuses = [(await first.post("videos", files={"file": ("a.txt", b"x")})).status_code for _ in range(3)]
        assert statuses[2] == 429
        assert 429 not in statuses[:2]
        assert (await second.post("videos", files={"file": ("a.txt", b"x")})).status_code != 429


@pytest.mark.parametrize("way", ["password", "email", "deletion", "API"])
async def test_a_stolen_session_does_not_let_the_password_be_guessed(tmp_path: Path, way: str) -> None:
    async with opened_test_academy(tmp_path, RATE_LIMIT_SIGN_IN_ACCOUNT="10 per 10 minutes") as academy:
        person = await academy.person()
        thief = await academy.signed_in_browser(person=person)
        client = await academy.signed_in_api(person=person)

        async def attempt(password: str) -> httpx.Response:
            if way == "password":
                fields = {"current_password": password, "password": "another long password"}
                return await thief.submit("/account/security", "/account/security/password", **fields)
            if way == "email":
                fields = {"account_password": password, "email": "thief@example.com"}
                return await thief.submit("/account/security", "/account/security/email", **fields)
            if way == "deletion":
                return await thief.submit("/account/data", "/account/data/delete", password=password, understood="true")
            return await client.request("DELETE", "me", json={"password": password})

        statuses = [(await attempt(f"wrong password {number}")).status_code for number in range(40)]
        assert statuses == [422] * 10 + [429] * 30
        refused = await attempt(PASSWORD)
        assert refused.status_code == 429, "nor does the right one tell that it is right"
        assert 1 <= int(refused.headers["Retry-After"]) <= 600
        assert "That was too often. Try again in" in refused.text
        owner = await academy.signed_in_browser(person=person)
        changed = await owner.submit(
            "/account/security",
            "/account/security/password",
            current_password=PASSWORD,
            password="a password of the owner",
        )
        assert "Your password is changed." in changed.text, "the owner signs in anew, and shuts the thief out"
        assert (await thief.get("/account")).url.path == "/login"
        assert (await client.get("me")).status_code == 401
