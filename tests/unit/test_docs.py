"""The documentation says what is true."""

import re
from pathlib import Path

import pytest

from academy.settings import declared_variables
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
