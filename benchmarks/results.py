"""What a benchmark found, how it is shown, and on which machine."""

import os
import platform
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import apsw
import msgspec
from rich.console import Console
from rich.table import Table

from academy import __version__

ROOT = Path(__file__).parents[1]
JSON_FILE = ROOT / "benchmarks" / "results" / "latest.json"
TABLE_FILE = ROOT / "docs" / "performance.md"
README = ROOT / "README.md"
START, END = "<!-- measured: begin -->", "<!-- measured: end -->"


class Row(msgspec.Struct, frozen=True):
    """One line of the table.

    Attributes:
        what: what was measured.
        goal: what it should be, in words.
        measured: the median, in words, with its unit.
        spread: smallest to largest of the repeats, in words.
        met: whether the goal is met.
    """

    what: str
    goal: str
    measured: str
    spread: str
    met: bool


class Report(msgspec.Struct, frozen=True):
    """All rows with what they depend on."""

    date: str
    command: str
    machine: str
    rows: list[Row]


def row(
    what: str, values: Sequence[float], *, unit: str = "", at_most: float | None = None, at_least: float | None = None
) -> Row:
    """Makes a row of repeats: the median is compared with the goal."""
    median = statistics.median(values)
    goal, met = "", True
    if at_most is not None:
        goal, met = f"≤ {_number(at_most)}{unit}", median <= at_most
    if at_least is not None:
        goal, met = f"≥ {_number(at_least)}{unit}", median >= at_least
    spread = f"{_number(min(values))} – {_number(max(values))}" if len(values) > 1 else ""
    return Row(what, goal, f"{_number(median)}{unit}", spread, met)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine() -> str:
    """One line about the machine and the versions that matter."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor() or "unknown processor",
    )
    memory = next((int(line.split()[1]) >> 20 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    versions = f"Python {platform.python_version()}, SQLite {apsw.sqlite_lib_version()}, academy {__version__}"
    return f"{os.cpu_count()} × {model}, {memory} GiB, {versions}"


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text("utf-8", "replace").splitlines() if file.exists() else []


def report(rows: list[Row]) -> Report:
    """Puts date, command and machine to the rows."""
    return Report(datetime.now(UTC).date().isoformat(), "make bench", machine(), rows)


def show(found: Report) -> None:
    """Prints the table."""
    table = Table(title=f"{found.date} · {found.machine}", title_justify="left")
    for name in ("what", "goal", "measured", "spread", ""):
        table.add_column(name)
    for one in found.rows:
        table.add_row(one.what, one.goal, one.measured, one.spread, "" if not one.goal else "✓" if one.met else "✗")
    Console(width=140).print(table)


def save(found: Report) -> None:
    """Writes the JSON, the whole table into docs/performance.md, and the rows with a goal into the README."""
    JSON_FILE.parent.mkdir(exist_ok=True)
    JSON_FILE.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    _put_table(TABLE_FILE, found, found.rows)
    _put_table(README, found, [one for one in found.rows if one.goal])


def _put_table(file: Path, found: Report, rows: list[Row]) -> None:
    """Puts a table between the marks of a page."""
    lines = [f"Measured on {found.date} by `{found.command}` on {found.machine}.", ""]
    lines += ["| what | goal | measured (median) | spread | met |", "|---|---|---|---|---|"]
    for one in rows:
        met = "" if not one.goal else "yes" if one.met else "**no**"
        lines.append(f"| {one.what} | {one.goal} | {one.measured} | {one.spread} | {met} |")
    text = file.read_text("utf-8")
    head, tail = text.partition(START)[0], text.partition(END)[2]
    file.write_text(head + START + "\n" + "\n".join(lines) + "\n" + END + tail, "utf-8")
