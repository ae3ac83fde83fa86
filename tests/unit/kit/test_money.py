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
