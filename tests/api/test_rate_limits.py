"""Rate limits as clients meet them: 429 with the time to wait, and headers that tell where one stands."""

from pathlib import Path

from academy.infrastructure.security.principal import Role
from tests.academies.in_process import PASSWORD, opened_test_academy


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
        assert page.status_code in (422, 429)
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


async def test_all_requests_of_an_address_have_a_limit(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, RATE_LIMIT_REQUESTS="5 per minute") as academy:
        api = academy.api()
        assert [(await api.get("courses")).status_code for _ in range(6)] == [200] * 5 + [429]


async def test_uploads_are_counted_for_each_account(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, RATE_LIMIT_UPLOADS="2 per hour") as academy:
        first, second = [await academy.signed_in_api(Role.INSTRUCTOR) for _ in range(2)]
        statuses = [(await first.post("videos", files={"file": ("a.txt", b"x")})).status_code for _ in range(3)]
        assert statuses[2] == 429
        assert 429 not in statuses[:2]
        assert (await second.post("videos", files={"file": ("a.txt", b"x")})).status_code != 429
