"""`academy mail` and `academy check`, as an operator meets them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.cli.test_commands import create, ends
from tests.servers.academy import ServedAcademy
from tests.servers.mongodb import free_port
from tests.servers.smtp import SmtpServer, running_smtp

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
    assert "The title has 151 characters; make it 150 at most." in said
    assert "2 sent" in ends(academy, *PLAIN, "--title", "x" * 150, "--message", news, code=0)


def test_a_batch_is_dropped(academy: ServedAcademy, news: str) -> None:
    assert "There is no batch mistyped." in ends(academy, "mail", "drop", "mistyped", code=1)
    told = ends(academy, *PLAIN, "--message", news, "--json", code=0)
    begun = json.loads(told.splitlines()[-1])
    assert f"Sending batch {begun['batch_id']}" in told
    said = ends(academy, "mail", "drop", begun["batch_id"], code=0)
    assert f"Took 0 back. Batch {begun['batch_id']}: 2 sent." in said
