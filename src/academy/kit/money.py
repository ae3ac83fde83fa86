"""Money: integer minor units and an ISO 4217 currency."""

import re
from decimal import Decimal
from typing import Self

import msgspec

# Digits after the decimal sign, ISO 4217; every currency not named here has two.
_EXPONENTS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX"), 0),
    **dict.fromkeys(("UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}

_PLAIN = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,4})?")


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """An amount of money.

    Attributes:
        amount: minor units (paise, cents).
        currency: ISO 4217 code in capitals.
    """

    amount: int
    currency: str

    @classmethod
    def parse(cls, text: str, currency: str) -> Self | None:
        """Returns what a plain number of major units means, such as 499 or 499.50; None when it is no such number.

        Digits beyond the currency's decimals are taken only when they are zero.
        """
        if not _PLAIN.fullmatch(text):
            return None
        minor = Decimal(text).scaleb(cls(amount=0, currency=currency).exponent)
        return None if minor % 1 else cls(amount=int(minor), currency=currency)

    @property
    def plain(self) -> str:
        """The amount as one types it: 499 or 499.50."""
        amount = self.major_units
        return f"{amount:.{self.exponent}f}" if amount % 1 else f"{amount:.0f}"

    @property
    def is_free(self) -> bool:
        """True when nothing is to be paid."""
        return self.amount == 0

    @property
    def major_units(self) -> Decimal:
        """The amount in rupees, dollars, yen."""
        return Decimal(self.amount).scaleb(-self.exponent)

    @property
    def exponent(self) -> int:
        """Digits after the decimal sign of the currency (ISO 4217)."""
        return _EXPONENTS.get(self.currency, 2)
