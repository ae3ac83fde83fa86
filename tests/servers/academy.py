"""The academy as its operator runs it: `academy serve` in a process of its own, on a free port, with its own home."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from academy.infrastructure.rate_limits.base import Rule
from tests.servers.mongodb import ServerFailed, free_port

START_SECONDS = 60.0
# A test asks more in a second than a person in an hour, on more devices.
UNLIMITED = {f"RATE_LIMIT_{rule.upper()}": "off" for rule in Rule} | {"MEDIA_MOST_STREAMS": "0"}


class ServedAcademy:
    """An `academy serve` process; can be killed and started again over the same data."""

    def __init__(self, home: Path, *, demo: bool = False, variables: dict[str, str] | None = None) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._demo = demo
        self._variables = variables or {}
        self._process: subprocess.Popen[bytes] | None = None
        self.output = home.parent / f"{home.name}.log"

    @property
    def pid(self) -> int:
        """The server's process id."""
        if self._process is None:
            raise ServerFailed("the academy is not running")
        return self._process.pid

    def environment(self) -> dict[str, str]:
        """The variables of the process; nothing of the test's own academy leaks into it."""
        own = {"ACADEMY_HOME": str(self.home), "PORT": str(self.port), "BCRYPT_ROUNDS": "4", **UNLIMITED}
        return {**os.environ, **own, **self._variables}

    def start(self) -> None:
        """Starts the server and waits until it answers. Raises ServerFailed."""
        command = [sys.executable, "-m", "academy.cli.main", "serve"]
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [*command, "--demo"] if self._demo else command,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        # One client for all tries: each new one reads the certificates of the system.
        with httpx.Client(base_url=self.url, timeout=2) as client:
            while not _answers(client):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    end = self.output.read_text("utf-8", "replace")[-2000:]
                    raise ServerFailed(f"the academy did not start: {end}")
                time.sleep(0.05)

    def kill(self) -> None:
        """Ends the server and all its workers as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ends the server orderly."""
        self._end(signal.SIGTERM)

    def command(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Runs `academy …` over the same data."""
        return subprocess.run(
            [sys.executable, "-m", "academy.cli.main", *arguments],
            env=self.environment(),
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )

    def _end(self, number: int) -> None:
        if self._process is None:
            return
        if number == signal.SIGKILL:
            os.killpg(self._process.pid, number)
        else:
            self._process.send_signal(number)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@contextmanager
def served_academy(
    home: Path, *, demo: bool = False, variables: dict[str, str] | None = None
) -> Iterator[ServedAcademy]:
    """Gives a running academy and ends it."""
    academy = ServedAcademy(home, demo=demo, variables=variables)
    try:
        academy.start()
        yield academy
    finally:
        academy.stop()
