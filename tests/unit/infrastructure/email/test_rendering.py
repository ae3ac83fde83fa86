"""Mails as people see them: in HTML and as plain text, in every language."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from academy.infrastructure.email.rendering import LANGUAGES, Branding, MailKind, MailRenderer, RenderedMail
from academy.kit.errors import InvalidError

BRANDING = Branding(
    name="Rao & Töchter",
    accent="#3d5afe",
    logo_url="https://cdn.rtechacademy.com/logo.png",
    support_email="help@rtechacademy.com",
    url="https://rtechacademy.com",
)
LINK = "https://rtechacademy.com/learn/python?from=mail&lesson=1"
RECEIPT = "https://rtechacademy.com/account/receipts/T-1"
UNSUBSCRIBE, PREFERENCES = (
    "https://rtechacademy.com/unsubscribe/t?a=1&b=2",
    "https://rtechacademy.com/account/preferences#mails",
)
VALUES: dict[MailKind, dict[str, str]] = {
    MailKind.CODE: {"name": "Asha", "code": "048213", "purpose": "sign_in", "minutes": "10"},
    MailKind.WELCOME: {"name": "Asha"},
    MailKind.ENROLMENT: {"name": "Asha", "course_title": "Python for beginners", "course_url": LINK},
    MailKind.RECEIPT: {
        "name": "Asha",
        "course_title": "Python for beginners",
        "course_url": LINK,
        "amount": "₹1,499.00",
        "transaction_id": "T-1",
        "invoice_number": "2026-000042",
        "date": "24 November 2026",
        "receipt_url": RECEIPT,
    },
    MailKind.NOTIFICATION: {
        "name": "Asha",
        "title": "News",
        "message": "A lesson was added.",
        "action": "Open it",
        "action_url": LINK,
    },
}
ACTION_URLS = {
    MailKind.WELCOME: f"{BRANDING.url}/courses",
    MailKind.ENROLMENT: LINK,
    MailKind.RECEIPT: RECEIPT,
    MailKind.NOTIFICATION: LINK,
}
URLS = [(kind, name) for kind, values in VALUES.items() for name in values if name.endswith("_url")]
FALLBACKS = ("If the button does not work, open this address:", "अगर बटन काम न करे, तो यह लिंक खोलें:")
HOSTILE = "<script>alert('x')</script><a href=\"https://evil.example\">\"'&{{ 7*7 }}{% raw %}</p></td>-->"
HOSTILE_URL = "https://evil.example/\"onmouseover='alert(1)'><script>&lt;{{7*7}}"
RENDERER = MailRenderer(BRANDING)


class Mail(HTMLParser):
    """What a reader of the HTML sees: its texts in order and its links."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.links: list[str] = []
        self.images: list[tuple[str, str]] = []
        self.shapes: set[tuple[str, ...]] = set()
        self.tags: list[str] = []
        self.attributes: list[dict[str, str]] = []
        self._hidden: list[str] = []
        self.feed(html)
        self.close()
        assert self._hidden == [], "every element that is opened is closed"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.tags.append(tag)
        self.attributes.append(values)
        self.shapes.add((tag, *values))
        if tag == "a":
            self.links.append(values["href"])
        if tag == "img":
            self.images.append((values["src"], values["alt"]))
        is_preview = tag == "div" and (self._hidden or "display:none" in values.get("style", ""))
        if tag in ("title", "style") or values.get("aria-hidden") == "true" or is_preview:
            self._hidden.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and self._hidden[-1] == tag:
            self._hidden.pop()

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.texts.append(" ".join(data.split()))


def render(
    kind: MailKind, language: str = "en", values: Mapping[str, str] | None = None, *, by: MailRenderer = RENDERER
) -> RenderedMail:
    return by.render(kind, language, {**VALUES[kind], **(values or {})})


def by_look(**changes: str) -> MailRenderer:
    return MailRenderer(msgspec.structs.replace(BRANDING, **changes))


def without_space(text: str) -> str:
    return "".join(text.split())


@pytest.fixture(params=list(MailKind))
def kind(request: pytest.FixtureRequest) -> MailKind:
    return MailKind(request.param)


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# --- both forms ---


def test_nothing_is_left_unrendered(kind: MailKind, language: str) -> None:
    mail = render(kind, language)
    for body in (mail.subject, mail.html, mail.text):
        assert not re.search(r"\{\{|\{%|<mj-|</mj-|None|Undefined", body)
    assert mail.html.startswith("<!doctype html>")
    assert mail.text.endswith(f"{BRANDING.name} · {BRANDING.url}\n")
    assert not re.search(r" \n|\n\n\n|\A\s|\n\n\Z", mail.text)


def test_the_text_says_all_that_the_html_says(kind: MailKind, language: str) -> None:
    mail = RENDERER.render(kind, language, VALUES[kind], unsubscribe_url=UNSUBSCRIBE)
    seen, text = Mail(mail.html), " ".join(mail.text.split())
    assert len(seen.texts) > 5
    for part in seen.texts:
        assert part.strip(" ·") in text or part in FALLBACKS
    for link in seen.links:
        assert link.removeprefix("mailto:") in text


def test_the_html_says_all_that_the_text_says(kind: MailKind, language: str) -> None:
    mail = RENDERER.render(kind, language, VALUES[kind], unsubscribe_url=UNSUBSCRIBE)
    seen = Mail(mail.html)
    said = [*seen.texts, *seen.links]
    for line in filter(None, mail.text.splitlines()):
        rest = line
        for part in sorted(said, key=len, reverse=True):
            rest = rest.replace(part, "")
        assert rest.strip(" :·") == ""


def test_both_forms_hold_every_value(kind: MailKind, language: str) -> None:
    mail = render(kind, language)
    html = Mail(mail.html)
    for name, value in VALUES[kind].items():
        if name != "purpose":
            assert value in mail.text
            assert value in " ".join([*html.texts, *html.links])


# --- what values can do ---


def test_a_value_is_shown_as_it_is_and_never_as_markup(kind: MailKind, language: str) -> None:
    values = {name: HOSTILE_URL if name.endswith("_url") else HOSTILE for name in VALUES[kind] if name != "purpose"}
    mail = render(kind, language, values)
    safe, hostile = Mail(render(kind, language).html), Mail(mail.html)
    assert hostile.shapes == safe.shapes
    assert hostile.tags == safe.tags
    assert any(HOSTILE in text for text in hostile.texts)
    assert HOSTILE in mail.text, "plain text has no markup to escape"
    if kind in ACTION_URLS and kind is not MailKind.WELCOME:
        assert HOSTILE_URL in hostile.links


def test_the_academys_own_name_is_no_markup_either(kind: MailKind) -> None:
    for logo_url in ("", BRANDING.logo_url):
        hostile = render(kind, by=by_look(name=HOSTILE, support_email=HOSTILE, logo_url=logo_url))
        safe = render(kind, by=by_look(logo_url=logo_url))
        assert Mail(hostile.html).shapes == Mail(safe.html).shapes


ONE_LINE = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=60)


@settings(deadline=None)
@given(data=st.data(), kind=st.sampled_from(MailKind), language=st.sampled_from(LANGUAGES))
def test_no_value_is_lost_or_changes_the_markup(data: st.DataObject, kind: MailKind, language: str) -> None:
    free = [name for name in VALUES[kind] if not name.endswith("_url") and name != "purpose"]
    values = {name: data.draw(st.text(max_size=300) if name == "message" else ONE_LINE, name) for name in free}
    mail = render(kind, language, values)
    seen = Mail(mail.html)
    assert seen.shapes == Mail(render(kind, language).html).shapes
    for name, value in values.items():
        if name != "minutes":
            assert without_space(value) in without_space(mail.text)
            assert without_space(value) in without_space("".join(seen.texts))


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JavaScript://x/%0aalert(1)",
        "data:text/html,x",
        "mailto:a@b.example",
        "//evil.example",
        "/courses",
        "https://",
        "https:evil",
        " https://evil.example",
        "https://evil.example/a b",
        "https://evil.example/\nBcc: a@b.example",
    ],
)
@pytest.mark.parametrize(("kind", "name"), URLS)
def test_a_link_leads_to_the_web_or_nowhere(kind: MailKind, name: str, address: str) -> None:
    values = {**VALUES[kind], name: address}
    with pytest.raises(InvalidError, match="http"):
        RENDERER.render(kind, "en", values)
    with pytest.raises(InvalidError, match="http"):
        RENDERER.shown_subject(kind, "en", values)
    with pytest.raises(InvalidError, match="http"):
        RENDERER.render(kind, "en", VALUES[kind], unsubscribe_url=address)


@pytest.mark.parametrize(("kind", "name"), URLS)
def test_a_link_must_be_there(kind: MailKind, name: str) -> None:
    with pytest.raises(InvalidError):
        render(kind, values={name: ""})


@pytest.mark.parametrize("title", ["News\nBcc: all@example.com", "News\r\nX: y", "News\rmore", "News\0", "a\u2028b"])
def test_a_subject_is_one_line(title: str) -> None:
    values = {**VALUES[MailKind.NOTIFICATION], "title": title}
    with pytest.raises(InvalidError, match="one line"):
        RENDERER.render(MailKind.NOTIFICATION, "en", values)
    with pytest.raises(InvalidError, match="one line"):
        RENDERER.shown_subject(MailKind.NOTIFICATION, "en", values)


def test_a_code_of_two_lines_is_refused_before_it_is_written_down() -> None:
    with pytest.raises(InvalidError, match="one line"):
        RENDERER.shown_subject(MailKind.CODE, "en", {**VALUES[MailKind.CODE], "code": "1\n2"})


def test_a_forgotten_value_is_named(kind: MailKind) -> None:
    for name in VALUES[kind]:
        rest = {other: value for other, value in VALUES[kind].items() if other != name}
        with pytest.raises(ValueError, match=rf"{kind} lacks {name}\."):
            RENDERER.render(kind, "en", rest)
        with pytest.raises(ValueError, match=rf"{kind} lacks {name}\."):
            RENDERER.shown_subject(kind, "en", rest)


def test_a_superfluous_value_is_named(kind: MailKind) -> None:
    with pytest.raises(ValueError, match="does not know extra, more"):
        RENDERER.render(kind, "en", {**VALUES[kind], "more": "x", "extra": "y"})


# --- each kind ---


def test_the_code_mail() -> None:
    mail = render(MailKind.CODE)
    assert mail.subject == "048213 is your code for Rao & Töchter"
    assert RENDERER.shown_subject(MailKind.CODE, "en", VALUES[MailKind.CODE]) == "Your code for Rao & Töchter"
    seen = Mail(mail.html)
    for part in ("Hello Asha,", "048213", "Enter this code to sign in:"):
        assert part in seen.texts
        assert part in mail.text
    assert "valid for 10 minutes and" in mail.text
    assert "valid for 1 minute and" in render(MailKind.CODE, values={"minutes": "1"}).text
    assert re.findall(r"\b\d{6}\b", mail.text) == ["048213"]


def test_a_code_is_never_in_the_subject_for_the_log(language: str) -> None:
    assert "048213" in render(MailKind.CODE, language).subject
    assert "048213" not in RENDERER.shown_subject(MailKind.CODE, language, VALUES[MailKind.CODE])


def test_every_other_subject_is_logged_as_it_is_sent(kind: MailKind, language: str) -> None:
    if kind is not MailKind.CODE:
        assert RENDERER.shown_subject(kind, language, VALUES[kind]) == render(kind, language).subject


@pytest.mark.parametrize("purpose", ["registered", "verify_email", "sign_in", "reset_password", "change_email"])
def test_each_purpose_of_a_code_has_its_sentence(purpose: str, language: str) -> None:
    others = {render(MailKind.CODE, language, {"purpose": other}).text for other in ("sign_in", "reset_password")}
    text = render(MailKind.CODE, language, {"purpose": purpose}).text
    assert purpose not in text
    assert (text in others) == (purpose in ("sign_in", "reset_password"))


@pytest.mark.parametrize("purpose", ["", "party", "{{ code }}"])
def test_a_code_for_nothing_known_is_refused(purpose: str) -> None:
    with pytest.raises(ValueError, match="no purpose"):
        render(MailKind.CODE, values={"purpose": purpose})


def test_a_mail_with_something_to_do_has_one_button(kind: MailKind, language: str) -> None:
    mail = render(kind, language)
    buttons = re.findall(r'<a href="([^"]*)" target="_blank"', mail.html)
    if kind is MailKind.CODE:
        assert buttons == []
    else:
        assert buttons == [ACTION_URLS[kind].replace("&", "&amp;")]
        assert f":\n{ACTION_URLS[kind]}\n" in mail.text


def test_the_receipt_is_a_table_whose_rows_have_heads() -> None:
    mail = render(MailKind.RECEIPT)
    rows = re.findall(r'<th scope="row"[^>]*>(.*?)</th>\s*<td[^>]*>(.*?)</td>', mail.html, re.DOTALL)
    told = {head: re.sub(r"<[^>]*>", "", value) for head, value in rows}
    assert told == {
        "Course": "Python for beginners",
        "Amount": "₹1,499.00",
        "Date": "24 November 2026",
        "Invoice number": "2026-000042",
        "Transaction ID": "T-1",
    }
    for head, value in told.items():
        assert f"\n{head}: {value}\n" in mail.text
    assert Mail(mail.html).links.count(LINK) == 1
    assert mail.subject == "Your receipt 2026-000042 from Rao & Töchter"


def test_a_receipt_for_a_course_that_is_gone_has_no_row_for_it() -> None:
    mail = render(MailKind.RECEIPT, values={"course_title": ""})
    assert "Course" not in mail.html
    assert "Course" not in mail.text
    assert LINK not in mail.text


def test_a_notification_keeps_its_paragraphs_and_lines() -> None:
    mail = render(MailKind.NOTIFICATION, values={"message": "One.\n  \n\nTwo,\nand on.\r\n\r\nThree.\n\n"})
    assert re.findall(r"<p [^>]*>(One.*|Two.*|Three.*)</p>", mail.html) == ["One.", "Two,<br />and on.", "Three."]
    assert "One.\n\nTwo,\nand on.\n\nThree.\n\nOpen it:" in mail.text
    assert mail.subject == "News"
    assert "Hello Asha,\n\nOpen it:" in render(MailKind.NOTIFICATION, values={"message": ""}).text


def test_a_mail_that_can_be_declined_says_where(kind: MailKind, language: str) -> None:
    plain = render(kind, language)
    mail = RENDERER.render(kind, language, VALUES[kind], unsubscribe_url=UNSUBSCRIBE)
    for address in (UNSUBSCRIBE, PREFERENCES):
        assert address in Mail(mail.html).links
        assert f"\n{address}\n" in mail.text
        assert address not in Mail(plain.html).links
        assert address not in plain.text
