"""The message as servers get it: every header whole, no header forged, every character kept."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import SMTP

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from academy.infrastructure.email.base import EmailMessage, LogicalEmailError
from academy.infrastructure.email.mime import as_mime, envelope_address, new_message_id

MOMENT = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
UNSUBSCRIBE = "https://rtechacademy.com/unsubscribe/" + "k" * 200
MESSAGE = EmailMessage(
    mail_id="01900000-0000-7000-8000-000000000000",
    message_id="<01900000-0000-7000-8000-000000000000@a-rather-long-name-of-an-academy.example>",
    sender="post@mail.example",
    sender_name="Rtech Academy",
    to="asha@example.com",
    subject="Welcome",
    text="Hello",
    html="<p>Hello</p>",
    unsubscribe_url=UNSUBSCRIBE,
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
LINES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=200)


def changed(**fields: str) -> EmailMessage:
    return msgspec.structs.replace(MESSAGE, **fields)


def test_the_headers_are_those_that_mail_clients_look_for() -> None:
    raw = as_mime(MESSAGE, MOMENT)
    message = message_from_bytes(raw, policy=SMTP)
    assert message["From"] == "Rtech Academy <post@mail.example>"
    assert message["To"] == "asha@example.com"
    assert message["Date"] == "Tue, 24 Nov 2026 15:00:00 +0000"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    # Long as they are, they stand in one line and are not encoded: clients take them as they are.
    assert f"\r\nList-Unsubscribe: <{UNSUBSCRIBE}>\r\n".encode() in raw
    assert f"\r\nMessage-ID: {MESSAGE.message_id}\r\n".encode() in raw
    assert b"Unsubscribe" not in as_mime(changed(unsubscribe_url=""), MOMENT)


@settings(deadline=None)
@given(text=TEXTS, html=TEXTS)
def test_every_character_arrives(text: str, html: str) -> None:
    raw = as_mime(changed(text=text, html=html), MOMENT)
    assert raw.isascii()
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r"), "no line ends otherwise"
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    message = message_from_bytes(raw, policy=SMTP)
    assert message.defects == []
    for kind, sent in (("plain", text), ("html", html)):
        part = message.get_body((kind,))
        assert part is not None
        got = part.get_payload(decode=True)
        assert isinstance(got, bytes)
        as_lines = sent.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
        assert got.decode() == as_lines


@settings(deadline=None)
@given(subject=LINES, name=LINES)
def test_no_subject_and_no_name_forges_a_header(subject: str, name: str) -> None:
    message = message_from_bytes(as_mime(changed(subject=subject, sender_name=name), MOMENT), policy=SMTP)
    assert sorted(message.keys()) == sorted(message_from_bytes(as_mime(MESSAGE, MOMENT), policy=SMTP).keys())
    assert message["To"].addresses[0].addr_spec == "asha@example.com"
    assert message["From"].addresses[0].addr_spec == "post@mail.example"


@pytest.mark.parametrize("field", ["subject", "sender_name", "to", "sender", "unsubscribe_url"])
@pytest.mark.parametrize("breaking", ["x\r\nBcc: all@example.com", "x\nBcc: all@example.com", "x\rBcc: y"])
def test_a_line_break_in_a_header_is_refused(field: str, breaking: str) -> None:
    with pytest.raises(LogicalEmailError):
        as_mime(changed(**{field: breaking}), MOMENT)


@pytest.mark.parametrize(
    "address",
    ["", "asha", "asha@", "@example.com", "asha @example.com", "asha@exa mple.com", "asha@\u200b.example"],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(LogicalEmailError):
        as_mime(changed(to=address), MOMENT)


def test_a_domain_of_any_script_has_its_ascii_form() -> None:
    assert envelope_address("asha@उदाहरण.example") == "asha@xn--p1b6ci4b4b3a.example"
    assert envelope_address("आशा@example.com") == "आशा@example.com"
    assert "आशा@example.com".encode() in as_mime(changed(to="आशा@example.com"), MOMENT)


def test_message_ids_are_of_the_senders_domain_and_never_the_same() -> None:
    made = {new_message_id("post@mail.example") for _ in range(100)}
    assert len(made) == 100
    assert all(one.startswith("<") and one.endswith("@mail.example>") for one in made)


@pytest.mark.parametrize(
    "hostile",
    [
        "=?utf-8?q?Locked=0D=0AReply-To:e@x.in=0D=0AContent-Type:text/html=0D=0A=0D=0A<a_href=3D//x.in>Sign_in</a>?=",
        "\u00e9 =?big5?B?=0A?=",
        "=?unicode_escape?q?a=5Cnb?=",
        "=?utf-7?q?+AAoADQo-?=",
        "=?hz?q?=3E/?=\u00e9",
        "=?utf-8?b?DQpCY2M6IGFsbEBleGFtcGxlLmNvbQ0K?=",
    ],
)
def test_an_encoded_word_in_a_value_is_text_and_nothing_else(hostile: str) -> None:
    """The value comes back as it is: what was encoded by somebody else is not decoded on the way."""
    raw = as_mime(changed(subject=hostile, sender_name=hostile), MOMENT)
    head = raw.partition(b"\r\n\r\n")[0].decode("ascii")
    names = [line.partition(":")[0] for line in head.split("\r\n") if not line.startswith(" ")]
    assert names == [
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
        *("List-Unsubscribe", "List-Unsubscribe-Post", "MIME-Version", "Content-Type"),
    ]
    subject = head.partition("\r\nSubject: ")[2].partition("\r\nDate:")[0]
    assert str(make_header(decode_header(subject))) == hostile


@pytest.mark.parametrize(
    "mailbox", ["=?utf-8?q?a=0D=0A=0D=0AYou_won=3A_x.in?=", "=?hz?q?=3E/?=\u00e9", "a,b", "a<b", "a:b"]
)
def test_a_mailbox_that_mail_clients_could_misread_is_refused(mailbox: str) -> None:
    with pytest.raises(LogicalEmailError):
        as_mime(changed(to=f"{mailbox}@example.com"), MOMENT)
