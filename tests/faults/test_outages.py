"""The database of a served academy is locked, frozen or the whole academy is killed: nothing is lost, it recovers."""

import threading
import time
from pathlib import Path

import apsw
import httpx
import pytest

from tests.scenarios.people import PASSWORD, people_of
from tests.servers.academy import served_academy
from tests.servers.mongodb import running_replica_set
from tests.waiting import wait_for

IMPATIENT = {"SQLITE_TIMEOUT_SECONDS": "0.5", "MONGODB_TIMEOUT_SECONDS": "1.5"}


def _register(client: httpx.Client, email: str) -> httpx.Response:
    return client.post("auth/register", json={"email": email, "name": "Asha", "password": PASSWORD})


def _says_try_later(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["code"] == "database_unavailable"


def _mail_to(url: str, email: str) -> int:
    return sum(mail["to"] == email for mail in httpx.get(f"{url}/dev/mail.json").json())


def test_a_locked_database_answers_503_and_recovers(tmp_path: Path) -> None:
    with served_academy(tmp_path / "home", variables=IMPATIENT) as academy, people_of(academy) as people:
        client = people.stranger()
        other = apsw.Connection(str(academy.home / "academy.sqlite3"))
        other.execute("BEGIN IMMEDIATE")
        try:
            _says_try_later(_register(client, "first@example.com"))
            page = httpx.get(f"{academy.url}/courses")
            assert page.status_code == 200, "reading goes on while somebody else writes"
        finally:
            other.execute("ROLLBACK")
            other.close()
        assert _register(client, "first@example.com").status_code == 202
        assert wait_for(lambda: _mail_to(academy.url, "first@example.com")) == 1


def test_a_frozen_mongodb_answers_503_and_recovers(tmp_path: Path) -> None:
    with running_replica_set() as replica_set:
        variables = IMPATIENT | {"MONGODB_URI": replica_set.uri}
        with served_academy(tmp_path / "home", variables=variables) as academy, people_of(academy) as people:
            client = people.stranger()
            assert _register(client, "before@example.com").status_code == 202
            replica_set.members[0].freeze()
            try:
                begun = time.monotonic()
                _says_try_later(_register(client, "during@example.com"))
                assert time.monotonic() - begun < 15
                page = httpx.get(f"{academy.url}/courses/anything")
                assert page.status_code == 503
                assert "text/html" in page.headers["content-type"]
            finally:
                replica_set.members[0].thaw()
            recovered = wait_for(lambda: _register(client, "after@example.com").status_code == 202)
            assert recovered
            assert wait_for(lambda: _mail_to(academy.url, "after@example.com")) == 1


@pytest.mark.parametrize("engine", ["sqlite", "mongodb"])
def test_kill_9_during_sign_ups_loses_no_account_and_no_mail(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    variables = {"MONGODB_DATABASE": f"test-{tmp_path.name[:30]}-{time.time_ns()}"}
    if engine == "mongodb":
        variables["MONGODB_URI"] = request.getfixturevalue("impatient_mongodb_uri")
    acknowledged: list[str] = []
    with served_academy(tmp_path / "home", variables=variables) as academy:
        for number in range(3):
            killer = threading.Timer(0.15 + number * 0.2, academy.kill)
            killer.start()
            acknowledged += _register_until_killed(f"{academy.url}/api/v1/", f"round-{number}")
            killer.join()
            academy.start()
        assert acknowledged
        made = academy.command("users", "list", "--json")
        assert all(f'"{email}"' in made.stdout for email in acknowledged)
        with people_of(academy) as people:
            admin = people.made_by_operator("ada@example.com", "Ada", "admin")
            wait_for(lambda: set(acknowledged) <= _addresses_of_sent_mail(admin), seconds=60)
            assert set(acknowledged) - _addresses_of_sent_mail(admin) == set()


def _addresses_of_sent_mail(admin: httpx.Client) -> set[str]:
    addresses: set[str] = set()
    cursor: dict[str, str] = {}
    while True:
        page = admin.get("admin/mail", params={"state": "sent", "limit": 100, **cursor}).json()
        addresses |= {mail["to"] for mail in page["items"]}
        if page["next_cursor"] is None:
            return addresses
        cursor = {"cursor": page["next_cursor"]}


def _register_until_killed(address: str, name: str) -> list[str]:
    acknowledged: list[str] = []
    with httpx.Client(base_url=address, timeout=20) as client:
        for number in range(2_000):
            email = f"{name}-{number}@example.com"
            try:
                answer = _register(client, email)
            except httpx.TransportError:
                return acknowledged
            assert answer.status_code == 202
            acknowledged.append(email)
    raise AssertionError("the server was not killed")


def test_a_suspended_person_is_out_at_once_in_every_process(tmp_path: Path) -> None:
    """The command line is another process than the server; what it changes holds in the next request."""
    with served_academy(tmp_path / "home") as academy, people_of(academy) as people:
        client = people.made_by_operator("asha@example.com", "Asha", "learner")
        assert client.get("me").status_code == 200
        assert academy.command("users", "suspend", "--email", "asha@example.com").returncode == 0
        assert client.get("me").status_code == 401
