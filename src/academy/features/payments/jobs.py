"""What the payments do in the background."""

from datetime import timedelta

import msgspec

from academy.features.payments.inbox import HANDLE_WEBHOOK, WebhookInbox
from academy.features.payments.model import PaymentReceived
from academy.features.payments.reconciliation import Reconciliation
from academy.features.payments.refunds import Refunds
from academy.features.payments.service import PaymentService
from academy.features.payments.settlement import SEND_REFUND
from academy.infrastructure.jobs.base import JobKind, JobRegistry

RECONCILED_EVERY, SWEPT_EVERY = timedelta(minutes=5), timedelta(days=1)


class ReconcilePayments(msgspec.Struct, frozen=True):
    """Payload of the reconciliation: nothing to say."""


class SweepWebhooks(msgspec.Struct, frozen=True):
    """Payload of the removal of old webhooks: nothing to say."""


RECONCILE_PAYMENTS = JobKind("reconcile_payments", ReconcilePayments)
SWEEP_WEBHOOKS = JobKind("sweep_webhooks", SweepWebhooks)


def register_jobs(
    registry: JobRegistry,
    inbox: WebhookInbox,
    refunds: Refunds,
    reconciliation: Reconciliation,
    payments: PaymentService,
) -> None:
    """Registers the handling of webhooks, the sending of refunds, and the question what webhooks did not tell."""

    async def reconcile(payload: ReconcilePayments) -> None:
        await reconciliation.run()

    async def sweep(payload: SweepWebhooks) -> None:
        await payments.forget_old_events()

    registry.register(HANDLE_WEBHOOK, inbox.handle, when_dead=inbox.give_up)
    registry.subscribe(PaymentReceived, "early_webhooks", inbox.take_up)
    registry.register(SEND_REFUND, refunds.send, when_dead=refunds.give_up)
    registry.register(RECONCILE_PAYMENTS, reconcile)
    registry.register(SWEEP_WEBHOOKS, sweep)
    registry.schedule(SWEEP_WEBHOOKS, SweepWebhooks(), every=SWEPT_EVERY)
    registry.schedule(RECONCILE_PAYMENTS, ReconcilePayments(), every=RECONCILED_EVERY)
