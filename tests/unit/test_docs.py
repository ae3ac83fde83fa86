"""The documentation says what is true."""

import re
from pathlib import Path

import pytest

from academy.infrastructure.email.base import EmailProvider
from academy.infrastructure.email.sendgrid import SendGridProvider
from academy.infrastructure.email.ses import SesProvider
from academy.infrastructure.email.smtp import SmtpProvider
from academy.kit.clock import SystemClock
from academy.settings import declared_variables, load_settings
from academy.settings_page import settings_page

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_the_settings_page_is_as_the_code_says() -> None:
    assert (ROOT / "docs" / "settings.md").read_text("utf-8") == settings_page(), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_variables_and_targets_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = {target for target in re.findall(r"`make ([a-z]+)", text) if f"\n{target}:" not in makefile}
    assert targets == set()
    known = {variable.name for variable in declared_variables()}
    named = set(re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?:=[^`]*)?`", text))
    assert named - known == set()


def test_the_table_of_mail_providers_says_what_they_say() -> None:
    settings = load_settings({"SMTP_HOST": "mail.example", "SENDGRID_API_KEY": "SG.key", "AWS_REGION": "ap-south-1"})
    clock = SystemClock()
    providers: list[EmailProvider] = [
        SmtpProvider(settings.smtp, 1, clock),
        SendGridProvider(settings.sendgrid, 1),
        SesProvider(settings.ses, 1, clock),
    ]
    text = (ROOT / "docs" / "email.md").read_text("utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    names, *facts = rows
    for provider in providers:
        column = names.index(f"`{provider.name}`")
        can = provider.capabilities
        told = {row[0].partition(" (")[0].partition(",")[0]: row[column] for row in facts}
        yes = {True: "yes", False: "no"}
        assert told["recipients see our Message-ID"] == yes[can.keeps_message_id], provider.name
        assert told["mailboxes beyond ASCII"] == yes[can.non_ascii_mailboxes], provider.name
        assert told["bounces and complaints are reported back"] == yes[can.reports_bounces], provider.name
        assert told["largest message"] == f"{can.largest_message >> 20} MB", provider.name
