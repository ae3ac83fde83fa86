"""Mails as HTML and text: both are made from the same content, so that neither says more than the other.

The words stand in one TOML file per language, the looks in two layouts. The MJML is compiled once, when the academy
starts; after that Jinja fills in the values, escaped in the HTML.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable
from urllib.parse import urljoin

import mrml
import msgspec
from jinja2 import Environment, StrictUndefined, Template

from academy.kit.colors import blend, ink_on, readable
from academy.kit.errors import InvalidError
from academy.kit.text import is_one_line

LANGUAGES: tuple[str, ...] = ("en", "hi")

_ENGLISH = "en"
_WEB_ADDRESS = re.compile(r"https?://[^\s\x00-\x1f\x7f]+", re.IGNORECASE)
_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")
_LONGEST_PREVIEW = 140
# Mail clients show what follows the preview, too, when it is short. Characters that take room and show nothing end it.
_FILLER = "\u034f\u200c\u00a0" * 80
# What WCAG 2.2 wants of text (1.4.3), and of the edge of a control (1.4.11). Small links in the dark need more.
_LINK, _LINK_IN_THE_DARK, _EDGE = 4.5, 7.0, 3.0
# The share of the accent in the ground of a code.
_TINT = 0.08
# The colours of the website (tokens.css): mail clients know no oklch.
_LIGHT = {"page": "#fbfaf7", "card": "#ffffff", "line": "#dfded8", "ink": "#1b1f29", "soft": "#4e525e"}
_DARK = {"page": "#111419", "card": "#191c22", "line": "#2f333b", "ink": "#e9ebf1", "soft": "#adb1ba"}


class MailKind(StrEnum):
    """Every kind of mail the academy sends."""

    CODE = "code"
    WELCOME = "welcome"
    ENROLMENT = "enrolment"
    RECEIPT = "receipt"
    NOTIFICATION = "notification"


class Branding(msgspec.Struct, frozen=True, kw_only=True):
    """What a mail shows of the academy.

    `accent` is written `#rrggbb`, `url` has no slash at the end. `logo_url` may be a path of `url`, or empty: then the
    academy's name stands in the logo's place.
    """

    name: str
    accent: str
    logo_url: str
    support_email: str
    url: str


class RenderedMail(msgspec.Struct, frozen=True):
    """A mail ready to send."""

    subject: str
    text: str
    html: str


class _Shape(msgspec.Struct, frozen=True):
    """What is the same in every language: the values a mail needs, and where its button and its facts lead."""

    values: frozenset[str]
    action_url: str = ""
    links: Mapping[str, str] = {}


class _MailWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words of one kind of mail. `facts` are the labels of the values that its table shows, in order."""

    subject: str
    preview: str
    title: str
    greeting: str
    paragraphs: list[str]
    subject_in_log: str = ""
    purposes: dict[str, str] = {}
    facts: dict[str, str] = {}
    action: str = ""
    closing: list[str] = []

    def with_places(self) -> Iterator[str]:
        """All texts that are filled in."""
        yield from (self.subject, self.subject_in_log, self.preview, self.title, self.greeting, self.action)
        yield from (*self.paragraphs, *self.closing, *self.purposes.values())


class _CommonWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words around every mail."""

    questions: str
    fallback: str
    unsubscribe: str
    preferences: str


class _Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of one language."""

    common: _CommonWords
    mails: dict[MailKind, _MailWords]


class _Fact(msgspec.Struct, frozen=True):
    """One row of the table; `url` may be empty."""

    label: str
    value: str
    url: str


class _Content(msgspec.Struct, frozen=True, kw_only=True):
    """What both layouts show; what is empty is left out."""

    language: str
    subject: str
    preview: str
    title: str
    greeting: str
    paragraphs: list[str]
    code: str
    facts: list[_Fact]
    action: str
    action_url: str
    closing: list[str]
    unsubscribe_url: str


class _Palette(msgspec.Struct, frozen=True, kw_only=True):
    """The colours of the light or the dark look, as on the website; the last three are made of the accent."""

    page: str
    card: str
    line: str
    ink: str
    soft: str
    link: str
    edge: str
    tint: str


_SHAPES = {
    MailKind.CODE: _Shape(frozenset({"name", "code", "purpose", "minutes"})),
    MailKind.WELCOME: _Shape(frozenset({"name"}), action_url="{{ academy.url }}/courses"),
    MailKind.ENROLMENT: _Shape(frozenset({"name", "course_title", "course_url"}), action_url="{{ course_url }}"),
    MailKind.RECEIPT: _Shape(
        frozenset(
            {"name", "course_title", "course_url", "amount", "transaction_id", "invoice_number", "date", "receipt_url"}
        ),
        action_url="{{ receipt_url }}",
        links={"course_title": "course_url"},
    ),
    MailKind.NOTIFICATION: _Shape(
        frozenset({"name", "title", "message", "action", "action_url"}), action_url="{{ action_url }}"
    ),
}


class MailRenderer:
    """Renders the mails of an academy. Making one takes 30 ms; raises ValueError for an accent that is no colour."""

    def __init__(self, branding: Branding) -> None:
        self._branding = branding
        folder = files("academy.infrastructure.email") / "templates"
        self._words = {language: _words(folder, language) for language in LANGUAGES}
        places = Environment(autoescape=False, undefined=StrictUndefined)  # noqa: S701 - the HTML layout escapes
        texts = {text for words in self._words.values() for mail in words.mails.values() for text in mail.with_places()}
        texts |= {shape.action_url for shape in _SHAPES.values()}
        self._places = {text: places.from_string(text) for text in texts}
        self._html = _html_layout(folder)
        self._text = _text_layout(folder)
        self._looks = _looks(branding)

    def render(
        self,
        kind: MailKind,
        language: str,
        values: Mapping[str, str],
        *,
        unsubscribe_url: str = "",
    ) -> RenderedMail:
        """Returns a mail, in English where the academy does not speak the language.

        With an `unsubscribe_url` the mail ends with a link to it, and to the preferences. Raises ValueError for values
        that this kind of mail lacks or does not know; InvalidError for a subject that is not one line, which could
        forge headers, and for an address that leads elsewhere than to the web.
        """
        _check(kind, values)
        if unsubscribe_url:
            _check_address(unsubscribe_url)
        spoken = self._spoken(language)
        words = self._words[spoken].mails[kind]
        context = self._context(words, values)
        mail = _Content(
            language=spoken,
            subject=self._subject(words.subject, context),
            preview=" ".join(self._filled(words.preview, context).split())[:_LONGEST_PREVIEW],
            title=self._filled(words.title, context),
            greeting=self._filled(words.greeting, context),
            paragraphs=self._paragraphs(words.paragraphs, context),
            code=values.get("code", ""),
            facts=_facts(words, _SHAPES[kind], values),
            action=self._filled(words.action, context),
            action_url=self._filled(_SHAPES[kind].action_url, context),
            closing=self._paragraphs(words.closing, context),
            unsubscribe_url=unsubscribe_url,
        )
        shown = {"mail": mail, "academy": self._branding, "words": self._words[spoken].common}
        return RenderedMail(mail.subject, self._text.render(shown), self._html.render(shown, **self._looks))

    def shown_subject(self, kind: MailKind, language: str, values: Mapping[str, str]) -> str:
        """Returns the subject as a log may show it: that of a code without the code. Raises as `render` does."""
        _check(kind, values)
        words = self._words[self._spoken(language)].mails[kind]
        context = self._context(words, values)
        subject = self._subject(words.subject, context)
        return self._subject(words.subject_in_log, context) if words.subject_in_log else subject

    def _spoken(self, language: str) -> str:
        return language if language in self._words else _ENGLISH

    def _context(self, words: _MailWords, values: Mapping[str, str]) -> dict[str, object]:
        """What the places are filled with; a purpose is said by its sentence. Raises ValueError for an unknown one."""
        context: dict[str, object] = {**values, "academy": self._branding}
        if words.purposes:
            if values["purpose"] not in words.purposes:
                raise ValueError(f"There is no purpose {values['purpose']!r} of a code.")
            context["purpose"] = self._filled(words.purposes[values["purpose"]], context)
        return context

    def _filled(self, text: str, context: Mapping[str, object]) -> str:
        return self._places[text].render(context)

    def _paragraphs(self, texts: list[str], context: Mapping[str, object]) -> list[str]:
        """The texts filled in; a blank line in a value begins a new paragraph."""
        filled = ("\n".join(self._filled(text, context).strip().splitlines()) for text in texts)
        return [part for text in filled for part in _BLANK_LINES.split(text) if part]

    def _subject(self, text: str, context: Mapping[str, object]) -> str:
        subject = self._filled(text, context)
        if not is_one_line(subject):
            raise InvalidError("A subject is one line.")
        return subject


def _check(kind: MailKind, values: Mapping[str, str]) -> None:
    """Raises ValueError for values that a kind of mail lacks or does not know, InvalidError for a wrong address."""
    wanted = _SHAPES[kind].values
    if missing := wanted - values.keys():
        raise ValueError(f"A mail of the kind {kind} lacks {', '.join(sorted(missing))}.")
    if unknown := values.keys() - wanted:
        raise ValueError(f"A mail of the kind {kind} does not know {', '.join(sorted(unknown))}.")
    for name, value in values.items():
        if name.endswith("_url"):
            _check_address(value)


def _check_address(address: str) -> None:
    if not _WEB_ADDRESS.fullmatch(address):
        raise InvalidError("A link in a mail begins with http:// or https:// and has no space.")


def _facts(words: _MailWords, shape: _Shape, values: Mapping[str, str]) -> list[_Fact]:
    """The rows of the table. What is not known, such as the title of a course that is gone, has none."""
    return [
        _Fact(label, values[name], values[shape.links[name]] if name in shape.links else "")
        for name, label in words.facts.items()
        if values[name]
    ]


def _words(folder: Traversable, language: str) -> _Words:
    return msgspec.toml.decode((folder / f"{language}.toml").read_bytes(), type=_Words)


def _html_layout(folder: Traversable) -> Template:
    # Without fonts: the compiler's own list makes a mail fetch what it names from a font server.
    options = mrml.RenderOptions(fonts={})
    html = mrml.to_html((folder / "layout.mjml").read_text("utf-8"), render_options=options).content
    return _layouts(autoescape=True).from_string(html)


def _text_layout(folder: Traversable) -> Template:
    return _layouts(autoescape=False).from_string((folder / "layout.txt").read_text("utf-8"))


def _layouts(*, autoescape: bool) -> Environment:
    return Environment(
        autoescape=autoescape,  # noqa: S701 - plain text has no markup
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _looks(branding: Branding) -> dict[str, object]:
    """What the HTML shows of the academy beyond its words."""
    return {
        "light": _palette(_LIGHT, branding.accent, _LINK),
        "dark": _palette(_DARK, branding.accent, _LINK_IN_THE_DARK),
        "button_ink": ink_on(branding.accent),
        "initial": branding.name.strip()[:1].upper(),
        "logo_url": branding.logo_url and urljoin(f"{branding.url}/", branding.logo_url),
        "filler": _FILLER,
    }


def _palette(base: Mapping[str, str], accent: str, link_contrast: float) -> _Palette:
    """Links can be read, on the page and on the card, and the edge of a button be seen, whatever the accent is."""
    link = readable(readable(accent, base["page"], link_contrast), base["card"], link_contrast)
    edge = readable(accent, base["card"], _EDGE)
    return _Palette(**base, link=link, edge=edge, tint=blend(accent, base["card"], _TINT))
