"""Invoices to test with."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from academy.features.payments.invoice import Buyer, Invoice, InvoiceKind, Seller
from academy.features.payments.tax import gst_rates, quote
from academy.infrastructure.email.rendering import Branding
from academy.kit.money import Money

ISSUED = datetime(2026, 11, 23, 12, tzinfo=UTC)
BRANDING = Branding(
    name="Rtech Academy",
    accent="#3d5afe",
    logo_url="",
    support_email="support@rtechacademy.com",
    url="https://rtechacademy.com",
)
SELLER = Seller(
    name="Rtech Learning Private Limited",
    address=["17 Residency Road", "Bengaluru 560025"],
    country="IN",
    state="29",
    tax_id="29AAGCB7383J1Z4",
)
BUYER = Buyer(name="Maya Rao", email="maya@example.com", country="IN", state="29")
_INVOICE = Invoice(
    created_at=ISSUED,
    updated_at=ISSUED,
    number="RA/26-27/000142",
    kind=InvoiceKind.INVOICE,
    transaction_id="0192f000-0000-7000-8000-000000000001",
    issued_at=ISSUED,
    seller=SELLER,
    buyer=BUYER,
    description="Python from the first line",
    service_code="999293",
    quote=quote(
        Money(amount=149_900, currency="INR"),
        0,
        gst_rates(1800, seller_state="29", place_of_supply="29"),
        inclusive=True,
    ),
    payment_method="UPI, Razorpay",
)


def an_invoice(**changes: Any) -> Invoice:
    """A tax invoice of one course, but for what is given."""
    return msgspec.structs.replace(_INVOICE, **changes)
