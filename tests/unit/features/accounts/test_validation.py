"""The rules for what people say about themselves."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from academy.features.accounts.model import Preferences, Profile
from academy.features.accounts.validation import (
    LONGEST_NAME,
    check_preferences,
    checked_email,
    checked_name,
    checked_profile,
)
from academy.kit.errors import InvalidError
from academy.kit.text import email_key


@given(st.emails())
def test_spellings_of_an_address_have_one_key(email: str) -> None:
    key = email_key(email)
    for spelling in (email.upper(), email.lower(), f" {email}\n", unicodedata.normalize("NFD", email), key):
        assert email_key(spelling) == key
    assert email_key(checked_email(email)) == email_key(checked_email(email.upper()))


@pytest.mark.parametrize(
    "email", ["", "a", "a@", "@b.example", "a b@c.example", "a@b", "a@b.example\nBcc: c@d.example"]
)
def test_what_is_no_address_is_named(email: str) -> None:
    with pytest.raises(InvalidError) as raised:
        checked_email(email, "address")
    assert set(raised.value.fields) == {"address"}


@given(st.text())
def test_a_name_is_one_clean_line_or_refused(text: str) -> None:
    try:
        name = checked_name(text)
    except InvalidError:
        return
    assert 1 <= len(name) <= LONGEST_NAME
    assert name == " ".join(text.split())
    assert not any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in name)
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["Zoë O’Neill", "अशोक कुमार", "क्\u200dष", "می\u200cخواهم", "李小龍", "X Æ A-12"])
def test_names_of_every_script_are_taken(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name", ["", " ", "\u200d", "\u200b", "a\u202eb", "a\x00b", "\ud800", "n" * (LONGEST_NAME + 1)]
)
def test_names_that_nobody_could_read_are_refused(name: str) -> None:
    with pytest.raises(InvalidError) as raised:
        checked_name(name)
    assert set(raised.value.fields) == {"name"}


def test_a_profile_is_tidied() -> None:
    links = [" https://a.example ", "", "http://b.example/x?y=1"]
    tidy = checked_profile(Profile(headline=" A \n line ", bio="\n Two\n\nparagraphs ", links=links, avatar_key="k"))
    assert tidy == Profile(
        headline="A line", bio="Two\n\nparagraphs", links=["https://a.example", "http://b.example/x?y=1"]
    )


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "//a.example", "a.example", "https://a b"])
def test_links_lead_to_web_pages_only(link: str) -> None:
    with pytest.raises(InvalidError) as raised:
        checked_profile(Profile(links=[link]))
    assert set(raised.value.fields) == {"links"}


@pytest.mark.parametrize("links", [["https://a.example"] * 6, ["https://a.example/" + "x" * 183]])
def test_links_are_few_and_short(links: list[str]) -> None:
    with pytest.raises(InvalidError) as raised:
        checked_profile(Profile(links=links))
    assert set(raised.value.fields) == {"links"}


def test_preferences_are_those_on_offer() -> None:
    check_preferences(Preferences())
    with pytest.raises(InvalidError) as raised:
        check_preferences(Preferences(theme="pink", language="tlh", time_zone="../etc/passwd"))
    assert set(raised.value.fields) == {"theme", "language", "time_zone"}
