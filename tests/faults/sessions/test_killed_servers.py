"""`academy serve` is killed and started again: who was signed in still is, wherever sessions are kept."""

from pathlib import Path

import httpx
import pytest

from tests.academies.in_process import PASSWORD
from tests.servers.academy import ServedAcademy, served_academy
from tests.servers.redis import RedisServer
from tests.waiting import wait_for

EMAIL = "asha@example.com"


@pytest.mark.parametrize("store", ["database", "redis"])
def test_sessions_survive_a_killed_server(tmp_path: Path, server: RedisServer, store: str) -> None:
    variables = {"SESSION_STORE": store, "REDIS_URL": server.url}
    with served_academy(tmp_path / "home", variables=variables) as academy:
        made = academy.command(
            "users", "create", "--email", EMAIL, "--name", "Asha", "--password-stdin", given=PASSWORD
        )
        assert made.returncode == 0, made.stderr
        tokens = httpx.post(f"{academy.url}/api/v1/auth/login", json={"email": EMAIL, "password": PASSWORD}).json()
        with httpx.Client(base_url=academy.url, follow_redirects=True) as browser:
            form = browser.get("/login").text.partition('name="_csrf_token" value="')[2].partition('"')[0]
            fields = {"_csrf_token": form, "email": EMAIL, "password": PASSWORD}
            assert browser.post("/login", data=fields).url.path == "/dashboard"
            academy.kill()
            server.kill()
            server.start()
            academy.start()
            assert wait_for(lambda: browser.get("/account").url.path == "/account")
        assert _me(academy, tokens["access_token"]).json()["email"] == EMAIL


def _me(academy: ServedAcademy, token: str) -> httpx.Response:
    return httpx.get(f"{academy.url}/api/v1/me", headers={"Authorization": f"Bearer {token}"})
