"""The countries that a buyer can choose from."""

from unicodedata import normalize

from babel import Locale

# What CLDR names beside the countries of ISO 3166-1: reserved codes of parts of countries, unions, and codes for tests.
# Kosovo's XK stays: gateways take it.
_NO_COUNTRIES = frozenset(
    ("AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"),
)
_LETTERS = 2


def countries(language: str, first: str) -> dict[str, str]:
    """Returns code -> name of all countries, those of ISO 3166-1 alpha-2: `first`, then the others by name."""
    names = {
        code: name
        for code, name in Locale.parse(language).territories.items()
        if len(code) == _LETTERS and code.isalpha() and code not in _NO_COUNTRIES
    }
    # Taken apart, letters with marks stand behind the same letter without: Åland with A.
    return dict(sorted(names.items(), key=lambda one: (one[0] != first, normalize("NFD", one[1]))))
