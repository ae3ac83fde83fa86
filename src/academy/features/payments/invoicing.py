"""Writing invoices and credit notes, each in the transaction of the money that it is about."""

from academy.features.payments.invoice import Buyer, Invoice, InvoiceKind, Seller
from academy.features.payments.model import Refund, Transaction
from academy.features.payments.numbering import Numbering
from academy.features.payments.repository import InvoiceRepository
from academy.features.payments.settings import PaymentSettings
from academy.features.payments.tax import share
from academy.infrastructure.database.base import Database
from academy.kit.clock import Clock
from academy.kit.errors import NotFoundError


class Invoicing:
    """Invoices and credit notes."""

    def __init__(self, database: Database, clock: Clock, settings: PaymentSettings, *, academy_name: str) -> None:
        self._clock = clock
        self._numbering = Numbering(database, clock, settings.invoice_prefix)
        self._invoices = InvoiceRepository(database)
        self._service_code, self._notes = settings.service_code, settings.note_lines
        self._seller = Seller(
            name=settings.seller_name or academy_name,
            address=settings.address_lines,
            country=settings.seller_country,
            state=settings.seller_state,
            tax_id=settings.seller_tax_id,
        )

    async def write_invoice(self, transaction: Transaction) -> str:
        """Writes the invoice of a transaction that is being paid; returns its number."""
        number = await self._numbering.next_invoice()
        await self._invoices.insert(self._document(transaction, number, InvoiceKind.INVOICE))
        return number

    async def write_credit_note(self, transaction: Transaction, refund: Refund) -> str:
        """Writes the credit note of a refund that is done, and notes in it its share; returns the note's number."""
        earlier = [one.share for one in transaction.refunds if one.share is not None]
        refund.share = share(transaction.quote, refund.amount, earlier)
        number = await self._numbering.next_credit_note()
        note = self._document(transaction, number, InvoiceKind.CREDIT_NOTE)
        note.quote, note.refund_reason = refund.share, refund.reason
        note.of_number, note.of_issued_at = transaction.invoice_number or "", transaction.paid_at
        await self._invoices.insert(note)
        return number

    def _document(self, transaction: Transaction, number: str, kind: InvoiceKind) -> Invoice:
        now = self._clock.now()
        return Invoice(
            number=number,
            kind=kind,
            transaction_id=transaction.id,
            issued_at=now,
            seller=self._seller,
            buyer=transaction.buyer,
            description=transaction.course_title,
            service_code=self._service_code,
            notes=self._notes,
            quote=transaction.quote,
            payment_method=transaction.gateway.capitalize(),
            created_at=now,
            updated_at=now,
        )

    async def of_transaction(self, transaction_id: str) -> list[Invoice]:
        """Returns the invoice and the credit notes of a transaction, in the order of their writing."""
        return await self._invoices.of_transaction(transaction_id)

    async def get(self, transaction_id: str, number: str) -> Invoice:
        """Returns one document of a transaction. Raises NotFoundError."""
        found = await self._invoices.of_number(number)
        if found is None or found.transaction_id != transaction_id:
            raise NotFoundError("There is no such document.")
        return found

    async def forget_buyer(self, transaction_id: str, buyer: Buyer) -> None:
        """Takes the name of somebody whose account is deleted out of their invoices, which stay."""
        await self._invoices.set_buyer(transaction_id, buyer)
