"""Invoices are kept as they were written, and dated where their seller is."""

from datetime import UTC, date, datetime

import msgspec
import pytest

from academy.features.payments.invoice import Invoice
from tests.unit.features.payments.invoices import SELLER, an_invoice


def test_an_invoice_comes_back_as_it_was_written() -> None:
    invoice = an_invoice(notes=["Reverse charge"], of_issued_at=datetime(2026, 11, 1, tzinfo=UTC))
    assert msgspec.json.decode(msgspec.json.encode(invoice), type=Invoice) == invoice


@pytest.mark.parametrize(
    ("zone", "day"),
    # The last evening of the financial year, in Greenwich.
    [("Asia/Kolkata", date(2027, 4, 1)), ("UTC", date(2027, 3, 31)), ("America/New_York", date(2027, 3, 31))],
)
def test_it_is_dated_where_its_seller_is(zone: str, day: date) -> None:
    seller = msgspec.structs.replace(SELLER, time_zone=zone)
    assert an_invoice(seller=seller, issued_at=datetime(2027, 3, 31, 20, 30, tzinfo=UTC)).issued_on == day
