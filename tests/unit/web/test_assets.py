import gzip
import re

import brotli
import pytest

from academy.web.assets import Assets, theme_css
from tests.unit.web.test_vendored import STATIC

ACCENT = "#0a7d4f"


@pytest.fixture(scope="module")
def assets() -> Assets:
    return Assets(ACCENT)


def test_an_address_changes_with_the_content_only(assets: Assets) -> None:
    assert assets.url("app.css") == Assets(ACCENT).url("app.css")
    assert assets.url("app.css") != Assets("#aa0000").url("app.css")
    assert re.fullmatch(r"/static/app\.[0-9a-f]{12}\.css", assets.url("app.css"))


def test_text_is_kept_in_three_forms_of_the_same(assets: Assets) -> None:
    css = assets.get(assets.url("app.css"))
    assert css is not None
    assert css.brotli is not None
    assert css.gzip is not None
    assert brotli.decompress(css.brotli) == gzip.decompress(css.gzip) == css.body
    assert len(css.brotli) < len(css.body) / 3


def test_what_is_compressed_already_is_kept_as_it_is(assets: Assets) -> None:
    font = assets.get(assets.url("fonts/figtree-latin.woff2"))
    assert font is not None
    assert (font.brotli, font.gzip, font.content_type) == (None, None, "font/woff2")


def test_every_stylesheet_is_in_the_one_that_is_sent(assets: Assets) -> None:
    css = assets.get(assets.url("app.css"))
    assert css is not None
    sent = css.body.decode()
    for sheet in STATIC.rglob("*.css"):
        rules = re.findall(r"\n  ([.:\w][^{@]*\{[^}]*\})", sheet.read_text("utf-8"))
        assert rules
        assert all(rule in sent for rule in rules), sheet.name


def test_addresses_in_stylesheets_lead_somewhere(assets: Assets) -> None:
    css = assets.get(assets.url("app.css"))
    assert css is not None
    named = re.findall(r"url\(([^)]*)\)", css.body.decode())
    assert len(named) >= 4
    assert all(assets.get(url) is not None for url in named if not url.startswith("data:"))


_IMPORTED = re.compile(r"""^\s*(?:import|export)\b[^;]*?from\s+["']([^"']*)|import\(""", re.MULTILINE)


def test_scripts_import_by_addresses_that_exist(assets: Assets) -> None:
    """Modules that import each other by relative names would miss the hashes: those are put in when they are read."""
    imported: list[str] = []
    for script in STATIC.glob("js/*.js"):
        sent = assets.get(assets.url(f"js/{script.name}"))
        assert sent is not None
        named = _IMPORTED.findall(sent.body.decode())
        assert all(assets.get(url) is not None for url in named), script.name
        imported += named
    assert len(imported) >= 4


def test_nothing_is_found_outside(assets: Assets) -> None:
    for path in ("/static/app.css", "/static/../settings.py", "/static/", "/static/licences/htmx.txt", ""):
        assert assets.get(path) is None


def test_the_mark_is_drawn_in_the_academys_colour(assets: Assets) -> None:
    mark = assets.get(assets.url("favicon.svg"))
    assert mark is not None
    assert ACCENT in mark.body.decode()


def test_the_theme_takes_colours_only() -> None:
    assert f"oklch(from {ACCENT}" in theme_css(ACCENT)
    for wrong in ("red", "#fff", "#12345g", "#123456;}", ""):
        with pytest.raises(ValueError, match="#rrggbb"):
            theme_css(wrong)
