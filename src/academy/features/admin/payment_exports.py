"""Transactions as a table to keep and to count."""

from collections.abc import AsyncIterator
from datetime import datetime

from academy.features.payments.model import Transaction, TransactionFilter
from academy.features.payments.service import PaymentService
from academy.infrastructure.database.base import LARGEST_PAGE
from academy.kit.csv_format import csv_lines
from academy.kit.money import Money

COLUMNS = (
    "id",
    "created_at",
    "status",
    "paid_at",
    "buyer",
    "email",
    "country",
    "state",
    "tax_id",
    "course",
    "gateway",
    "payment_reference",
    "coupon",
    "currency",
    "price",
    "discount",
    "net",
    "tax",
    "taxes",
    "total",
    "refunded",
    "invoice_number",
    "credit_notes",
    "disputed_at",
)


async def transactions_csv(payments: PaymentService, wanted: TransactionFilter) -> AsyncIterator[str]:
    """Gives the transactions that fit as CSV (RFC 4180), newest first, a part for each page that is read.

    Amounts are in major units, times in UTC (ISO 8601); `taxes` and `credit_notes` may hold several. However many
    transactions there are, one page of them is in memory. Those that come while it runs are not in it.
    """
    yield csv_lines([COLUMNS])
    cursor = None
    while True:
        page = await payments.page(wanted, limit=LARGEST_PAGE, cursor=cursor)
        yield csv_lines(_cells(transaction) for transaction in page.items)
        cursor = page.next_cursor
        if cursor is None:
            return


def _cells(transaction: Transaction) -> list[str]:
    quote, buyer = transaction.quote, transaction.buyer
    amounts = (quote.price, quote.discount, quote.net, sum(line.amount for line in quote.taxes))
    taxes = (f"{line.name} {_major(line.amount, quote.currency)}" for line in quote.taxes)
    notes = (
        f"{refund.credit_note_number} {_time(refund.done_at)} {_major(refund.amount, quote.currency)}"
        for refund in transaction.refunds
        if refund.credit_note_number
    )
    return [
        transaction.id,
        _time(transaction.created_at),
        transaction.status.value,
        _time(transaction.paid_at),
        buyer.name,
        buyer.email,
        buyer.country,
        buyer.state,
        buyer.tax_id,
        transaction.course_title,
        transaction.gateway,
        transaction.payment_reference,
        transaction.coupon_code,
        quote.currency,
        *(_major(amount, quote.currency) for amount in amounts),
        "; ".join(taxes),
        _major(quote.total, quote.currency),
        _major(transaction.refunded, quote.currency),
        transaction.invoice_number or "",
        "; ".join(notes),
        _time(transaction.disputed_at),
    ]


def _major(amount: int, currency: str) -> str:
    return str(Money(amount=amount, currency=currency).major_units)


def _time(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""
