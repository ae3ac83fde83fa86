"""The demo academy, loaded once for a whole test run; each test that changes something works on a copy of its own."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.servers.mongodb import ServerFailed


def load_demo(folder: Path) -> Path:
    """Returns the home of a loaded demo academy in `folder`; the first of several processes loads it."""
    folder.mkdir(parents=True, exist_ok=True)
    home, done = folder / "demo-home", folder / "demo-loaded"
    with (folder / "demo-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            command = [sys.executable, "-m", "academy.cli.main", "data", "demo"]
            environment = {**os.environ, "ACADEMY_HOME": str(home), "BCRYPT_ROUNDS": "4"}
            loaded = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if loaded.returncode != 0:
                raise ServerFailed(f"the demo academy could not be loaded: {loaded.stderr}")
            done.touch()
    return home


def copy_of(home: Path, target: Path) -> Path:
    """Copies a home that nobody has open."""
    shutil.copytree(home, target)
    return target
