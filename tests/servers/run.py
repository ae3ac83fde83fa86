"""`python -m tests.servers.run -- COMMAND ...`: runs a command with the test servers up, and returns its exit code.

Started once for all parallel test processes, which find the servers by environment variables (TEST_MONGODB_URI).
"""

import os
import signal
import subprocess
import sys
from types import FrameType

from tests.servers.mongodb import ServerFailed, running_mongodb
from tests.servers.programs import ProgramMissing


def main(arguments: list[str]) -> int:
    """Runs the command after `--`; returns its exit code, or 2 when there is none or a server cannot start."""
    command = arguments[1:] if arguments[:1] == ["--"] else arguments
    if not command:
        sys.stderr.write("usage: python -m tests.servers.run -- COMMAND ...\n")
        return 2
    try:
        with running_mongodb() as uri:
            return _run(command, {**os.environ, "TEST_MONGODB_URI": uri})
    except (ProgramMissing, ServerFailed) as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _run(command: list[str], environment: dict[str, str]) -> int:
    child = subprocess.Popen(command, env=environment)

    def pass_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    # A terminal sends Ctrl-C to the child itself; here it must only not end this process before the child.
    previous_interrupt = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    previous_terminate = signal.signal(signal.SIGTERM, pass_on)
    try:
        code = child.wait()
    finally:
        signal.signal(signal.SIGINT, previous_interrupt)
        signal.signal(signal.SIGTERM, previous_terminate)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
