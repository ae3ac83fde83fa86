"""How a mail is built: what it fetches, its structure for assistive technology, its colours, and its languages."""

import re
import tomllib
from importlib.resources import files

import pytest
from jinja2 import Environment, meta

from academy.infrastructure.email.rendering import LANGUAGES, MailKind
from academy.kit.colors import contrast
from tests.unit.infrastructure.email.test_rendering import BRANDING, VALUES, Mail, by_look, render

MOST_BYTES = 40_000


@pytest.fixture(params=list(MailKind))
def kind(request: pytest.FixtureRequest) -> MailKind:
    return MailKind(request.param)


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# --- structure ---


def test_nothing_is_fetched_but_the_logo(kind: MailKind) -> None:
    html = render(kind).html
    assert Mail(html).images == [(BRANDING.logo_url, BRANDING.name)]
    assert not re.search(r"<(link|script|iframe|object|embed|video|audio|source)\b|@import|@font-face|url\(", html)
    loaded = re.findall(r"(?:src|background|srcset|poster|data)=\"([^\"]*)\"", html)
    assert loaded == [BRANDING.logo_url]


def test_without_a_logo_nothing_is_fetched_and_the_name_is_shown(kind: MailKind) -> None:
    seen = Mail(render(kind, by=by_look(logo_url="")).html)
    assert seen.images == []
    assert seen.texts[0] == "Rao & Töchter"


def test_a_logo_of_the_website_is_found_from_afar() -> None:
    html = render(MailKind.WELCOME, by=by_look(logo_url="/static/logo.png")).html
    assert Mail(html).images == [(f"{BRANDING.url}/static/logo.png", BRANDING.name)]


def test_tables_that_only_lay_out_say_so(kind: MailKind) -> None:
    seen = Mail(render(kind).html)
    tables = [seen.attributes[at].get("role") for at, tag in enumerate(seen.tags) if tag == "table"]
    real = [role for role in tables if role != "presentation"]
    assert real == [None] * (kind is MailKind.RECEIPT)


def test_a_mail_has_one_heading_and_a_title(kind: MailKind, language: str) -> None:
    mail = render(kind, language)
    assert Mail(mail.html).tags.count("h1") == 1
    assert f"<title>{mail.subject.replace('&', '&amp;')}</title>" in mail.html


def test_the_preview_is_said_first_and_not_seen() -> None:
    values = {"message": "What it is about.\n\n" + "More of it. " * 50}
    html = render(MailKind.NOTIFICATION, values=values).html
    found = re.search(r"<body[^>]*><div style=\"display:none;[^\"]*\">([^<]*)</div>", html)
    assert found
    shown = found.group(1).rstrip("\u034f\u200c\u00a0")
    assert shown.startswith("What it is about. More of it.")
    assert len(shown) <= 140


def test_a_mail_is_far_smaller_than_what_mail_clients_clip(kind: MailKind, language: str) -> None:
    assert len(render(kind, language).html.encode()) < MOST_BYTES


# --- colours ---


@pytest.mark.parametrize(("accent", "ink"), [("#3d5afe", "#ffffff"), ("#ffd600", "#000000"), ("#c0ffee", "#000000")])
def test_the_accent_colours_the_button(accent: str, ink: str) -> None:
    html = render(MailKind.ENROLMENT, by=by_look(accent=accent)).html
    assert re.search(rf'<a href="[^"]*" target="_blank" style="[^"]*background:{accent};color:{ink};', html)
    assert contrast(ink, accent) >= 4.5


def test_what_is_no_colour_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="#rrggbb"):
        by_look(accent="red;}body{display:none")


def test_dark_mode_is_declared(kind: MailKind) -> None:
    html = render(kind).html
    assert '<meta name="color-scheme" content="light dark">' in html.replace(" />", ">")
    assert "@media (prefers-color-scheme: dark)" in html


# --- languages ---


def test_the_language_is_named(kind: MailKind, language: str) -> None:
    seen = Mail(render(kind, language).html)
    assert {one["lang"] for one in seen.attributes if "lang" in one} == {language}


@pytest.mark.parametrize("unknown", ["", "fr", "EN", "../en"])
def test_who_speaks_another_language_gets_english(kind: MailKind, unknown: str) -> None:
    assert render(kind, unknown) == render(kind, "en")


def test_hindi_is_written_in_its_script_and_with_common_digits(kind: MailKind) -> None:
    mail = render(kind, "hi")
    assert "नमस्ते Asha जी," in mail.text
    assert not re.search(r"[०-९]", mail.text + mail.subject)
    ours = re.sub(r"https?://\S+", "", mail.text)
    for value in (*VALUES[kind].values(), BRANDING.name, BRANDING.support_email):
        ours = ours.replace(value, "")
    assert re.findall(r"[A-Za-z]+", ours) == []


def words(language: str) -> dict[str, dict[str, object]]:
    path = files("academy.infrastructure.email") / "templates" / f"{language}.toml"
    return tomllib.loads(path.read_text("utf-8"))


def places(text: object) -> object:
    """The places of a text; of a list or a table those of all in it, with the names and the order kept."""
    if isinstance(text, dict):
        return [(name, places(part)) for name, part in text.items()]
    if isinstance(text, list):
        return [places(part) for part in text]
    return meta.find_undeclared_variables(Environment(autoescape=False).parse(str(text)))  # noqa: S701 - only parsed


def test_every_language_has_the_same_mails_with_the_same_places(language: str) -> None:
    spoken, english = words(language), words("en")
    assert list(spoken["mails"]) == list(MailKind)
    assert {name: places(part) for name, part in spoken.items() if name != "mails"} == {
        name: places(part) for name, part in english.items() if name != "mails"
    }
    for kind in MailKind:
        ours, theirs = places(spoken["mails"][kind]), places(english["mails"][kind])
        # English alone tells one minute from many: that is one more use of a place, not one more place.
        assert ours == theirs, kind
