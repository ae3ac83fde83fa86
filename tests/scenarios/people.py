"""People of the scenarios: clients of a served academy, over HTTP only."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from academy.infrastructure.media.synthesis import Slide, synthesize
from tests.servers.academy import ServedAcademy
from tests.waiting import wait_for

PASSWORD = "a long enough password"


class People:
    """Makes API clients and closes them at the end."""

    def __init__(self, academy: ServedAcademy) -> None:
        self._academy = academy
        self._clients: list[httpx.Client] = []

    def stranger(self, token: str = "") -> httpx.Client:
        """A client of the API; without a token nobody."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx.Client(base_url=f"{self._academy.url}/api/v1", headers=headers, timeout=30)
        self._clients.append(client)
        return client

    def registered(self, email: str, name: str) -> httpx.Client:
        """Registers, takes the code out of the inbox, and returns the signed-in client."""
        stranger = self.stranger()
        answer = stranger.post("auth/register", json={"email": email, "name": name, "password": PASSWORD})
        assert answer.status_code == 202, answer.text
        answer = stranger.post("auth/verify", json={"email": email, "code": mailed_code(self._academy, email)})
        assert answer.status_code == 200, answer.text
        return self.stranger(answer.json()["access_token"])

    def signed_in(self, email: str, password: str = PASSWORD) -> httpx.Client:
        """Signs in with a password."""
        answer = self.stranger().post("auth/login", json={"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        return self.stranger(answer.json()["access_token"])

    def made_by_operator(self, email: str, name: str, role: str) -> httpx.Client:
        """An account that the operator makes on the command line; signed in."""
        arguments = ("users", "create", "--email", email, "--name", name, "--role", role, "--password-stdin")
        made = self._academy.command(*arguments, given=f"{PASSWORD}\n")
        assert made.returncode == 0, made.stderr
        return self.signed_in(email)

    def close(self) -> None:
        """Closes all clients."""
        for client in self._clients:
            client.close()


@contextmanager
def people_of(academy: ServedAcademy) -> Iterator[People]:
    """Gives the people of an academy."""
    people = People(academy)
    try:
        yield people
    finally:
        people.close()


def mailed_code(academy: ServedAcademy, email: str) -> str:
    """The newest one-time code in the local inbox; waits for the job that sends it."""
    found = wait_for(lambda: _code(academy, email))
    assert found, f"no code was mailed to {email}"
    return found


def _code(academy: ServedAcademy, email: str) -> str:
    for mail in httpx.get(f"{academy.url}/dev/mail.json").json():
        code = re.search(r"\b\d{6}\b", mail["text"])
        if mail["to"] == email and code:
            return code.group()
    return ""


def film(folder: Path, seconds: float = 2) -> Path:
    """A short real film."""
    path = folder / "film.mp4"
    synthesize(path, [Slide("A film", "Short, with a picture that moves and a melody.")], seconds, seed=7)
    return path
