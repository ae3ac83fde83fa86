"""Money: integer minor units and an ISO 4217 currency."""

import msgspec

# Digits after the decimal sign, ISO 4217; every currency not named here has two.
_EXPONENTS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "BHD": 3, "KWD": 3, "OMR": 3, "TND": 3, "JOD": 3}


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """An amount of money.

    Attributes:
        amount: minor units (paise, cents); never negative.
        currency: ISO 4217 code in capitals.
    """

    amount: int
    currency: str

    @property
    def is_free(self) -> bool:
        """True when nothing is to be paid."""
        return self.amount == 0

    @property
    def exponent(self) -> int:
        """Digits after the decimal sign of the currency (ISO 4217)."""
        return _EXPONENTS.get(self.currency, 2)
