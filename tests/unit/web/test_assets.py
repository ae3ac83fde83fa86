import gzip
import re
from pathlib import Path

import brotli
import pytest

from academy.web.assets import Assets, joined_modules, theme_css
from tests.unit.test_vendored import STATIC

ACCENT = "#0a7d4f"
FOLDERS = [path for path in (STATIC / "js").iterdir() if path.is_dir()]


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
    for sheet in (STATIC / "css").rglob("*.css"):
        uncommented = re.sub(r"/\*.*?\*/", "", sheet.read_text("utf-8"), flags=re.DOTALL)
        rules = re.findall(r"\n  ([.:\w][^{@]*\{[^}]*\})", uncommented)
        assert rules
        assert all(re.sub(r"\n +", "\n", rule) in sent for rule in rules), sheet.name
    assert ("\n " in sent, "/*" in sent) == (False, False), "its indentation and comments stay here"


def test_addresses_in_stylesheets_lead_somewhere(assets: Assets) -> None:
    css = assets.get(assets.url("app.css"))
    assert css is not None
    named = re.findall(r"url\(([^)]*)\)", css.body.decode())
    assert len(named) >= 4
    assert all(assets.get(url) is not None for url in named if not url.startswith("data:"))


def test_no_script_that_is_sent_imports_by_name(assets: Assets) -> None:
    """Modules that import each other by relative names would miss the hashes: a folder of them is joined."""
    scripts = [*(path.name for path in STATIC.glob("js/*.js")), *(f"{folder.name}.js" for folder in FOLDERS)]
    for name in scripts:
        script = assets.get(assets.url(f"js/{name}"))
        assert script is not None
        assert not re.search(r"^\s*(import|export)\b", script.body.decode(), re.MULTILINE), name


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_modules_of_a_folder_can_be_joined(folder: Path) -> None:
    """Each imports what is exported, every one is used, and no two share a name."""
    texts = {path.name: path.read_text("utf-8") for path in folder.iterdir()}
    export = re.compile(r"^export [\w ]*?(\w+)(?= =|\(| \{| extends)", re.MULTILINE)
    exported = {name: set(export.findall(text)) for name, text in texts.items()}
    imports = re.compile(r'^import \{([^}]*)\} from "\./([\w-]+\.js)";$', re.MULTILINE)
    for text in texts.values():
        for names, module in imports.findall(text):
            assert {name.strip() for name in names.split(",") if name.strip()} <= exported[module], module
        assert len(imports.findall(text)) == len(re.findall(r"^import\b", text, re.MULTILINE))
    imported = {module for text in texts.values() for _, module in imports.findall(text)}
    assert set(texts) - imported == {"main.js"}
    declared = [
        name
        for text in texts.values()
        for name in re.findall(r"^(?:export )?(?:async )?(?:function|class|const|let) (\w+)", text, re.MULTILINE)
    ]
    assert sorted(declared) == sorted(set(declared))
    joined = joined_modules(folder)
    place = {name: joined.index(text.splitlines()[0]) for name, text in texts.items()}
    for name, text in texts.items():
        assert all(place[module] < place[name] for _, module in imports.findall(text)), name


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
