"""Load from outside: wrk, one thread, keep-alive connections."""

import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from tests.servers import programs

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
_SIZES = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}


class Load(msgspec.Struct, frozen=True):
    """What one run of wrk saw: times in milliseconds, sizes in bytes; `errors` are refused, cut or not 2xx/3xx."""

    requests_per_second: float
    bytes_per_second: float
    p50: float
    p99: float
    errors: int


def prepare() -> None:
    """Installs wrk and nginx when they are missing and this process may. Raises ProgramMissing."""
    missing = [name for name in ("wrk", "nginx") if shutil.which(name) is None]
    if missing:
        programs.install(missing, hint=f"install what the benchmarks use: apt-get install {' '.join(missing)}")


def load(
    url: str, *, seconds: int, connections: int, headers: tuple[str, ...] = (), paths: tuple[str, ...] = ()
) -> Load:
    """Runs wrk against a URL (or, in turns, against several `paths` of its server)."""
    with TemporaryDirectory() as folder:
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s"]
        for header in headers:
            command += ["-H", header]
        if paths:
            script = Path(folder) / "paths.lua"
            listed = ", ".join(f'"{path}"' for path in paths)
            script.write_text(
                f"local paths = {{{listed}}}\nlocal turn = 0\n"
                'request = function() turn = turn % #paths + 1 return wrk.format("GET", paths[turn]) end\n'
            )
            command += ["-s", str(script)]
        printed = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    return _parse(printed)


def _parse(printed: str) -> Load:
    rate = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    transfer = re.search(r"Transfer/sec:\s+([\d.]+)([KMG]?B)", printed)
    if rate is None or transfer is None:
        raise RuntimeError(f"wrk said something else: {printed}")
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", printed)
    cut = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", printed)
    errors = int(refused.group(1)) if refused else 0
    errors += sum(int(number) for number in cut.groups()) if cut else 0
    return Load(
        float(rate.group(1)),
        float(transfer.group(1)) * _SIZES[transfer.group(2)],
        _percentile(printed, 50),
        _percentile(printed, 99),
        errors,
    )


def _percentile(printed: str, percent: int) -> float:
    found = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s|m)", printed, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"wrk printed no {percent}th percentile: {printed}")
    return float(found.group(1)) * _UNITS[found.group(2)]
