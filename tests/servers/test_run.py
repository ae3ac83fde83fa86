import os
import subprocess
import sys

import pytest

from tests.servers import run


def test_the_command_gets_the_servers_and_gives_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_MONGODB_URI", "mongodb://given.example/")
    check = "import os, sys; sys.exit(7 if os.environ['TEST_MONGODB_URI'] == 'mongodb://given.example/' else 1)"
    assert run.main(["--", sys.executable, "-c", check]) == 7


def test_a_killed_command_gives_its_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_MONGODB_URI", "mongodb://given.example/")
    assert run.main(["--", sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]) == 128 + 9


def test_without_a_command_it_says_how() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.servers.run"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage:" in done.stderr


def test_a_server_of_its_own_is_started_and_stopped() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TEST_MONGODB_URI"}
    check = (
        "import os, pymongo; c = pymongo.MongoClient(os.environ['TEST_MONGODB_URI']); print(c.address[1]); c.close()"
    )
    command = [sys.executable, "-m", "tests.servers.run", "--", sys.executable, "-c", check]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    free = subprocess.run(
        [sys.executable, "-c", f"import socket; socket.create_server(('127.0.0.1', {done.stdout.strip()})).close()"],
        check=False,
    )
    assert free.returncode == 0
