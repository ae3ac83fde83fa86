"""Every template of every feature: it compiles, and the icons, files and texts it names exist."""

import re
from pathlib import Path

import pytest
from jinja2 import Environment

import academy
from academy.web.assets import Assets
from tests.unit.test_vendored import STATIC

SOURCE = Path(academy.__file__).parent
TEMPLATES = sorted(SOURCE.glob("**/templates/**/*.html"))
ICONS = set(re.findall(r'id="icon-([\w-]+)"', (STATIC / "icons.svg").read_text("utf-8")))
ASSETS = Assets("#3d5afe")


def named(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_a_template_names_what_exists_and_holds_no_inline_code(path: Path) -> None:
    text = path.read_text("utf-8")
    Environment(autoescape=True, extensions=["jinja2.ext.i18n"]).parse(text)
    for icon in re.findall(r"""\bicon\(\s*["']([\w-]+)["']\s*[,)]""", text):
        assert icon in ICONS, icon
    for name in re.findall(r"""\basset\(\s*["']([^"']+)["']\s*\)""", text):
        assert ASSETS.get(ASSETS.url(name)) is not None
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text), "the pages' policy allows no inline code"
    for script in re.findall(r"<script[^>]*>", text):
        assert " src=" in script or 'type="application/ld+json"' in script, script


def test_there_are_templates() -> None:
    assert len(TEMPLATES) >= 30


def test_icons_named_by_data_exist_too() -> None:
    """Icons chosen from a table in a template, e.g. by the kind of a lesson."""
    for path in TEMPLATES:
        for table in re.findall(r"icon\(\{([^}]*)\}", path.read_text("utf-8")):
            for icon in re.findall(r""":\s*["']([\w-]+)["']""", table):
                assert icon in ICONS, f"{path.name}: {icon}"
