"""Money as people read it."""

import pytest

from academy.kit.money import Money
from academy.kit.money_format import format_money


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        (149_900, "INR", "₹1,499.00"),
        (1_234_567_890, "INR", "₹1,23,45,678.90"),
        (1500, "JPY", "JP¥1,500"),
        (1500, "KWD", "KWD\u00a01.500"),
        (123_456, "CLF", "CLF\u00a012.3456"),
        # CLDR writes dinars of Iraq without decimals, and would leave 456 of these fils out.
        (123_456, "IQD", "IQD\u00a0123.456"),
        (0, "USD", "$0.00"),
    ],
)
def test_every_minor_unit_is_written(amount: int, currency: str, written: str) -> None:
    assert format_money(Money(amount=amount, currency=currency), "en_IN") == written


@pytest.mark.parametrize(("amount", "written"), [(149_900, "₹1,499"), (149_950, "₹1,499.50"), (0, "₹0")])
def test_whole_amounts_can_go_without_decimals(amount: int, written: str) -> None:
    assert format_money(Money(amount=amount, currency="INR"), "en_IN", whole_without_decimals=True) == written
