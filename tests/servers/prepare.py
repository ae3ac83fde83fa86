"""`python -m tests.servers.prepare`: makes sure that everything the tests need besides Python is here.

Prints one line for each thing and ends with code 1 when one is missing. Quick when all is here already.
"""

import sys
from collections.abc import Callable

from tests.servers.chromium import chromium_path, install_fonts
from tests.servers.programs import ProgramMissing, mongod
from tests.servers.redis import redis_server

NEEDS: dict[str, Callable[[], str]] = {
    "mongod": lambda: str(mongod()[0]),
    "redis-server": lambda: str(redis_server()),
    "chromium": lambda: str(chromium_path()),
    "fonts": lambda: ", ".join(path.name for path in install_fonts()),
}


def main() -> int:
    """Prepares each need; returns the exit code."""
    missing = 0
    for name, prepare in NEEDS.items():
        try:
            line = prepare()
        except ProgramMissing as error:
            missing += 1
            line = f"MISSING: {error}"
        sys.stdout.write(f"{name}: {line}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
