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
    "total",
    "refunded",
    "invoice_number",
    "disputed_at",
)


async def transactions_csv(payments: PaymentService, wanted: TransactionFilter) -> AsyncIterator[str]:
    """Gives the transactions that fit as CSV (RFC 4180), newest first, a part for each page that is read.

    Amounts are in major units, times in UTC (ISO 8601). However many transactions there are, one page of them is in
    memory. Those that come while it runs are not in it.
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
    amounts = (quote.price, quote.discount, quote.net, sum(line.amount for line in quote.taxes), quote.total)
    return [
        transaction.id,
        _time(transaction.created_at),
        transaction.status.value,
        _time(transaction.paid_at),
        buyer.name,
        buyer.email,
        buyer.country,
        buyer.tax_id,
        transaction.course_title,
        transaction.gateway,
        transaction.payment_reference,
        transaction.coupon_code,
        quote.currency,
        *(str(Money(amount=amount, currency=quote.currency).major_units) for amount in amounts),
        str(Money(amount=transaction.refunded, currency=quote.currency).major_units),
        transaction.invoice_number or "",
        _time(transaction.disputed_at),
    ]


def _time(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""
