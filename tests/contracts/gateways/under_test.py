"""What the contract suite asks of a gateway's other side: the vendor, played by a simulator, and its customers.

A gateway plugs in by an async context manager that gives a `GatewayUnderTest`, named in `gateways.py`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from academy.infrastructure.gateways.base import Gateway, Order
from academy.kit.ids import new_id
from academy.kit.money import Money
from tests.contracts.jobs.workshop import StandingClock
from tests.simulators.webhooks import Webhook

TIMEOUT_SECONDS = 10.0
WEBHOOK_SECRET = "whsec_of-the-tests"


class Fault(StrEnum):
    """What is wrong with the vendor."""

    NONE = "none"
    DOWN = "hangs up on everybody"
    SLOW = "takes longer than anybody waits"
    ERROR = "answers with an error of its own"
    NONSENSE = "answers with what its API does not know"
    LIMITED = "too many requests"
    LOCKED_OUT = "takes our credentials no more"
    ANSWER_LOST = "does what it was asked, and hangs up instead of saying so"


class NotPayableError(Exception):
    """The vendor shows the buyer that this checkout cannot be paid (any more)."""


class GatewayUnderTest(Protocol):
    """A gateway with everything behind it.

    What happens at the vendor gives all webhooks that the vendor then delivers, in its order; there may be more of them
    than the gateway has news for.

    Attributes:
        gateway: waits for `TIMEOUT_SECONDS`, and knows WEBHOOK_SECRET.
        clock: the time of the gateway and of the vendor.
        faults: those that this vendor can have; none for one that runs in our own process.
        signs_time: whether an old webhook can be told from a new one by its signature.
    """

    gateway: Gateway
    clock: StandingClock
    faults: frozenset[Fault]
    signs_time: bool

    @property
    def checkouts(self) -> int:
        """How many checkouts the vendor keeps."""
        ...

    def another(self, *, timeout_seconds: float = TIMEOUT_SECONDS, webhook_secret: str = WEBHOOK_SECRET) -> Gateway:
        """Returns a gateway of the same account with other settings; it is closed along with the first one."""
        ...

    def breaks(self, fault: Fault) -> None:
        """Lets the vendor be at fault from now on; NONE: it is well again."""
        ...

    async def pay(self, reference: str, amount: Money | None = None) -> Sequence[Webhook]:
        """The buyer pays: what was ordered, or another `amount`. Raises NotPayableError."""
        ...

    async def decline(self, reference: str) -> Sequence[Webhook]:
        """The buyer's bank says no; they may try again. Raises NotPayableError."""
        ...

    async def expire(self, reference: str) -> Sequence[Webhook]:
        """The checkout's time is over; a vendor whose checkouts have no end delivers nothing."""
        ...

    async def refund_elsewhere(self, payment_reference: str, amount: Money) -> Sequence[Webhook]:
        """Somebody sends money back on the vendor's own pages."""
        ...

    async def refund_webhooks(self, refund_reference: str) -> Sequence[Webhook]:
        """The webhooks about a refund that we asked for; the money has arrived when they come."""
        ...

    async def fail_refund(self, refund_reference: str) -> Sequence[Webhook]:
        """The buyer's bank does not take the money back."""
        ...

    async def dispute(self, payment_reference: str) -> Sequence[Webhook]:
        """The buyer asks their bank for the money."""
        ...

    def signed(self, body: bytes, *, secret: str = WEBHOOK_SECRET, at: datetime | None = None) -> Webhook:
        """Returns a body with the vendor's signature, made `at` a time (now, when it is None) with `secret`."""
        ...


def order(under_test: GatewayUnderTest, *, amount: int = 49_900, currency: str = "INR", **changed: str) -> Order:
    """Returns an order of a new transaction that may be paid for an hour."""
    fields = {"transaction_id": new_id(), "description": "Statistics from scratch", **changed}
    return Order(
        **fields,
        amount=Money(amount=amount, currency=currency),
        buyer_name="Asha Rao",
        buyer_email="asha@example.com",
        return_url="https://academy.example/transactions/1",
        cancel_url="https://academy.example/checkout/statistics",
        ordered_at=under_test.clock.now(),
        expires_at=under_test.clock.now() + timedelta(hours=1),
    )
