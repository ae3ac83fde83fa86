"""People of the scenarios: clients of a served academy, over HTTP only."""

import re
from pathlib import Path

import httpx

from academy.infrastructure.media.synthesis import Slide, synthesize
from tests.servers.academy import ServedAcademy
from tests.waiting import wait_for

PASSWORD = "a long enough password"


def api(academy: ServedAcademy, token: str = "") -> httpx.Client:
    """A client of the API."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=f"{academy.url}/api/v1", headers=headers, timeout=30)


def mailed_code(academy: ServedAcademy, email: str) -> str:
    """The newest one-time code in the local inbox; waits for the job that sends it."""
    found = wait_for(lambda: _code(academy, email))
    assert found, f"no code for {email}"
    return found


def _code(academy: ServedAcademy, email: str) -> str:
    for mail in httpx.get(f"{academy.url}/dev/mail.json").json():
        code = re.search(r"\b\d{6}\b", mail["text"])
        if mail["to"] == email and code:
            return code.group()
    return ""


def registered(academy: ServedAcademy, email: str, name: str) -> httpx.Client:
    """Registers, takes the code out of the inbox, and returns the signed-in client."""
    stranger = api(academy)
    answer = stranger.post("auth/register", json={"email": email, "name": name, "password": PASSWORD})
    assert answer.status_code == 202, answer.text
    answer = stranger.post("auth/verify", json={"email": email, "code": mailed_code(academy, email)})
    assert answer.status_code == 200, answer.text
    return api(academy, answer.json()["access_token"])


def signed_in(academy: ServedAcademy, email: str, password: str = PASSWORD) -> httpx.Client:
    """Signs in with a password."""
    answer = api(academy).post("auth/login", json={"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    return api(academy, answer.json()["access_token"])


def made_by_operator(academy: ServedAcademy, email: str, name: str, role: str) -> httpx.Client:
    """An account that the operator makes on the command line; signed in."""
    arguments = ("users", "create", "--email", email, "--name", name, "--role", role, "--password-stdin")
    made = academy.command(*arguments, given=f"{PASSWORD}\n")
    assert made.returncode == 0, made.stderr
    return signed_in(academy, email)


def film(folder: Path, seconds: float = 2) -> Path:
    """A short real film."""
    path = folder / "film.mp4"
    synthesize(path, [Slide("A film", "Short, with a picture that moves and a melody.")], seconds, seed=7)
    return path
