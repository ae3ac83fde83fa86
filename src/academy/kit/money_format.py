"""How money is written for people."""

from babel import Locale
from babel.numbers import format_currency, get_currency_symbol

from academy.kit.money import Money


def format_money(money: Money, locale: str, *, whole_without_decimals: bool = False) -> str:
    """Returns an amount as a locale writes it, e.g. ₹1,499.00 in `en_IN`; a name of letters stands off: KWD 1.500.

    It has the decimals of the currency (ISO 4217), and none with `whole_without_decimals` when they are all zero.
    Raises babel.UnknownLocaleError.
    """
    value = money.major_units
    digits = 0 if whole_without_decimals and value == value.to_integral_value() else money.exponent
    pattern = _pattern(money.currency, locale, digits)
    # The decimals are in the pattern: those that CLDR knows of a currency are not always those of ISO 4217.
    return format_currency(value, money.currency, pattern, locale=locale, currency_digits=False)


def _pattern(currency: str, locale: str, digits: int) -> str:
    """The locale's own pattern (it groups rupees by lakh and crore) with the decimals that are wanted."""
    pattern: str = Locale.parse(locale).currency_formats["standard"].pattern
    decimals = f".{'0' * digits}" if digits else ""
    if get_currency_symbol(currency, locale=locale)[-1].isalpha():
        pattern = pattern.replace("¤", "¤\u00a0")
    return pattern.replace(".00", decimals)
