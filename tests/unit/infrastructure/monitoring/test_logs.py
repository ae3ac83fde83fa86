import io
import json
import re
import sys
from collections.abc import Iterator

import pytest
import structlog

from academy.infrastructure.monitoring.logs import configure_logs

SECRET = "correct-horse-battery"


class Screen(io.StringIO):
    """A terminal that somebody looks at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored_logs() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def fail_with(password: str) -> None:
    raise ValueError(f"{len(password)} characters")


def log_a_failure() -> None:
    try:
        fail_with(SECRET)
    except ValueError as error:
        structlog.get_logger().error("request_failed", path="/login", exc_info=error)


def test_a_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger().info("mail_sent", to="asha@example.com")
    written = capsys.readouterr()
    assert written.out == ""
    entry = json.loads(written.err)
    assert (entry["event"], entry["level"], entry["request_id"]) == ("mail_sent", "info", "r1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", entry["timestamp"])


def test_a_trace_shows_the_place_and_no_values(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")
    log_a_failure()
    written = capsys.readouterr().err
    entry = json.loads(written)
    assert entry["exception"][0]["exc_value"] == "21 characters"
    assert entry["exception"][0]["frames"][-1]["name"] == "fail_with"
    assert SECRET not in written


def test_a_person_at_the_terminal_sees_no_values_either(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    configure_logs("info")
    log_a_failure()
    assert "fail_with" in screen.getvalue()
    assert "21 characters" in screen.getvalue()
    assert SECRET not in screen.getvalue()


@pytest.mark.parametrize(("level", "lines"), [("debug", 4), ("info", 3), ("warn", 2), ("error", 1)])
def test_less_serious_entries_are_left_out(capsys: pytest.CaptureFixture[str], level: str, lines: int) -> None:
    configure_logs(level)
    log = structlog.get_logger()
    log.debug("a")
    log.info("b")
    log.warning("c")
    log.error("d")
    assert len(capsys.readouterr().err.splitlines()) == lines
