"""What the payments tell the rest of the academy."""

from datetime import datetime
from typing import ClassVar

from academy.infrastructure.jobs.base import Event
from academy.kit.money import Money


class PaymentReceived(Event, frozen=True, kw_only=True):
    """A transaction is paid, and what it paid for belongs to the buyer.

    Attributes:
        amount: what was paid, tax included.
        invoice_number: of the invoice to it; numbers have no gaps.
    """

    __event__: ClassVar[str] = "payment_received"

    transaction_id: str
    user_id: str
    course_id: str
    amount: Money
    invoice_number: str
    paid_at: datetime
