"""Stripe under the contract of gateways: the gateway, and the account that is simulated behind it."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from academy.infrastructure.gateways.base import Gateway
from academy.infrastructure.gateways.settings import StripeSettings
from academy.infrastructure.gateways.stripe import StripeGateway
from academy.kit.money import Money
from tests.contracts.gateways.under_test import (
    TIMEOUT_SECONDS,
    WEBHOOK_SECRET,
    Fault,
    GatewayUnderTest,
    NotPayableError,
)
from tests.contracts.jobs.workshop import StandingClock
from tests.simulators import stripe, stripe_faults
from tests.simulators.local_server import Trouble
from tests.simulators.stripe import SECRET_KEY, Event, Stripe, running_stripe
from tests.simulators.webhooks import Webhook

_TROUBLES = {
    Fault.DOWN: Trouble.DROP_BEFORE,
    Fault.SLOW: Trouble.HANG,
    Fault.ANSWER_LOST: Trouble.DROP_AFTER,
}
_FAULTS = {
    Fault.ERROR: stripe_faults.Fault.ERROR_500,
    Fault.NONSENSE: stripe_faults.Fault.ANOTHER_JSON,
    Fault.LIMITED: stripe_faults.Fault.LIMITED,
}


class StripeUnderTest(GatewayUnderTest):
    """See `GatewayUnderTest`."""

    faults = frozenset(Fault)
    signs_time = True

    def __init__(self, stripe: Stripe, clock: StandingClock) -> None:
        self.stripe = stripe
        self.clock = clock
        self.opened: list[StripeGateway] = []
        stripe.webhook_secret = WEBHOOK_SECRET
        self.gateway = self.another()

    @property
    def checkouts(self) -> int:
        return len(self.stripe.sessions)

    def another(
        self,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        webhook_secret: str = WEBHOOK_SECRET,
        secret_key: str = SECRET_KEY,
        url: str = "",
    ) -> Gateway:
        settings = StripeSettings(secret_key=secret_key, webhook_secret=webhook_secret, url=url or self.stripe.url)
        self.opened.append(StripeGateway(settings, timeout_seconds, self.clock))
        return self.opened[-1]

    def breaks(self, fault: Fault) -> None:
        self.stripe.server.trouble = _TROUBLES.get(fault, Trouble.NONE)
        self.stripe.fault = _FAULTS.get(fault, stripe_faults.Fault.NONE)
        self.stripe.secret_key = "sk_test_another" if fault is Fault.LOCKED_OUT else SECRET_KEY

    async def pay(self, reference: str, amount: Money | None = None) -> Sequence[Webhook]:
        return self._webhooks(lambda: self.stripe.pay(reference, amount))

    async def decline(self, reference: str) -> Sequence[Webhook]:
        return self._webhooks(lambda: self.stripe.decline(reference))

    async def expire(self, reference: str) -> Sequence[Webhook]:
        return self._webhooks(lambda: self.stripe.expire(reference))

    async def refund_elsewhere(self, payment_reference: str, amount: Money) -> Sequence[Webhook]:
        return self._webhooks(lambda: self.stripe.refund_at_dashboard(payment_reference, amount.amount))

    async def refund_webhooks(self, refund_reference: str) -> Sequence[Webhook]:
        return self._webhooks(lambda: self.stripe.events_of(refund_reference))

    async def fail_refund(self, refund_reference: str) -> Sequence[Webhook]:
        return self._webhooks(lambda: self.stripe.end_refund(refund_reference, "expired_or_canceled_card"))

    async def dispute(self, payment_reference: str) -> Sequence[Webhook]:
        return self._webhooks(lambda: self.stripe.dispute(payment_reference))

    def signed(self, body: bytes, *, secret: str = WEBHOOK_SECRET, at: datetime | None = None) -> Webhook:
        return self.stripe.signed(body, secret=secret, at=at)

    def _webhooks(self, happens: Callable[[], Sequence[Event]]) -> list[Webhook]:
        try:
            return [self.stripe.signed(event.body) for event in happens()]
        except stripe.NotPayableError as error:
            raise NotPayableError(str(error)) from error


@asynccontextmanager
async def opened_stripe() -> AsyncIterator[StripeUnderTest]:
    """Gives Stripe with its gateway, and closes both."""
    clock = StandingClock()
    with running_stripe(clock) as account:
        under_test = StripeUnderTest(account, clock)
        yield under_test
        for gateway in under_test.opened:
            await gateway.close()
