from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from academy.kit.money import Money
from academy.web.formatting import HUES, Formatter, format_duration, hue_number, initials
from tests.academies.in_process import MovedClock


def formatter(language: str = "en", time_zone: str = "Asia/Kolkata") -> Formatter:
    return Formatter(language, time_zone, MovedClock())


@pytest.mark.parametrize(
    ("amount", "currency", "english", "hindi"),
    [
        (149900, "INR", "₹1,499", "₹1,499"),
        (149950, "INR", "₹1,499.50", "₹1,499.50"),
        (14990000, "INR", "₹1,49,900", "₹1,49,900"),
        (100000000, "INR", "₹10,00,000", "₹10,00,000"),
        (1999, "USD", "$19.99", "$19.99"),
        (2000, "USD", "$20", "$20"),
        (1500, "JPY", "JP¥1,500", "JP¥1,500"),
        (1234567, "KWD", "KWD\u00a01,234.567", "KWD\u00a01,234.567"),
        (1234000, "KWD", "KWD\u00a01,234", "KWD\u00a01,234"),
        (0, "INR", "₹0", "₹0"),
    ],
)
def test_money_is_written_as_its_readers_do(amount: int, currency: str, english: str, hindi: str) -> None:
    assert formatter("en").money(amount, currency) == english
    assert formatter("hi").money(amount, currency) == hindi


@given(st.integers(0, 10**12), st.sampled_from(["INR", "USD", "JPY", "KWD", "EUR"]))
def test_no_amount_is_lost_in_writing(amount: int, currency: str) -> None:
    digits = "".join(c for c in formatter().money(amount, currency) if c.isdigit())
    exponent = Money(amount=amount, currency=currency).exponent
    assert amount in (int(digits), int(digits) * 10**exponent)


def test_a_date_is_the_day_where_the_visitor_is() -> None:
    late = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
    assert formatter(time_zone="UTC").date(late) == "23 Nov 2026"
    assert formatter(time_zone="Asia/Kolkata").date(late) == "24 Nov 2026"
    assert formatter("hi", "Asia/Kolkata").date(late) == "24 नव॰ 2026"


def test_a_moment_is_that_of_the_visitors_clock() -> None:
    late = datetime(2026, 11, 23, 20, 0, 5, tzinfo=UTC)
    assert formatter(time_zone="UTC").moment(late) == "23 Nov 2026, 8:00:05\u202fpm"
    assert formatter(time_zone="Asia/Kolkata").moment(late) == "24 Nov 2026, 1:30:05\u202fam"


@pytest.mark.parametrize(
    ("distance", "english"),
    [
        (timedelta(0), "1 second ago"),
        (timedelta(seconds=-30), "30 seconds ago"),
        (timedelta(days=-3), "3 days ago"),
        (timedelta(days=3), "in 3 days"),
    ],
)
def test_a_moment_is_told_by_its_distance(distance: timedelta, english: str) -> None:
    clock = MovedClock()
    moment = clock.now() + distance
    assert Formatter("en", "UTC", clock).relative(moment) in (english, english.replace("30", "31"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (45.4, "45 s"),
        (59.6, "1 min"),
        (90, "2 min"),
        (3569, "59 min"),
        (3599, "1 h"),
        (3600, "1 h"),
        (3900, "1 h 5 min"),
        (7199, "2 h"),
    ],
)
def test_a_length_is_told_shortly(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(0, 10**6))
def test_no_length_has_sixty_minutes_left(seconds: int) -> None:
    assert "60 min" not in format_duration(seconds)


def test_a_generated_picture_is_always_the_same() -> None:
    assert hue_number("python") == hue_number("python")
    assert {hue_number(f"course {n}") for n in range(200)} == set(range(HUES))


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Maya Rao", "MR"), ("asha", "A"), ("  Jean  Luc  Picard ", "JP"), ("Maya Maya", "M"), ("!!!", "?"), ("", "?")],
)
def test_initials(name: str, letters: str) -> None:
    assert initials(name) == letters
