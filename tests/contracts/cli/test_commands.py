"""The command line as its user meets it, on either database engine."""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import structlog
from pymongo import MongoClient

from academy import __version__
from academy.cli.main import main
from academy.demo.accounts import DEMO_ACCOUNTS
from academy.kit.ids import new_id
from tests.academies.in_process import PASSWORD
from tests.servers.academy import ServedAcademy
from tests.servers.demo import copy_of
from tests.servers.mongodb import free_port


@pytest.fixture(params=["sqlite", "mongodb"])
def academy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServedAcademy]:
    """An academy that nobody serves, for commands."""
    if request.param == "sqlite":
        yield ServedAcademy(tmp_path / "home")
        return
    uri, name = request.getfixturevalue("mongodb_uri"), f"test-{new_id()}"
    yield ServedAcademy(tmp_path / "home", variables={"MONGODB_URI": uri, "MONGODB_DATABASE": name})
    with MongoClient[dict[str, object]](uri) as client:
        client.drop_database(name)


@pytest.fixture
def embedded(tmp_path: Path) -> ServedAcademy:
    """The same on the embedded database, for what does not depend on the engine."""
    return ServedAcademy(tmp_path / "home")


def ends(academy: ServedAcademy, *arguments: str, code: int, given: str = "", **variables: str) -> str:
    """Runs a command that has to end with an exit code, and returns what it said; in this process, which saves time."""
    said = io.StringIO()
    with (
        mock.patch.dict(os.environ, academy.environment() | variables, clear=True),
        mock.patch.object(sys, "argv", ["academy", *arguments]),
        mock.patch.object(sys, "stdin", io.StringIO(given)),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
    ):
        try:
            main()
        except SystemExit as end:
            ended = end.code
        else:
            ended = 0
    structlog.reset_defaults()
    assert ended == code, said.getvalue()
    assert "Traceback" not in said.getvalue()
    return said.getvalue()


def create(academy: ServedAcademy, email: str, role: str, *, code: int = 0, password: str = PASSWORD) -> str:
    given = ("users", "create", "--email", email, "--name", "Asha Rao", "--role", role, "--password-stdin")
    return ends(academy, *given, code=code, given=f"{password}\n")


def test_accounts_are_made_listed_promoted_and_shut(academy: ServedAcademy) -> None:
    assert create(academy, "asha@example.com", "learner") == "asha@example.com is created.\n"
    create(academy, "root@example.com", "admin")
    said = create(academy, "ASHA@example.com", "learner", code=1)
    assert said == "email: Another account uses this e-mail address.\n"
    said = ends(academy, "users", "set-role", "--email", "asha@example.com", "--role", "instructor", code=0)
    assert said == "asha@example.com is instructor now.\n"
    assert "suspended" in ends(academy, "users", "suspend", "--email", "asha@example.com", code=0)
    rows = [json.loads(line) for line in ends(academy, "users", "list", "--json", code=0).splitlines()]
    assert [(row["email"], row["role"], row["status"]) for row in rows] == [
        ("root@example.com", "admin", "active"),
        ("asha@example.com", "instructor", "suspended"),
    ]
    assert "may sign in again" in ends(academy, "users", "unsuspend", "--email", "asha@example.com", code=0)
    assert "asha" not in ends(academy, "users", "list", "--search", "root", code=0)
    assert "last" in ends(academy, "users", "suspend", "--email", "root@example.com", code=1)


@pytest.mark.parametrize(
    "arguments", [(), ("serve",), ("worker",), ("users", "create"), ("jobs", "list"), ("data", "demo")]
)
def test_help_needs_no_settings_and_no_academy(embedded: ServedAcademy, arguments: tuple[str, ...]) -> None:
    said = ends(embedded, *arguments, "--help", code=0, PORT="nonsense")
    assert said.startswith("Usage: ")
    assert not embedded.home.exists()


def test_the_version_is_told(embedded: ServedAcademy) -> None:
    assert ends(embedded, "--version", code=0) == f"academy, version {__version__}\n"


def test_wrong_settings_are_all_named_at_once(embedded: ServedAcademy) -> None:
    wrong = {"PORT": "http", "LOG_LEVEL": "loud", "BASE_URL": "academy", "SECRET_KEY": "too-short", "WORKERS": "0"}
    said = ends(embedded, "users", "list", code=2, **wrong)
    assert said.startswith("These settings need to be mended:\n")
    assert {line.partition(":")[0].strip() for line in said.splitlines()[1:]} == set(wrong)
    assert "too-short" not in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nonsense",), "No such command"),
        (("users", "create"), "Missing option"),
        (("users", "create", "--email", "a@example.com", "--name", "A", "--role", "king"), "is not one of"),
        (("jobs", "list", "--limit", "0"), "0 is not in the range"),
        (("serve", "--nonsense"), "No such option"),
    ],
)
def test_a_wrong_command_says_what_is_wrong(embedded: ServedAcademy, arguments: tuple[str, ...], words: str) -> None:
    assert words in ends(embedded, *arguments, code=2)


@pytest.mark.parametrize(
    ("email", "password", "words"),
    [("nonsense", PASSWORD, "email"), ("a@example.com", "short", "password"), ("a@example.com", "x" * 73, "72")],
)
def test_a_wrong_account_says_what_is_wrong(embedded: ServedAcademy, email: str, password: str, words: str) -> None:
    assert words in create(embedded, email, "learner", code=1, password=password)


def test_an_unknown_account_is_a_sentence(embedded: ServedAcademy) -> None:
    said = ends(embedded, "users", "suspend", "--email", "nobody@example.com", code=1)
    assert said == "There is no account with the address nobody@example.com.\n"


def test_a_database_that_is_not_there_is_named(tmp_path: Path) -> None:
    gone = {"MONGODB_URI": f"mongodb://127.0.0.1:{free_port()}/", "MONGODB_TIMEOUT_SECONDS": "0.5"}
    academy = ServedAcademy(tmp_path / "home", variables={"DATABASE_CONNECT_ATTEMPTS": "1", **gone})
    for command in (("users", "list"), ("worker",), ("serve",)):
        done = academy.command(*command)
        assert done.returncode == 1, done.stdout
        assert "MongoDB cannot be reached" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_home_that_cannot_be_is_named(embedded: ServedAcademy, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for command in (("users", "list"), ("serve",)):
        said = ends(embedded, *command, code=2, ACADEMY_HOME=str(tmp_path / "file"))
        assert "ACADEMY_HOME" in said


def test_who_stops_reading_causes_no_trace(embedded: ServedAcademy) -> None:
    """As in `academy users list | head`."""
    create(embedded, "asha@example.com", "learner")
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command = [sys.executable, "-m", "academy.cli.main", "users", "list"]
        done = subprocess.run(command, env=embedded.environment(), stdout=writing, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(writing)
    assert done.returncode == 1
    assert done.stderr == b""


def test_the_demo_is_loaded_once_and_into_an_empty_academy_only(demo_home: Path, tmp_path: Path) -> None:
    loaded = ServedAcademy(copy_of(demo_home, tmp_path / "home"))
    said = ends(loaded, "data", "demo", code=0)
    assert said.startswith("Left alone: this academy has accounts already.\n")
    assert all(account.email in said for account in DEMO_ACCOUNTS), "they are here, and their password is told"
    emails = {json.loads(line)["email"] for line in ends(loaded, "users", "list", "--json", code=0).splitlines()}
    assert {account.email for account in DEMO_ACCOUNTS} <= emails


def test_an_academy_of_its_own_is_told_of_no_demo_accounts(embedded: ServedAcademy) -> None:
    create(embedded, "me@example.com", "admin")
    assert ends(embedded, "data", "demo", code=0) == "Left alone: this academy has accounts already.\n"
