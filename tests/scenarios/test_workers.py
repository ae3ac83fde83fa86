"""Two processes of one `academy serve` share a database and a Redis: what one does counts in the other, at once."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from pymongo import MongoClient

from academy.kit.ids import new_id
from tests.academies.in_process import PASSWORD
from tests.scenarios.test_two_servers import EMAIL, form_token, publish_a_course
from tests.servers.academy import ServedAcademy, served_academy
from tests.servers.redis import running_redis_url
from tests.waiting import wait_for

WORKERS = 2
MOST_CONNECTIONS = 200


@pytest.fixture(params=["database", "redis"])
def served(request: pytest.FixtureRequest, tmp_path: Path, mongodb_uri: str) -> Iterator[ServedAcademy]:
    """An academy of two processes, with its sessions in the database or in Redis."""
    name = f"test-{new_id()}"
    with running_redis_url() as redis_url:
        variables = {
            "WORKERS": str(WORKERS),
            "MONGODB_URI": mongodb_uri,
            "MONGODB_DATABASE": name,
            "CACHE_PROVIDER": "redis",
            "REDIS_URL": redis_url,
            "SESSION_STORE": request.param,
            # Two processes and a test share few processors: Redis is not to be taken for a dead one.
            "REDIS_TIMEOUT_SECONDS": "1",
            "RESPONSE_CACHE_SECONDS": "3600",
            "RATE_LIMIT_SIGN_IN_ACCOUNT": "4 per hour",
        }
        with served_academy(tmp_path / "home", variables=variables) as academy:
            made = academy.command(
                *("users", "create", "--email", EMAIL, "--name", "Asha", "--role", "admin", "--password-stdin"),
                given=f"{PASSWORD}\n",
            )
            assert made.returncode == 0, made.stderr
            yield academy
    with MongoClient[dict[str, object]](mongodb_uri) as client:
        client.drop_database(name)


def worker_behind(client: httpx.Client, academy: ServedAcademy) -> int:
    """The process that a client's open connection leads to."""
    answer = client.get(f"{academy.url}/health/live")
    _, port = answer.extensions["network_stream"].get_extra_info("client_addr")
    # Local and remote address in hexadecimal; the inode is the tenth field. See proc(5), /proc/net/tcp.
    wanted = rf"^ *\d+: \w+:{academy.port:04X} \w+:{port:04X} (?:\S+ +){{6}}(\d+)"
    (inode,) = re.findall(wanted, Path("/proc/net/tcp").read_text(), re.MULTILINE)
    children = Path(f"/proc/{academy.pid}/task/{academy.pid}/children").read_text().split()
    (worker,) = [
        int(child)
        for child in children
        for descriptor in Path(f"/proc/{child}/fd").iterdir()
        if descriptor.is_symlink() and str(descriptor.readlink()) == f"socket:[{inode}]"
    ]
    return worker


@contextmanager
def a_client_of_each(academy: ServedAcademy) -> Iterator[list[httpx.Client]]:
    """Connects again and again until there is a connection to each process; each client keeps to its own."""
    with ExitStack() as opened:
        clients: dict[int, httpx.Client] = {}
        for _ in range(MOST_CONNECTIONS):
            client = opened.enter_context(
                httpx.Client(follow_redirects=True, limits=httpx.Limits(max_connections=1, keepalive_expiry=None))
            )
            clients.setdefault(worker_behind(client, academy), client)
            if len(clients) == WORKERS:
                break
        assert len(clients) == WORKERS, "every process takes connections"
        yield list(clients.values())
        assert [worker_behind(client, academy) for client in clients.values()] == list(clients), "nobody changed over"


def test_what_is_done_in_one_process_counts_in_the_other(served: ServedAcademy) -> None:
    with a_client_of_each(served) as (one, two):
        freshness_is_shared(served, one, two)
        a_session_is_shared(served, one, two)
        wrong = {"email": EMAIL, "password": "wrong password"}
        statuses = [
            client.post(f"{served.url}/api/v1/auth/login", json=wrong).status_code for client in (one, two, one, two)
        ]
        assert statuses == [401, 401, 429, 429], "they count together: two sign-ins and two wrong ones"


def freshness_is_shared(served: ServedAcademy, one: httpx.Client, two: httpx.Client) -> None:
    """Writes in one process, while the other one would answer from memory for an hour."""
    api = f"{served.url}/api/v1"
    signed_in = one.post(f"{api}/auth/login", json={"email": EMAIL, "password": PASSWORD})
    bearer = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
    assert two.get(f"{api}/me", headers=bearer).json()["email"] == EMAIL
    assert two.get(f"{api}/courses").json()["items"] == []
    etag = two.get(f"{api}/courses").headers["etag"]
    assert two.get(f"{api}/courses", headers={"If-None-Match": etag}).status_code == 304
    one.headers.update(bearer)
    assert one.post(f"{api}/categories", json={"name": "Baking"}).status_code == 201
    publish_a_course(one, served)
    del one.headers["Authorization"]
    assert wait_for(lambda: bool(two.get(f"{api}/courses").json()["items"]), 10)
    assert "Bread" in two.get(f"{served.url}/courses").text


def a_session_is_shared(served: ServedAcademy, one: httpx.Client, two: httpx.Client) -> None:
    """Signs in on one process, and out on the other, with the same cookies."""
    url = served.url
    fields = {"_csrf_token": form_token(one, f"{url}/login"), "email": EMAIL, "password": PASSWORD}
    assert one.post(f"{url}/login", data=fields).url.path == "/dashboard"
    two.cookies.update(one.cookies)
    assert two.get(f"{url}/account").url.path == "/account"
    left = two.post(f"{url}/logout", data={"_csrf_token": form_token(two, f"{url}/account")})
    assert "You are signed out." in left.text
    assert one.get(f"{url}/account").url.path == "/login"
