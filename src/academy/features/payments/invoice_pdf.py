"""Invoices and credit notes as PDF files, for the web and the mail."""

import asyncio

from academy.features.payments.invoice import Invoice
from academy.infrastructure.email.rendering import Branding
from academy.kit.colors import WHITE, readable

# What WCAG 2.2 wants of text on its ground; paper is white.
_READABLE = 4.5


class InvoicePrinter:
    """Makes the PDF files of an academy's invoices. Raises ValueError for an accent that is no colour."""

    def __init__(self, branding: Branding) -> None:
        self._branding = branding
        self._accent = readable(branding.accent, WHITE, _READABLE)
        # Python runs one thread at a time: several at this would only keep the requests waiting longer.
        self._turn = asyncio.Semaphore(1)

    async def pdf(self, invoice: Invoice) -> bytes:
        """Returns the invoice or credit note as a PDF file; always the same bytes for the same.

        Takes about a tenth of a second of processor time, in a thread, one after the other.
        """
        async with self._turn:
            return await asyncio.to_thread(_render, invoice, self._branding, self._accent)


def _render(invoice: Invoice, branding: Branding, accent: str) -> bytes:
    # What draws takes a quarter of a second to import, and few processes ever print an invoice.
    from academy.features.payments.invoice_sheet import InvoiceSheet

    with InvoiceSheet(invoice, branding, accent) as page:
        page.facts()
        page.parties()
        page.item()
        page.amounts()
        page.remarks()
        return page.pdf()
