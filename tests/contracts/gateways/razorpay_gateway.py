"""Razorpay's gateway with a simulated Razorpay behind it."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

from academy.infrastructure.gateways.base import Gateway, Order, RefundOrder
from academy.infrastructure.gateways.razorpay import RazorpayGateway
from academy.infrastructure.gateways.settings import RazorpaySettings
from academy.kit.ids import new_id
from academy.kit.money import Money
from tests.contracts.gateways.under_test import TIMEOUT_SECONDS, WEBHOOK_SECRET, Fault, NotPayableError, order
from tests.contracts.jobs.workshop import StandingClock
from tests.simulators import razorpay_account
from tests.simulators.local_server import Trouble
from tests.simulators.razorpay import KEY_ID, KEY_SECRET, Razorpay, running_razorpay
from tests.simulators.razorpay import Fault as RazorpayFault
from tests.simulators.webhooks import Webhook

_TROUBLES = {Fault.DOWN: Trouble.DROP_BEFORE, Fault.SLOW: Trouble.HANG, Fault.ANSWER_LOST: Trouble.DROP_AFTER}
_FAULTS = {
    Fault.ERROR: RazorpayFault.SERVER_ERROR,
    Fault.NONSENSE: RazorpayFault.NO_JSON,
    Fault.LIMITED: RazorpayFault.LIMITED,
}


class RazorpayUnderTest:
    """A GatewayUnderTest."""

    faults = frozenset(Fault)
    signs_time = False

    def __init__(self, razorpay: Razorpay, clock: StandingClock, closing: AsyncExitStack) -> None:
        self.razorpay = razorpay
        self.clock = clock
        self._closing = closing
        self.gateway: Gateway = self.another()

    @property
    def checkouts(self) -> int:
        return len(self.razorpay.orders)

    def another(
        self,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        webhook_secret: str = WEBHOOK_SECRET,
        key_secret: str = KEY_SECRET,
        url: str = "",
    ) -> Gateway:
        """Returns another gateway; `url`: of another server than the simulated Razorpay."""
        settings = RazorpaySettings(
            key_id=KEY_ID, key_secret=key_secret, webhook_secret=webhook_secret, url=url or self.razorpay.url
        )
        gateway = RazorpayGateway(settings, timeout_seconds)
        self._closing.push_async_callback(gateway.close)
        return gateway

    def breaks(self, fault: Fault) -> None:
        self.razorpay.server.trouble = _TROUBLES.get(fault, Trouble.NONE)
        self.razorpay.fault = _FAULTS.get(fault, RazorpayFault.NONE)
        self.razorpay.key_secret = "another" if fault is Fault.LOCKED_OUT else KEY_SECRET

    async def pay(self, reference: str, amount: Money | None = None) -> Sequence[Webhook]:
        return self._webhooks_of(lambda: self.razorpay.pay(reference, None if amount is None else amount.amount))

    async def decline(self, reference: str) -> Sequence[Webhook]:
        return self._webhooks_of(lambda: self.razorpay.decline(reference))

    async def expire(self, reference: str) -> Sequence[Webhook]:
        assert reference in self.razorpay.orders
        return []

    async def refund_elsewhere(self, payment_reference: str, amount: Money) -> Sequence[Webhook]:
        return self._webhooks_of(lambda: self.razorpay.refund_at_dashboard(payment_reference, amount.amount))

    async def refund_webhooks(self, refund_reference: str) -> Sequence[Webhook]:
        self.razorpay.process_refund(refund_reference)
        return self.razorpay.webhooks_about(refund_reference)

    async def fail_refund(self, refund_reference: str) -> Sequence[Webhook]:
        return self._webhooks_of(lambda: self.razorpay.fail_refund(refund_reference))

    async def dispute(self, payment_reference: str) -> Sequence[Webhook]:
        return self._webhooks_of(lambda: self.razorpay.dispute(payment_reference))

    def signed(self, body: bytes, *, secret: str = WEBHOOK_SECRET, at: datetime | None = None) -> Webhook:
        """Returns the body signed; `at` is nowhere in a signature of Razorpay's."""
        return self.razorpay.signed(body, secret=secret)

    def _webhooks_of(self, happens: Callable[[], object]) -> Sequence[Webhook]:
        """Returns the webhooks that something brings about."""
        before = len(self.razorpay.events)
        try:
            happens()
        except razorpay_account.NotPayableError as error:
            raise NotPayableError(str(error)) from error
        return [event.webhook for event in self.razorpay.events[before:]]

    async def paid_order(self) -> tuple[Order, str, str]:
        """Returns an order of ours that was paid, and Razorpay's ids of its order and its payment."""
        ordered = order(self)
        reference = (await self.gateway.open(ordered)).reference
        return ordered, reference, self.razorpay.pay(reference)["razorpay_payment_id"]


def money_back(payment: str, amount: int, reason: str = "Bought twice") -> RefundOrder:
    """Returns a new refund; `amount` in paise."""
    return RefundOrder(
        refund_id=new_id(),
        transaction_id=new_id(),
        payment_reference=payment,
        amount=Money(amount=amount, currency="INR"),
        reason=reason,
    )


@asynccontextmanager
async def opened_razorpay() -> AsyncIterator[RazorpayUnderTest]:
    """Gives the gateway with everything behind it."""
    clock = StandingClock()
    with running_razorpay(clock) as razorpay:
        razorpay.webhook_secret = WEBHOOK_SECRET
        async with AsyncExitStack() as closing:
            yield RazorpayUnderTest(razorpay, clock, closing)
