"""Mails as HTML and text. MJML is compiled once, when the academy starts; Jinja fills in the values, escaped."""

from importlib.resources import files

import mrml
import msgspec
from jinja2 import Environment, StrictUndefined, Template

from academy.kit.errors import InvalidError

_KINDS = ("code", "welcome", "enrolment", "notice")
_LAYOUT = "layout"
_CONTENT_MARK = "<!-- content -->"


class Branding(msgspec.Struct, frozen=True, kw_only=True):
    """What a mail shows of the academy. `url` has no slash at the end; `logo_url` may be empty."""

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


class MailRenderer:
    """Renders the templates of this package."""

    def __init__(self, branding: Branding) -> None:
        self._branding = branding
        folder = files("academy.infrastructure.email") / "templates"
        html = Environment(autoescape=True, undefined=StrictUndefined)
        text = Environment(autoescape=False, undefined=StrictUndefined)  # noqa: S701 - plain text has no markup
        # Without fonts: the compiler's own list makes a mail fetch what it names from a font server.
        options = mrml.RenderOptions(fonts={})
        layout = (folder / f"{_LAYOUT}.mjml").read_text()
        self._html: dict[str, Template] = {}
        self._text: dict[str, Template] = {}
        for kind in _KINDS:
            mjml = layout.replace(_CONTENT_MARK, (folder / f"{kind}.mjml").read_text())
            self._html[kind] = html.from_string(mrml.to_html(mjml, render_options=options).content)
            self._text[kind] = text.from_string((folder / f"{kind}.txt").read_text())

    def render(self, kind: str, subject: str, **values: object) -> RenderedMail:
        """Returns the mail. Raises InvalidError for a line break in the subject, which could forge headers."""
        if any(character in subject for character in "\r\n\0"):
            raise InvalidError("A subject is one line.")
        context = {"academy": self._branding, "subject": subject, **values}
        return RenderedMail(
            subject=subject,
            text=self._text[kind].render(context).strip() + "\n",
            html=self._html[kind].render(context),
        )
