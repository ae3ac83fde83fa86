"""Tax numbers of buyers and sellers: whether one can be right, by its form.

Whether a number was ever given out, only the tax office knows; nobody is asked here.
"""

import re

from academy.kit.errors import InvalidError

_GSTIN = re.compile(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z][A-Z][0-9A-Z]")
_SEPARATORS = re.compile(r"[\s.\-/]")
LONGEST_TAX_ID = 30
# What a check digit of a GSTIN stands for.
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# The form of the number behind its two letters, by ISO 3166 country: European Commission, VIES, frequently asked
# questions, "What is the format of a VAT number?".
_VAT_NUMBERS = {
    "AT": r"U[0-9]{8}",
    "BE": r"[01][0-9]{9}",
    "BG": r"[0-9]{9,10}",
    "CY": r"[0-9]{8}[A-Z]",
    "CZ": r"[0-9]{8,10}",
    "DE": r"[0-9]{9}",
    "DK": r"[0-9]{8}",
    "EE": r"[0-9]{9}",
    "ES": r"[0-9A-Z][0-9]{7}[A-Z]|[A-Z][0-9]{8}",
    "FI": r"[0-9]{8}",
    "FR": r"[0-9A-Z]{2}[0-9]{9}",
    "GR": r"[0-9]{9}",
    "HR": r"[0-9]{11}",
    "HU": r"[0-9]{8}",
    "IE": r"[0-9][0-9A-Z+*][0-9]{5}[A-Z]|[0-9]{7}[A-Z]{2}",
    "IT": r"[0-9]{11}",
    "LT": r"[0-9]{9}|[0-9]{12}",
    "LU": r"[0-9]{8}",
    "LV": r"[0-9]{11}",
    "MT": r"[0-9]{8}",
    "NL": r"[0-9A-Z+*]{9}B[0-9A-Z+*]{2}",
    "PL": r"[0-9]{10}",
    "PT": r"[0-9]{9}",
    "RO": r"[0-9]{2,10}",
    "SE": r"[0-9]{12}",
    "SI": r"[0-9]{8}",
    "SK": r"[0-9]{10}",
}
# An example of each form, for people who mistyped theirs.
_EXAMPLES = {
    "AT": "ATU12345678",
    "BE": "BE0123456789",
    "BG": "BG123456789",
    "CY": "CY12345678X",
    "CZ": "CZ12345678",
    "DE": "DE123456789",
    "DK": "DK12345678",
    "EE": "EE123456789",
    "ES": "ESX1234567X",
    "FI": "FI12345678",
    "FR": "FR12345678901",
    "GR": "EL123456789",
    "HR": "HR12345678901",
    "HU": "HU12345678",
    "IE": "IE1234567X",
    "IT": "IT12345678901",
    "LT": "LT123456789",
    "LU": "LU12345678",
    "LV": "LV12345678901",
    "MT": "MT12345678",
    "NL": "NL123456789B01",
    "PL": "PL1234567890",
    "PT": "PT123456789",
    "RO": "RO1234567890",
    "SE": "SE123456789001",
    "SI": "SI12345678",
    "SK": "SK1234567890",
}


def parse_tax_id(text: str, country: str) -> str:
    """Returns a tax number as it is written on invoices, from what somebody typed.

    Indian and European numbers lose their separators and get capitals; a European one gets the letters of its country
    where they are missing (Greece's are EL). Those of other countries stay as they are, but for spaces around them.

    Args:
        text: what was typed.
        country: whose number it is, ISO 3166-1 alpha-2 in capitals.

    Raises InvalidError, with the field `tax_id`, for what cannot be a number of that country.
    """
    if country == "IN":
        return _gstin(text)
    if country in _VAT_NUMBERS:
        return _vat_number(text, country)
    number = text.strip()
    if not number or len(number) > LONGEST_TAX_ID or not number.isprintable():
        raise _invalid(f"Give the tax number as one line of up to {LONGEST_TAX_ID} characters, or leave it empty.")
    return number


def _gstin(text: str) -> str:
    """An Indian GSTIN: the state's code, a PAN, the count of the holder's registrations, a letter, a check digit."""
    number = _without_separators(text)
    if not _GSTIN.fullmatch(number):
        raise _invalid("A GSTIN has 15 characters, like 27AAPFU0939F1ZV: copy it from the registration certificate.")
    if number[-1] != _check_digit(number[:-1]):
        raise _invalid("One character of this GSTIN is wrong: compare it with the registration certificate.")
    return number


def _check_digit(digits: str) -> str:
    """The last digit of a GSTIN, as GSTN publishes it: Luhn's algorithm to the base 36, weights 1 and 2 by turns."""
    products = (_DIGITS.index(digit) * (1 + place % 2) for place, digit in enumerate(digits))
    return _DIGITS[-sum(sum(divmod(product, 36)) for product in products) % 36]


def _vat_number(text: str, country: str) -> str:
    letters = _EXAMPLES[country][:2]
    number = _without_separators(text)
    for body in (number.removeprefix(letters), number):
        if re.fullmatch(_VAT_NUMBERS[country], body):
            return letters + body
    raise _invalid(f"A VAT number of this country looks like {_EXAMPLES[country]}; leave it empty if you have none.")


def _without_separators(text: str) -> str:
    return _SEPARATORS.sub("", text).upper()


def _invalid(message: str) -> InvalidError:
    return InvalidError("The tax number cannot be right.", fields={"tax_id": message})
