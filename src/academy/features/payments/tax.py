"""Tax arithmetic: what a price, a discount and the rates of taxes come to, and what a refund takes back of it.

Everything is in integers of one currency's minor units, so that the lines always add up: there is no fraction to lose.
Tables of rates, and the choice among them, are not here.
"""

from collections.abc import Sequence

import msgspec

from academy.kit.errors import InvalidError
from academy.kit.money import Money

# One per cent is 100 basis points.
_WHOLE = 10_000
# Union territories without a legislature of their own, by the GST code of the state: UTGST Act 2017, section 1 (2) and
# section 2 (114) of the CGST Act 2017. 97 is "Other Territory".
_UNION_TERRITORIES = frozenset({"04", "26", "31", "35", "38", "97"})


class TaxRate(msgspec.Struct, frozen=True, kw_only=True):
    """A tax and its rate.

    Attributes:
        name: as it stands on an invoice, such as `IGST` or `VAT`.
        basis_points: hundredths of a per cent; 1800 is 18 %.
    """

    name: str
    basis_points: int


class TaxLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one tax comes to. `amount` is in minor units, `basis_points` is the rate it was worked out at."""

    name: str
    basis_points: int
    amount: int


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be paid and what it is made of, in minor units of one currency.

    Always `net` + the taxes = `total`, and `price` less `discount` is the `total` when prices include the tax, else the
    `net`. Nothing is below zero.

    Attributes:
        currency: ISO 4217 code.
        inclusive: whether price and discount have the tax in them.
        net: what the taxes are worked out on (the taxable value), discount taken off.
    """

    currency: str
    inclusive: bool
    price: int
    discount: int
    net: int
    taxes: list[TaxLine]
    total: int


def quote(price: Money, discount: int, rates: Sequence[TaxRate], *, inclusive: bool) -> Quote:
    """Returns what a price comes to with its taxes.

    Each tax is worked out by itself and rounded half up to the minor unit. Two taxes of the same rate are therefore of
    the same amount, as CGST and SGST have to be; with `inclusive` the net is what the taxes leave of the price.

    Raises ValueError for a discount below zero or above the price, a price or rate below zero, and rates above 100 % in
    all.
    """
    combined = sum(rate.basis_points for rate in rates)
    if not 0 <= discount <= price.amount:
        raise ValueError(f"A discount is between 0 and the price, {price.amount}, not {discount}.")
    if combined > _WHOLE or any(rate.basis_points < 0 for rate in rates):
        raise ValueError("Rates of taxes are not below zero, and not above 100 % in all.")
    charged = price.amount - discount
    base = _WHOLE + combined if inclusive else _WHOLE
    taxes = [_line(rate, _half_up(charged * rate.basis_points, base)) for rate in rates]
    taxed = sum(line.amount for line in taxes)
    return Quote(
        currency=price.currency,
        inclusive=inclusive,
        price=price.amount,
        discount=discount,
        net=charged - taxed if inclusive else charged,
        taxes=taxes,
        total=charged if inclusive else charged + taxed,
    )


def gst_rates(basis_points: int, *, seller_state: str, place_of_supply: str) -> list[TaxRate]:
    """Returns what India's GST of a rate is levied as: CGST and SGST (or UTGST) by halves, or IGST.

    States are given by their GST codes, the first two digits of a GSTIN; `place_of_supply` is another text for a buyer
    abroad. Within one state the tax is the centre's and the state's (CGST Act 2017, section 9; IGST Act 2017, section
    8), between two and for exports it is integrated (IGST Act, sections 5 and 7).

    Raises ValueError for a rate that has no half in whole basis points.
    """
    if seller_state != place_of_supply:
        return [TaxRate(name="IGST", basis_points=basis_points)]
    half, rest = divmod(basis_points, 2)
    if rest:
        raise ValueError(f"A GST rate of {basis_points} basis points has no half.")
    of_the_state = "UTGST" if seller_state in _UNION_TERRITORIES else "SGST"
    return [TaxRate(name="CGST", basis_points=half), TaxRate(name=of_the_state, basis_points=half)]


def share(quoted: Quote, refunded: int, earlier: Sequence[Quote] = ()) -> Quote:
    """Returns how much of each line a refund takes back, as a quote whose total is the refund.

    `earlier` are the shares of the refunds before it. Whatever the refunds are, together they take exactly what the
    lines are, as soon as they come to the total; none takes below zero.

    Raises InvalidError for a refund that is nothing or more than what is left.
    """
    left = _left(quoted, earlier)
    if not 0 < refunded <= left.total:
        most = Money(amount=left.total, currency=left.currency)
        raise InvalidError(
            "There is not that much left to refund.",
            fields={"amount": f"Give an amount above zero and up to {most.major_units} {most.currency}."},
        )
    amounts = _tax_shares(left, refunded)
    discount = _half_up(left.discount * refunded, left.total)
    net = refunded - sum(amounts)
    return msgspec.structs.replace(
        left,
        price=discount + (refunded if left.inclusive else net),
        discount=discount,
        net=net,
        taxes=[_with(line, amount) for line, amount in zip(left.taxes, amounts, strict=True)],
        total=refunded,
    )


def _left(quoted: Quote, shares: Sequence[Quote]) -> Quote:
    """What is left of a quote after some shares of it."""
    return msgspec.structs.replace(
        quoted,
        price=quoted.price - sum(one.price for one in shares),
        discount=quoted.discount - sum(one.discount for one in shares),
        net=quoted.net - sum(one.net for one in shares),
        taxes=[
            _with(line, line.amount - sum(one.taxes[place].amount for one in shares))
            for place, line in enumerate(quoted.taxes)
        ],
        total=quoted.total - sum(one.total for one in shares),
    )


def _tax_shares(left: Quote, refunded: int) -> list[int]:
    """The refund's share of each tax.

    Each is rounded by itself, so that CGST and SGST stay the same. A few units may be too few for that (of 2, one
    cannot be halved): then one tax after the other gets its share of what those before it left, which always fits.
    """
    amounts = [_half_up(line.amount * refunded, left.total) for line in left.taxes]
    if 0 <= refunded - sum(amounts) <= left.net:
        return amounts
    amounts, units, total = [], refunded, left.total
    for line in left.taxes:
        amount = _half_up(line.amount * units, total) if total else 0
        amounts.append(amount)
        units -= amount
        total -= line.amount
    return amounts


def _line(rate: TaxRate, amount: int) -> TaxLine:
    return TaxLine(name=rate.name, basis_points=rate.basis_points, amount=amount)


def _with(line: TaxLine, amount: int) -> TaxLine:
    return msgspec.structs.replace(line, amount=amount)


def _half_up(numerator: int, denominator: int) -> int:
    """The quotient of two integers that are not below zero, rounded half up."""
    return (2 * numerator + denominator) // (2 * denominator)
