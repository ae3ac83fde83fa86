"""Numbers of invoices and credit notes: consecutive in each Indian financial year, without gaps.

CGST Rules 2017, rule 46(b): a consecutive serial number of at most sixteen characters, unique for a financial year; it
begins on the first of April, in India's time.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from academy.features.payments.invoice import SELLERS_ZONE
from academy.features.payments.repository import CounterRepository
from academy.infrastructure.database.base import Database
from academy.kit.clock import Clock

_APRIL = 4
_CREDIT_NOTE = "C"


class Numbering:
    """Gives the numbers out, each in the transaction that uses it, so that a number that is given out is used."""

    def __init__(self, database: Database, clock: Clock, prefix: str) -> None:
        self._counters = CounterRepository(database)
        self._clock = clock
        self._prefix = prefix

    async def next_invoice(self) -> str:
        """Returns the next number of an invoice, such as RA-2627-000123. Joins the open transaction."""
        return await self._next(self._prefix)

    async def next_credit_note(self) -> str:
        """Returns the next number of a credit note, such as RAC-2627-000007. Joins the open transaction."""
        return await self._next(self._prefix + _CREDIT_NOTE)

    async def _next(self, prefix: str) -> str:
        now = self._clock.now()
        series = f"{prefix}-{financial_year(now)}"
        return f"{series}-{await self._counters.next(series, now):06d}"


def financial_year(moment: datetime) -> str:
    """Returns the Indian financial year of a moment, such as `2627` for April 2026 to March 2027."""
    local = moment.astimezone(ZoneInfo(SELLERS_ZONE))
    first = local.year if local.month >= _APRIL else local.year - 1
    return f"{first % 100:02d}{(first + 1) % 100:02d}"
