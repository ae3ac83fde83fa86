"""Money: integer minor units and an ISO 4217 currency."""

from decimal import Decimal

import msgspec

# Digits after the decimal sign, ISO 4217; every currency not named here has two.
_EXPONENTS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX"), 0),
    **dict.fromkeys(("UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """An amount of money.

    Attributes:
        amount: minor units (paise, cents).
        currency: ISO 4217 code in capitals.
    """

    amount: int
    currency: str

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
