"""`academy mail` and `academy check`, as an operator meets them."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.contracts.cli.test_commands import create, ends
from tests.servers.academy import ServedAcademy, served_academy
from tests.servers.mongodb import free_port
from tests.servers.smtp import SmtpServer, running_smtp
from tests.waiting import wait_for

ANNOUNCE = (
    "mail",
    "announce",
    "--yes",
    "--title",
    "Seat {{ seat }}",
    "--action",
    "Open",
    "--action-url",
    "https://x.example/",
)

PLAIN = ("mail", "announce", "--yes", "--title", "News", "--action", "Open", "--action-url", "https://x.example/")
# The same without --yes.
ASKING = tuple(part for part in PLAIN if part != "--yes")


@pytest.fixture
def academy(tmp_path: Path) -> ServedAcademy:
    return ServedAcademy(tmp_path / "home")


@pytest.fixture
def smtp(tmp_path: Path) -> Iterator[SmtpServer]:
    with running_smtp(tmp_path / "smtp") as server:
        yield server


def by_smtp(port: int) -> dict[str, str]:
    return {
        "EMAIL_PROVIDER": "smtp",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(port),
        "SMTP_SECURITY": "none",
        "EMAIL_FROM": "post@mail.example",
        "EMAIL_DNS_SERVER": f"127.0.0.1:{free_port()}",
    }


def test_a_test_message_says_who_took_it(academy: ServedAcademy, smtp: SmtpServer) -> None:
    said = ends(academy, "mail", "test", "not an address", code=1)
    assert said == "'not an address' is not an e-mail address.\n"
    assert "inbox took the message to me@example.com." in ends(academy, "mail", "test", "me@example.com", code=0)
    said = ends(academy, "mail", "test", "me@example.com", code=0, **by_smtp(smtp.port))
    assert "smtp took the message to me@example.com." in said
    (kept,) = smtp.messages()
    assert kept.recipients == ["me@example.com"]


def test_a_server_that_is_away_is_told_in_a_sentence(academy: ServedAcademy) -> None:
    said = ends(academy, "mail", "test", "me@example.com", code=1, **by_smtp(free_port()))
    assert "cannot be reached" in said
    assert "SMTP_HOST" in said


def test_announcing_from_a_csv_file(academy: ServedAcademy, smtp: SmtpServer, tmp_path: Path) -> None:
    for name in ("asha", "ravi"):
        create(academy, f"{name}@example.com", "learner")
    people, text = tmp_path / "people.csv", tmp_path / "text.txt"
    people.write_text("email,seat\nasha@example.com,A1\nravi@example.com,B2\n\n", "utf-8")
    text.write_text("Hello {{ name }}, sit on {{ seat }}.", "utf-8")
    arguments = (*ANNOUNCE, "--message", str(text), "--recipients", str(people))
    told = json.loads(ends(academy, *arguments, "--json", code=0, **by_smtp(smtp.port)).splitlines()[-1])
    assert told["states"] == {"sent": 2}
    assert sorted(kept.recipients[0] for kept in smtp.messages()) == ["asha@example.com", "ravi@example.com"]
    again = ends(academy, *arguments, "--batch", told["batch_id"], code=0, **by_smtp(smtp.port))
    assert f"Batch {told['batch_id']}: 2 sent." in again
    assert len(smtp.messages()) == 2


def test_announcing_to_everybody_and_to_nobody(academy: ServedAcademy, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Hello {{ name }}.", "utf-8")
    assert "nobody wants it" in ends(academy, *PLAIN, "--message", str(text), code=0)
    create(academy, "asha@example.com", "learner")
    assert "1 sent" in ends(academy, *PLAIN, "--message", str(text), code=0)


@pytest.mark.parametrize(
    ("csv", "message", "complaint"),
    [
        ("name\nAsha\n", "Hello", "has no column `email`"),
        ("email\nwho@example.com\n", "Hello", "who@example.com"),
        ("email\nasha@example.com\n", "Sit on {{ seat }}.", "{{ seat }}"),
        ("email\nasha@example.com\n", " \n", "message: It is empty."),
        ("email,seat\nasha@example.com,A1\nASHA@example.com,B2\n", "Hello", "line 3: ASHA@example.com came before"),
        (f"email,seat\nasha@example.com,{'x' * 131_073}\n", "Hello", "line 2, cannot be read: field larger than"),
    ],
)
def test_what_is_wrong_with_a_list_is_told_and_nothing_is_sent(
    academy: ServedAcademy, tmp_path: Path, csv: str, message: str, complaint: str
) -> None:
    create(academy, "asha@example.com", "learner")
    people, text = tmp_path / "people.csv", tmp_path / "text.txt"
    people.write_text(csv, "utf-8")
    text.write_text(message, "utf-8")
    assert complaint in ends(academy, *PLAIN, "--message", str(text), "--recipients", str(people), code=1)


def findings(said: str) -> dict[str, tuple[str, str]]:
    lines = [json.loads(line) for line in said.splitlines() if line.startswith('{"subject"')]
    return {line["subject"]: (line["status"], line["text"]) for line in lines}


def test_check_passes_in_development_and_says_that_mail_reaches_nobody(academy: ServedAcademy) -> None:
    found = findings(ends(academy, "check", "--json", code=0))
    assert {found[part][0] for part in ("Database", "Storage", "Jobs", "Mail by inbox")} == {"pass"}
    assert found["Mail"][0] == "warn"
    assert "✓ pass  Database" in ends(academy, "check", code=0)


def test_check_fails_when_mail_cannot_be_sent_and_sends_nothing(academy: ServedAcademy, smtp: SmtpServer) -> None:
    found = findings(ends(academy, "check", "--json", code=1, **by_smtp(free_port())))
    assert found["Mail by smtp"][0] == "fail"
    assert "SMTP_HOST" in found["Mail by smtp"][1]
    found = findings(ends(academy, "check", "--json", code=0, **by_smtp(smtp.port)))
    assert found["Mail by smtp"][0] == "pass"
    assert {found[record][0] for record in ("SPF", "DKIM", "DMARC")} == {"warn"}, "the name server does not answer"
    assert smtp.messages() == []


def test_a_batch_shows_how_it_goes(academy: ServedAcademy, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("News.", "utf-8")
    for name in ("asha", "ravi"):
        create(academy, f"{name}@example.com", "learner")
    said = ends(academy, *PLAIN, "--message", str(text), code=0, FORCE_COLOR="1")
    assert "Sending" in said
    assert "2/2" in said


def test_a_batch_that_does_not_exist_is_not_gone_on_with(academy: ServedAcademy, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("News.", "utf-8")
    create(academy, "asha@example.com", "learner")
    assert "There is no batch" in ends(academy, *PLAIN, "--message", str(text), "--batch", "mistyped", code=1)


def test_a_list_in_another_encoding_is_told_in_a_sentence(academy: ServedAcademy, tmp_path: Path) -> None:
    text, people = tmp_path / "text.txt", tmp_path / "people.csv"
    text.write_text("News.", "utf-8")
    people.write_bytes("email,city\nasha@example.com,K\u00f6ln\n".encode("latin-1"))
    said = ends(academy, *PLAIN, "--message", str(text), "--recipients", str(people), code=1)
    assert "not in UTF-8" in said


def test_the_demo_is_not_loaded_where_mail_reaches_people(academy: ServedAcademy, smtp: SmtpServer) -> None:
    said = ends(academy, "data", "demo", code=1, **by_smtp(smtp.port))
    assert "EMAIL_PROVIDER" in said
    assert smtp.messages() == []


def test_a_first_provider_that_is_dead_is_named_although_the_next_one_sent(
    academy: ServedAcademy, smtp: SmtpServer
) -> None:
    dead = {
        "EMAIL_PROVIDER": "sendgrid",
        "EMAIL_FALLBACKS": "smtp",
        "SENDGRID_API_KEY": "SG.key",
        "SENDGRID_URL": f"http://127.0.0.1:{free_port()}",
    }
    said = ends(academy, "mail", "test", "me@example.com", code=3, **{**by_smtp(smtp.port), **dead})
    assert "smtp took the message to me@example.com." in said
    assert "sendgrid comes before it and did not take the message: SendGrid cannot be reached" in said
    assert len(smtp.messages()) == 1


@pytest.fixture
def news(academy: ServedAcademy, tmp_path: Path) -> str:
    """The file with a text for two people who are there."""
    for name in ("asha", "ravi"):
        create(academy, f"{name}@example.com", "learner")
    text = tmp_path / "text.txt"
    text.write_text("Hello {{ name }}.", "utf-8")
    return str(text)


def test_a_dry_run_tells_who_would_get_what_and_sends_nothing(academy: ServedAcademy, news: str) -> None:
    arguments = (*ASKING, "--title", "News for {{ email }}", "--message", news, "--dry-run")
    said = ends(academy, *arguments, code=0)
    assert "For 2 people: a***@example.com, r***@example.com\n" in said
    assert "Subject: News for asha@example.com" in said
    told = json.loads(ends(academy, *arguments, "--json", code=0).splitlines()[-1])
    assert (told["people"], told["first_subject"]) == (2, "News for asha@example.com")
    assert "no value" in ends(academy, *ASKING, "--title", "{{ seat }}", "--message", news, "--dry-run", code=1)
    assert "There is no batch" in ends(academy, *arguments, "--batch", "mistyped", code=1)
    assert "2 sent" in ends(academy, *PLAIN, "--message", news, code=0), "nobody had got it"


def test_it_asks_before_it_sends(academy: ServedAcademy, news: str) -> None:
    said = ends(academy, *ASKING, "--message", news, code=130, given="n\n")
    assert "Send to 2 people? [y/N]" in said
    assert "--batch" not in said
    ends(academy, *ASKING, "--message", news, code=130)
    assert "2 sent" in ends(academy, *ASKING, "--message", news, code=0, given="y\n")


def test_a_title_of_more_than_150_characters_is_told(academy: ServedAcademy, news: str) -> None:
    said = ends(academy, *PLAIN, "--title", "x" * 151, "--message", news, code=1)
    assert "The title has 151 characters for asha@example.com; make it 150 at most." in said
    assert "2 sent" in ends(academy, *PLAIN, "--title", "x" * 150, "--message", news, code=0)


def test_a_batch_is_dropped(academy: ServedAcademy, news: str) -> None:
    assert "There is no batch mistyped." in ends(academy, "mail", "drop", "mistyped", code=1)
    told = ends(academy, *PLAIN, "--message", news, "--json", code=0)
    begun = json.loads(told.splitlines()[-1])
    assert f"Sending batch {begun['batch_id']}" in told
    said = ends(academy, "mail", "drop", begun["batch_id"], code=0)
    assert f"Took 0 back. Batch {begun['batch_id']}: 2 sent." in said


@contextmanager
def announcing(academy: ServedAcademy, *arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Runs `academy mail announce` in a process that hears Ctrl-C, and makes sure that it ends."""
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)  # who was started deaf would start deaf ones
    try:
        running = subprocess.Popen(
            [sys.executable, "-m", "academy.cli.main", *arguments],
            env=academy.environment() | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, heard)
    try:
        yield running
    finally:
        if running.poll() is None:
            running.kill()
        running.communicate()


def interrupted(running: subprocess.Popen[str], smtp: SmtpServer) -> tuple[str, str]:
    """Presses Ctrl-C once the first mail has left. Returns the batch's id and what was said about it."""
    assert running.stderr is not None
    begun = next(line for line in running.stderr if "Sending batch" in line)
    assert wait_for(lambda: len(smtp.messages()) >= 1, 20)
    running.send_signal(signal.SIGINT)
    said, complained = running.communicate(timeout=30)
    assert (running.returncode, said) == (130, "")
    assert "Stopped" not in complained
    return begun.split()[-1], complained


def test_ctrl_c_ends_the_watching_and_what_waits_can_be_taken_back(
    academy: ServedAcademy, smtp: SmtpServer, news: str
) -> None:
    with announcing(academy, *PLAIN, "--message", news, "--json", **slowly(smtp.port)) as running:
        batch, said = interrupted(running, smtp)
    assert f"Not watching any more. Batch {batch} goes on wherever a worker runs;" in said
    assert f"Took 1 back. Batch {batch}: 1 dropped, 1 sent." in ends(academy, "mail", "drop", batch, code=0)
    for extra in ((), ("--dry-run",)):
        arguments = (*ASKING, "--message", news, "--batch", batch, *extra)
        assert ends(academy, *arguments, code=1) == f"Batch {batch} was dropped. Begin a new one.\n"


def test_after_ctrl_c_a_running_server_goes_on_as_was_said(academy: ServedAcademy, smtp: SmtpServer, news: str) -> None:
    with (
        served_academy(academy.home, variables=slowly(smtp.port)),
        announcing(academy, *PLAIN, "--message", news, **slowly(smtp.port)) as running,
    ):
        batch, said = interrupted(running, smtp)
        assert f"Batch {batch} goes on wherever a worker runs" in said
        assert wait_for(lambda: len(smtp.messages()) == 2, 30)


def slowly(port: int) -> dict[str, str]:
    return {**by_smtp(port), "SMTP_RATE": "0.15"}


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("notifications.service.NotificationService.announce_to_all", "Nothing was written down yet"),
        ("batches.Batches.start", "is written down in part, and none of it is sent. Go on with"),
    ],
)
def test_who_interrupts_the_writing_is_told_how_far_it_came(
    academy: ServedAcademy, news: str, monkeypatch: pytest.MonkeyPatch, step: str, told: str
) -> None:
    async def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    package = "academy.features" if step.startswith("notifications") else "academy.infrastructure.email"
    monkeypatch.setattr(f"{package}.{step}", interrupt)
    assert told in ends(academy, *PLAIN, "--message", news, code=130)


def test_with_json_standard_output_holds_nothing_else(academy: ServedAcademy, news: str) -> None:
    done = academy.command(*ASKING, "--message", news, "--json", given="y\n")
    assert done.returncode == 0
    assert json.loads(done.stdout)["states"] == {"sent": 2}
    assert "For 2 people: a***@example.com" in done.stderr
    assert "Send to 2 people?" in done.stderr
