"""A server's process, which tests end, freeze and start again."""

import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_END_SECONDS = 20


class ServerProcess:
    """One process; the servers of the tests are made of it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_started(self) -> bool:
        """Whether it was started and not ended since, by a test; it may have ended by itself."""
        return self._process is not None

    @property
    def returncode(self) -> int | None:
        """The code of a process that has ended by itself; None while it runs, or was not started."""
        return self._process.poll() if self._process is not None else None

    def spawn(
        self, command: Sequence[str], *, environment: Mapping[str, str] | None = None, output: Path | None = None
    ) -> None:
        """Starts the process and returns at once; what it prints goes to `output`, or nowhere."""
        # A test run that is killed hard must not leave servers behind.
        setpriv = shutil.which("setpriv")
        with (output or Path("/dev/null")).open("wb") as printed:
            self._process = subprocess.Popen(
                [setpriv, "--pdeathsig", "KILL", *command] if setpriv else command,
                env=environment,
                # A Ctrl-C in the terminal is for the test run; it ends the servers itself.
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
            )

    def kill(self) -> None:
        """Ends the process as a power cut would (SIGKILL) and waits until it is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ends the process orderly and waits until it is gone."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Stops the process without ending it: its connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets a frozen process go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def _end(self, number: int) -> None:
        if self._process is None:
            return
        self._signal(signal.SIGCONT)
        self._signal(number)
        try:
            self._process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
