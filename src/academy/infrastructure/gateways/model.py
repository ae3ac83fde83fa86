"""Documents of the rehearsal gateway: what a real one keeps at home."""

from datetime import datetime
from typing import ClassVar

from academy.infrastructure.database.document import Document, Index
from academy.infrastructure.gateways.base import PaymentState
from academy.kit.money import Money


class RehearsalPayment(Document, kw_only=True):
    """A checkout of the rehearsal gateway; its id is the reference.

    Attributes:
        refunds: our id of a refund -> minor units.
    """

    __collection__: ClassVar[str] = "rehearsal_payments"
    __indexes__: ClassVar[tuple[Index, ...]] = (Index(("transaction_id",), unique=True), Index(("created_at",)))

    transaction_id: str
    amount: Money
    description: str
    return_url: str
    cancel_url: str
    expires_at: datetime
    state: PaymentState = PaymentState.OPEN
    failure: str = ""
    refunds: dict[str, int] = {}

    @property
    def payment_reference(self) -> str:
        """Id of the money that came in; "" before that."""
        return f"rehearsed-{self.id}" if self.state is PaymentState.PAID else ""

    @property
    def refunded(self) -> int:
        """Minor units that went back."""
        return sum(self.refunds.values())
