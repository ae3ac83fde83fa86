"""The pages of invoices and credit notes, to keep and to print.

What stands on them is what India's CGST Rules 2017 want (rule 46 for invoices, rule 53 (1A) for credit notes), which is
more than most countries do; docs/invoices.md tells line by line.
"""

from collections.abc import Sequence
from datetime import date
from urllib.parse import urlsplit

from babel import Locale
from babel.dates import format_date

from academy.features.payments.gst_states import GST_STATES
from academy.features.payments.invoice import Buyer, Invoice, InvoiceKind, Seller
from academy.infrastructure.email.rendering import Branding
from academy.infrastructure.pdf.sheet import INK, MARGIN, SOFT, Sheet
from academy.kit.colors import ink_on
from academy.kit.money import Money
from academy.kit.money_format import format_money

_LOCALE = "en_IN"
_LANGUAGE = "en-IN"
_INDIA = "IN"
_GAP = 8.0
# Where the amounts begin that lead to the total, and the room for what they are called.
_AMOUNTS, _AMOUNT_LABEL = 92.0, 42.0
_LABEL, _TEXT, _TITLE = 7.8, 9.6, 27.0
_MOST_ADDRESS_LINES = 6
# An invoice issued electronically needs no signature: CGST Rules 2017, provisos of rule 46.
_ELECTRONIC = "Issued electronically, without signature."


class InvoiceSheet(Sheet):
    """The pages of one invoice, written from top to bottom."""

    def __init__(self, invoice: Invoice, branding: Branding, accent: str) -> None:
        """`accent` is the academy's, as dark as text on paper needs it."""
        self._invoice = invoice
        self._branding = branding
        self._accent = accent
        self._name = f"{_heading(invoice)} {invoice.number}"
        super().__init__(
            title=self._name,
            author=invoice.seller.name,
            language=_LANGUAGE,
            created_at=invoice.issued_at,
        )

    # --- every page ---

    def header(self) -> None:
        """Draws the academy's mark and name, and from the second page on whose page it is; fpdf2 calls it for each."""
        branding = self._branding
        self.set_fill_color(branding.accent)
        self.rect(0, 0, self.w, 2.2, style="F")
        self.rect(MARGIN, 16, 8.5, 8.5, style="F", round_corners=True, corner_radius=2.2)
        name = self.printable(branding.name)
        self.style(12.5, strong=True, color=ink_on(branding.accent))
        self.write_line(name[:1].upper(), MARGIN, 17.3, 8.5, align="C")
        self.style(12.5, strong=True)
        self.block(name, MARGIN + 12, 17.3, 90)
        self.style(_TEXT, color=SOFT)
        beside = self._name if self.page_no() > 1 else urlsplit(branding.url).netloc
        self.block(beside, MARGIN + 106, 18, self.epw - 106, align="R")
        self.set_y(36)

    def footer(self) -> None:
        """Says whom to ask, and which page it is; fpdf2 calls it at the end of each page."""
        y = self.h - 19
        self.rule(y)
        self.style(_LABEL, color=SOFT)
        self.block(f"Questions? {self._branding.support_email}", MARGIN, y + 2.5, 120)
        self.write_line(f"Page {self.page_of_pages}", self.w - MARGIN - 40, y + 2.5, 40, align="R")

    # --- the parts ---

    def facts(self) -> None:
        """Writes what it is, its number and its dates."""
        invoice = self._invoice
        self.style(_TITLE, strong=True)
        self.set_y(self.block(_heading(invoice), MARGIN, self.y, self.epw) + 5)
        facts = [("Number", invoice.number), ("Date", _written(invoice.issued_on))]
        if invoice.of_issued_at is not None:
            facts += [("For invoice", invoice.of_number), ("Dated", _written(invoice.day(invoice.of_issued_at)))]
        else:
            facts += [("Paid by", invoice.payment_method)]
        self.rule(self.y)
        self._columns([[(label, value, 2)] for label, value in facts], 4, strong=True)
        self.rule(self.y)
        self.set_y(self.y + _GAP)

    def parties(self) -> None:
        """Writes who sold to whom."""
        seller, buyer = self._invoice.seller, self._invoice.buyer
        sold = [("From", seller.name, 2), *_lines(seller)]
        bought = [("Billed to", buyer.name, 2), *_lines(buyer), ("", buyer.email, 2)]
        self._columns([sold, bought], 2)
        self.set_y(self.y + _GAP)

    def item(self) -> None:
        """Writes what was sold, at which price."""
        invoice = self._invoice
        quote = invoice.quote
        self.style(_LABEL, strong=True, color=self._accent)
        self.room(50)
        y = self.y
        below = self.block("Description", MARGIN, y, 100)
        self.block(f"Amount in {quote.currency}", MARGIN + 110, y, self.epw - 110, align="R")
        self.rule(below + 1.5, width=0.45, color=INK)
        top = below + 4.5
        self.style(_TEXT + 1, strong=True)
        below = self.block(invoice.description, MARGIN, top, 112, most_lines=4)
        self.figure(self._money(quote.price), MARGIN + 116, top, self.epw - 116)
        details = ["Taxes included" if quote.inclusive else "Before taxes"] if quote.taxes else []
        details += [f"HSN/SAC {invoice.service_code}"] if invoice.service_code else []
        self.style(_LABEL + 0.6, color=SOFT)
        self.set_y(self.block(" · ".join(details), MARGIN, below + 0.6, 112) + 3)

    def amounts(self) -> None:
        """Writes how the price becomes the total."""
        quote = self._invoice.quote
        rows = [("Discount", self._money(-quote.discount))] if quote.discount else []
        if quote.taxes:
            rows += [("Taxable value", self._money(quote.net))]
        rows += [(f"{tax.name} {_percent(tax.basis_points)}", self._money(tax.amount)) for tax in quote.taxes]
        if rows:
            self.rule(self.y)
            self.set_y(self.y + 3)
        for label, amount in rows:
            self._amount(label, amount, _TEXT)
        self.room(24)
        y = self.y + 1.5
        self.rule(y, left=_AMOUNTS, width=0.45, color=INK)
        self.set_y(y + 3)
        label = "Total refunded" if self._invoice.kind is InvoiceKind.CREDIT_NOTE else "Total paid"
        self._amount(label, self._money(quote.total), 14, strong=True)
        self.set_y(self.y + _GAP)

    def remarks(self) -> None:
        """Writes what is to be said beside: the reason of a refund, and what the law wants to have said."""
        invoice = self._invoice
        remarks = [("Refunded to", invoice.payment_method)] if invoice.kind is InvoiceKind.CREDIT_NOTE else []
        remarks += [("Reason", invoice.refund_reason)] if invoice.refund_reason else []
        place = _place_of_supply(invoice)
        remarks += [("Place of supply", place)] if place else []
        if _is_gst(invoice):
            remarks += [("Tax payable on reverse charge", "No")]
        for label, text in [*remarks, *(("", note) for note in invoice.notes)]:
            self.room(14)
            self._remark(label, text)
        if _is_gst(invoice):
            self.room(8)
            self._remark("", _ELECTRONIC)

    # --- the pieces ---

    def _columns(self, columns: Sequence[Sequence[tuple[str, str, int]]], count: int, *, strong: bool = False) -> None:
        """Writes columns of (label or "", text, most lines) beside each other, and goes below the longest."""
        width = (self.epw - _GAP * (count - 1)) / count
        top, lowest = self.y + 3, self.y
        for place, entries in enumerate(columns):
            x, y = MARGIN + place * (width + _GAP), top
            for label, text, most_lines in entries:
                if label:
                    self.style(_LABEL, strong=True, color=self._accent)
                    y = self.block(label, x, y, width) + 0.8
                self.style(_TEXT, strong=strong or bool(label), color=INK if label else SOFT)
                y = self.block(text, x, y, width, most_lines=most_lines)
            lowest = max(lowest, y)
        self.set_y(lowest + 3)

    def _amount(self, label: str, amount: str, size: float, *, strong: bool = False) -> None:
        self.style(size, strong=strong, color=INK if strong else SOFT)
        self.room(self.line_height)
        y = self.y
        below = self.block(label, _AMOUNTS, y, _AMOUNT_LABEL, most_lines=2)
        self.style(size, strong=strong)
        x = _AMOUNTS + _AMOUNT_LABEL
        self.set_y(max(below, self.figure(amount, x, y, self.w - MARGIN - x)) + 1.2)

    def _remark(self, label: str, text: str) -> None:
        self.style(_LABEL + 0.6, color=SOFT)
        self.set_y(self.block(f"{label}: {text}" if label else text, MARGIN, self.y, self.epw, most_lines=3) + 0.8)

    def _money(self, amount: int) -> str:
        return format_money(Money(amount=amount, currency=self._invoice.quote.currency), _LOCALE)


def _heading(invoice: Invoice) -> str:
    if invoice.kind is InvoiceKind.CREDIT_NOTE:
        return "Credit note"
    # Only who is registered may issue a tax invoice (CGST Act 2017, section 31 (1)).
    return "Tax invoice" if invoice.seller.tax_id else "Invoice"


def _is_gst(invoice: Invoice) -> bool:
    return invoice.seller.country == _INDIA and bool(invoice.seller.tax_id)


def _place_of_supply(invoice: Invoice) -> str:
    """The buyer's state with its code, as rule 46 (n) wants it; abroad the country. "" where GST has no say."""
    buyer = invoice.buyer
    if not _is_gst(invoice):
        return ""
    if buyer.country != _INDIA:
        return _country(buyer.country)
    state = buyer.state or invoice.seller.state
    return f"{GST_STATES[state]} ({state})" if state in GST_STATES else ""


def _lines(party: Seller | Buyer) -> list[tuple[str, str, int]]:
    """The lines of a party below its name."""
    state = GST_STATES.get(party.state, "")
    country = f"{state}, {_country(party.country)}" if state else _country(party.country)
    tax_id = [f"{'GSTIN' if party.country == _INDIA else 'Tax number'} {party.tax_id}"] if party.tax_id else []
    return [("", line, 2) for line in [*party.address[:_MOST_ADDRESS_LINES], country, *tax_id]]


def _country(code: str) -> str:
    names = Locale.parse(_LOCALE).territories
    return str(names.get(code, code))


def _written(day: date) -> str:
    return format_date(day, format="d MMMM y", locale=_LOCALE)


def _percent(basis_points: int) -> str:
    return f"{basis_points / 100:g}%"
