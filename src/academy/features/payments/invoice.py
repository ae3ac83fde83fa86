"""Invoices and credit notes: what was charged or given back, as it was said to the buyer on that day."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar
from zoneinfo import ZoneInfo

import msgspec

from academy.features.payments.tax import Quote
from academy.infrastructure.database.document import Document, Index

# The zone whose days invoices are dated and numbered by: the academy sells from India.
SELLERS_ZONE = "Asia/Kolkata"


class InvoiceKind(StrEnum):
    """An invoice asks for money, or says that it came; a credit note takes an invoice back, in whole or in part."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class Seller(msgspec.Struct, frozen=True, kw_only=True):
    """Who sells.

    Attributes:
        address: its lines, without the country.
        country: ISO 3166-1 alpha-2.
        state: the GST code of an Indian seller's state, else "".
        tax_id: GSTIN or VAT number; "" for a seller who is not registered and takes no tax.
        time_zone: IANA name of the zone whose days the invoices are dated by.
    """

    name: str
    address: list[str]
    country: str
    state: str = ""
    tax_id: str = ""
    time_zone: str = SELLERS_ZONE


class Buyer(msgspec.Struct, frozen=True, kw_only=True):
    """Who buys. `address`, `country` and `state` are as a Seller's; `tax_id` is "" for somebody who has none."""

    name: str
    email: str
    address: list[str] = []
    country: str
    state: str = ""
    tax_id: str = ""


class Invoice(Document, kw_only=True):
    """An invoice or a credit note. Nothing of it ever changes: what turns out wrong is taken back by a credit note.

    Attributes:
        number: unique; of a series without gaps.
        of_number, of_issued_at: of a credit note: the invoice that it takes back, which it has to name (CGST Rules
            2017, rule 53 (1A)); "" and None otherwise.
        service_code: what was sold, by the code that the seller's country wants (India: HSN/SAC); "" for none.
        quote: the amounts; of a credit note the share that is given back.
        payment_method: how it was paid, in words for the buyer.
        refund_reason: of a credit note: why, in words for the buyer.
        notes: what the law wants to have said beside, such as "Reverse charge"; each a line.
    """

    __collection__: ClassVar[str] = "invoices"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("number",), unique=True),
        Index(("transaction_id", "issued_at")),
        Index(("-issued_at",)),
    )

    number: str
    kind: InvoiceKind
    transaction_id: str
    of_number: str = ""
    of_issued_at: datetime | None = None
    issued_at: datetime
    seller: Seller
    buyer: Buyer
    description: str
    service_code: str = ""
    quote: Quote
    payment_method: str
    refund_reason: str = ""
    notes: list[str] = []

    @property
    def issued_on(self) -> date:
        """The date of the invoice, where its seller is: it decides the financial year."""
        return self.day(self.issued_at)

    def day(self, moment: datetime) -> date:
        """Returns the seller's day of a moment."""
        return moment.astimezone(ZoneInfo(self.seller.time_zone)).date()
