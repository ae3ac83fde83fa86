"""Mails as people see them: in HTML and as plain text."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError

from academy.infrastructure.email.rendering import Branding, MailRenderer, RenderedMail
from academy.kit.errors import InvalidError

BRANDING = Branding(
    name="Rao & Töchter",
    accent="#3d5afe",
    logo_url="https://cdn.rtechacademy.com/logo.png",
    support_email="help@rtechacademy.com",
    url="https://rtechacademy.com",
)
LINK = "https://rtechacademy.com/learn/python?from=mail&lesson=1"
VALUES: dict[str, dict[str, object]] = {
    "code": {"code": "048213", "purpose": "Enter this code to sign in:", "minutes": 10},
    "welcome": {},
    "enrolment": {"course_title": "Python for beginners", "course_url": LINK},
    "notice": {"message": "A lesson was added.", "action": "Open it", "action_url": LINK},
}
HOSTILE = "<script>alert('x')</script><a href=\"https://evil.example\">\"'&{{ 7*7 }}{% raw %}"
RENDERER = MailRenderer(BRANDING)


class Mail(HTMLParser):
    """What a reader of the HTML sees: its texts in order and its links."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.links: list[str] = []
        self.images: list[tuple[str, str]] = []
        self.tags: set[str] = set()
        self._hidden: list[str] = []
        self.feed(html)
        self.close()
        assert self._hidden == [], "every element that is opened is closed"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.tags.add(tag)
        if tag == "a":
            self.links.append(values["href"])
        if tag == "img":
            self.images.append((values["src"], values["alt"]))
        if tag in ("title", "style") or (tag == "div" and (self._hidden or "display:none" in values.get("style", ""))):
            self._hidden.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and self._hidden[-1] == tag:
            self._hidden.pop()

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.texts.append(" ".join(data.split()))


def render(kind: str, values: Mapping[str, object] | None = None, *, by: MailRenderer = RENDERER) -> RenderedMail:
    return by.render(kind, "A subject", **{"name": "Asha", "preview": "In short", **VALUES[kind], **(values or {})})


@pytest.fixture(params=VALUES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_nothing_is_left_unrendered(kind: str) -> None:
    mail = render(kind)
    for body in (mail.html, mail.text):
        assert not re.search(r"\{\{|\{%|<mj-|</mj-|<!-- content", body)
    assert mail.html.startswith("<!doctype html>")
    assert mail.text.endswith(f"{BRANDING.name} · {BRANDING.url}\n")
    assert "  \n" not in mail.text


def test_the_text_says_all_that_the_html_says(kind: str) -> None:
    mail = render(kind)
    seen = Mail(mail.html)
    text = " ".join(mail.text.split())
    assert seen.texts
    for part in seen.texts:
        assert part.strip(' .·"') in text
    for link in seen.links:
        assert link.removeprefix("mailto:") in text


def test_a_value_is_shown_as_it_is_and_never_as_markup(kind: str) -> None:
    values = {name: HOSTILE if name != "minutes" else 10 for name in ("name", "preview", *VALUES[kind])}
    safe, hostile = Mail(render(kind).html), Mail(render(kind, values).html)
    assert "script" not in hostile.tags
    assert hostile.tags == safe.tags
    assert len(hostile.links) == len(safe.links)
    assert any(HOSTILE in text for text in hostile.texts)
    assert HOSTILE in render(kind, values).text, "plain text has no markup to escape"


@settings(deadline=None)
@given(name=st.text(max_size=60), preview=st.text(max_size=60))
def test_no_name_changes_the_markup(name: str, preview: str) -> None:
    rendered = render("welcome", {"name": name, "preview": preview})
    assert Mail(rendered.html).tags == Mail(render("welcome").html).tags
    assert f"Hello {name}," in rendered.text


def test_nothing_is_fetched_but_the_logo(kind: str) -> None:
    html = render(kind).html
    assert Mail(html).images == [(BRANDING.logo_url, BRANDING.name)]
    assert not re.search(r"<(link|script|iframe|object|embed|video|audio|source)\b|@import|@font-face|url\(", html)
    loaded = re.findall(r"(?:src|background|srcset)=\"([^\"]*)\"", html)
    assert loaded == [BRANDING.logo_url]


def test_without_a_logo_nothing_is_fetched_and_the_name_is_shown(kind: str) -> None:
    branding = Branding(
        name="Rao & Töchter", accent="#3d5afe", logo_url="", support_email="a@b.example", url=BRANDING.url
    )
    html = render(kind, by=MailRenderer(branding)).html
    seen = Mail(html)
    assert seen.images == []
    assert seen.texts[0] == "Rao & Töchter"


def test_the_code_mail() -> None:
    mail = render("code")
    seen = Mail(mail.html)
    for part in ("Hello Asha,", "048213", "Enter this code to sign in:"):
        assert part in seen.texts
        assert part in mail.text
    assert "valid for 10 minutes" in mail.text
    assert any("valid for 10 minutes" in text for text in seen.texts)


def test_the_welcome_mail() -> None:
    mail = render("welcome")
    seen = Mail(mail.html)
    assert "Hello Asha," in seen.texts
    assert f"{BRANDING.url}/courses" in seen.links
    assert f"Find your first course: {BRANDING.url}/courses" in mail.text


@pytest.mark.parametrize("kind", ["enrolment", "notice"])
def test_a_link_is_kept_with_its_query(kind: str) -> None:
    mail = render(kind)
    assert LINK in Mail(mail.html).links
    assert LINK in mail.text


def test_the_preview_is_said_first_and_not_seen(kind: str) -> None:
    html = render(kind, {"preview": "What it is about"}).html
    assert "What it is about" not in Mail(html).texts
    assert re.search(r"<div style=\"display:none;[^\"]*\">What it is about</div>", html)


def test_the_accent_colours_links_and_buttons(kind: str) -> None:
    branding = Branding(name="A", accent="#c0ffee", logo_url="", support_email="a@b.example", url="https://a.example")
    html = render(kind, by=MailRenderer(branding)).html
    assert "a { color: #c0ffee; }" in html
    assert ("background:#c0ffee" in html) == (kind != "code")


def test_dark_mode_is_declared(kind: str) -> None:
    html = render(kind).html
    assert "color-scheme: light dark" in html
    assert "@media (prefers-color-scheme: dark)" in html


@pytest.mark.parametrize("subject", ["News\nBcc: all@example.com", "News\r\nX: y", "News\rmore", "News\0"])
def test_a_subject_is_one_line(subject: str) -> None:
    with pytest.raises(InvalidError):
        RENDERER.render("welcome", subject, name="Asha", preview="In short")


def test_the_subject_is_the_title(kind: str) -> None:
    mail = render(kind)
    assert mail.subject == "A subject"
    assert "<title>A subject</title>" in mail.html


def test_a_forgotten_value_is_an_error_not_a_gap() -> None:
    with pytest.raises(UndefinedError, match="purpose"):
        RENDERER.render("code", "A subject", name="Asha", preview="", code="048213", minutes=10)
