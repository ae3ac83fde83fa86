"""The table of taxes: which ones a buyer pays on a course."""

import re
from collections.abc import Sequence

import msgspec

from academy.features.payments.errors import TaxRuleNotFound
from academy.features.payments.invoice import Buyer
from academy.features.payments.pricing_model import TaxRule
from academy.features.payments.repository import TaxRepository
from academy.features.payments.settings import PaymentSettings
from academy.features.payments.tax import Quote, TaxRate, gst_rates, quote
from academy.infrastructure.database.base import Database
from academy.infrastructure.database.errors import UniqueViolation
from academy.kit.clock import Clock
from academy.kit.errors import InvalidError
from academy.kit.money import Money

EVERYWHERE = "*"
LONGEST_NAME = 40
_COUNTRY = re.compile(r"[A-Z]{2}|\*")
_MOST_BASIS_POINTS = 10_000
INDIA = "IN"
_GST = "GST"


class TaxDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What an admin says of a line of the table; see TaxRule."""

    country: str
    course_id: str = ""
    name: str
    basis_points: int
    inclusive: bool = True


class TaxTable:
    """The table, and what it makes of a price."""

    def __init__(self, database: Database, clock: Clock, settings: PaymentSettings) -> None:
        self._clock = clock
        self._settings = settings
        self._rules = TaxRepository(database)

    async def quote(self, price: Money, discount: int, course_id: str, buyer: Buyer) -> Quote:
        """Returns what a buyer pays for a course, line by line.

        The lines for the course in the buyer's country decide; else those for all courses there; else those for the
        course everywhere; else those for all courses everywhere. Without any, there is no tax.
        """
        rules = await self._rules.matching([buyer.country, EVERYWHERE], [course_id, ""])
        for country, course in (
            (buyer.country, course_id),
            (buyer.country, ""),
            (EVERYWHERE, course_id),
            (EVERYWHERE, ""),
        ):
            chosen = [rule for rule in rules if rule.country == country and rule.course_id == course]
            if chosen:
                return quote(price, discount, self._rates(chosen, buyer), inclusive=chosen[0].inclusive)
        return quote(price, discount, [], inclusive=True)

    def _rates(self, rules: Sequence[TaxRule], buyer: Buyer) -> list[TaxRate]:
        """The rates of the lines; GST of an Indian seller is levied by halves or integrated, by where the buyer is."""
        seller = self._settings
        rates: list[TaxRate] = []
        for rule in rules:
            if rule.name == _GST and seller.seller_state and seller.seller_country == INDIA:
                # Who names no state is served where the seller is (IGST Act 2017, section 12 (2) (b)).
                place = (buyer.state or seller.seller_state) if buyer.country == INDIA else buyer.country
                rates += gst_rates(rule.basis_points, seller_state=seller.seller_state, place_of_supply=place)
            else:
                rates.append(TaxRate(name=rule.name, basis_points=rule.basis_points))
        return rates

    async def all(self) -> list[TaxRule]:
        """Returns the table, by country."""
        return await self._rules.all()

    async def add(self, rule: TaxDetails) -> TaxRule:
        """Adds a line. Raises InvalidError, with the field that is wrong."""
        mistakes: dict[str, str] = {}
        if not _COUNTRY.fullmatch(rule.country):
            mistakes["country"] = "Two capital letters, such as IN, or * for everywhere."
        if not 1 <= len(rule.name) <= LONGEST_NAME:
            mistakes["name"] = f"A name of 1 to {LONGEST_NAME} characters, such as GST."
        if not 0 <= rule.basis_points <= _MOST_BASIS_POINTS:
            mistakes["basis_points"] = "This must be from 0 to 100 percent."
        if rule.name == _GST and rule.basis_points % 2:
            mistakes["basis_points"] = "A rate of GST has to have a half in hundredths of a percent."
        beside = await self._rules.matching([rule.country], [rule.course_id]) if not mistakes else []
        if any(other.inclusive != rule.inclusive for other in beside):
            mistakes["inclusive"] = "Taxes on the same prices are all in the price, or all added to it."
        if rule.basis_points + sum(other.basis_points for other in beside) > _MOST_BASIS_POINTS:
            mistakes.setdefault("basis_points", "Taxes on the same prices come to 100 percent at most.")
        if mistakes:
            raise InvalidError(next(iter(mistakes.values())), fields=mistakes)
        now = self._clock.now()
        added = TaxRule(**msgspec.structs.asdict(rule), created_at=now, updated_at=now)
        try:
            await self._rules.insert(added)
        except UniqueViolation as error:
            text = "This tax is in the table already. Remove it first to change it."
            raise InvalidError(text, fields={"name": text}) from error
        return added

    async def remove(self, rule_id: str) -> None:
        """Removes a line. Raises TaxRuleNotFound."""
        if not await self._rules.delete(rule_id):
            raise TaxRuleNotFound
