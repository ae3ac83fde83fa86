"""Money in minor units."""

import msgspec
import pytest

from academy.kit.money import Money


@pytest.mark.parametrize(
    ("currency", "digits"),
    [("INR", 2), ("USD", 2), ("EUR", 2), ("JPY", 0), ("XAF", 0), ("UGX", 0), ("KWD", 3), ("IQD", 3), ("CLF", 4)],
)
def test_the_digits_after_the_sign(currency: str, digits: int) -> None:
    assert Money(amount=1, currency=currency).exponent == digits


def test_free_is_nothing_to_pay() -> None:
    assert Money(amount=0, currency="INR").is_free
    assert not Money(amount=1, currency="INR").is_free


def test_money_is_a_value() -> None:
    one, same, other = (Money(amount=149900, currency=c) for c in ("INR", "INR", "USD"))
    assert one == same != other
    assert msgspec.json.decode(msgspec.json.encode(one), type=Money) == one
    with pytest.raises(AttributeError):
        one.amount = 1  # type: ignore[misc]
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"amount": 1.5, "currency": "INR"}, Money)


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("499", "INR", 49_900),
        ("499.5", "INR", 49_950),
        ("499.50", "INR", 49_950),
        ("0", "INR", 0),
        ("1500", "JPY", 1_500),
        ("1500.00", "JPY", 1_500),
        ("1.5", "KWD", 1_500),
        ("0.0001", "CLF", 1),
        ("999999999999", "INR", 99_999_999_999_900),
    ],
)
def test_a_plain_number_is_money(text: str, currency: str, amount: int) -> None:
    money = Money.parse(text, currency)
    assert money == Money(amount=amount, currency=currency)
    assert Money.parse(money.plain, currency) == money


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("", "INR"),
        ("1.005", "INR"),
        ("1.5", "JPY"),
        ("-1", "INR"),
        ("+1", "INR"),
        ("1e3", "INR"),
        ("1,499", "INR"),
        ("१", "INR"),
        (" 1", "INR"),
        ("1\n", "INR"),
        ("1000000000000", "INR"),
        ("nan", "INR"),
    ],
)
def test_other_texts_are_none(text: str, currency: str) -> None:
    assert Money.parse(text, currency) is None


@pytest.mark.parametrize(
    ("amount", "currency", "plain"),
    [(149_900, "INR", "1499"), (149_950, "INR", "1499.50"), (1_500, "JPY", "1500"), (1_005, "KWD", "1.005")],
)
def test_money_as_one_types_it(amount: int, currency: str, plain: str) -> None:
    assert Money(amount=amount, currency=currency).plain == plain
