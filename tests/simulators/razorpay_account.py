"""The books of a Razorpay account: orders, payments, refunds, disputes, and the webhooks that tell of them.

What buyers, their banks and people at the Dashboard do is a method here; what the API does is in `razorpay.py`.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

import msgspec

from academy.kit.clock import Clock
from academy.kit.ids import new_id
from tests.simulators.razorpay_checks import NewOrder, NewRefund
from tests.simulators.webhooks import Webhook

WEBHOOK_SECRET = "webhook-secret-of-the-tests"


class NotPayableError(Exception):
    """Checkout shows the buyer that this order takes no payment."""


class Order(msgspec.Struct):
    """An order as the API shows it."""

    id: str
    amount: int
    amount_paid: int
    amount_due: int
    currency: str
    receipt: str | None
    created_at: int
    notes: dict[str, str] | list[str]
    status: str = "created"
    attempts: int = 0
    offer_id: str | None = None
    entity: str = "order"


class Payment(msgspec.Struct):
    """A payment as the API shows it."""

    id: str
    order_id: str
    amount: int
    currency: str
    created_at: int
    status: str = "created"
    captured: bool = False
    amount_refunded: int = 0
    refund_status: str | None = None
    method: str = "upi"
    email: str = "asha@example.com"
    notes: dict[str, str] | list[str] = []
    error_code: str | None = None
    error_description: str | None = None
    entity: str = "payment"


class Refund(msgspec.Struct):
    """A refund as the API shows it."""

    id: str
    payment_id: str
    amount: int
    currency: str
    created_at: int
    receipt: str | None
    notes: dict[str, str] | list[str]
    status: str = "pending"
    speed_requested: str = "normal"
    entity: str = "refund"


class Dispute(msgspec.Struct):
    """A dispute as the API shows it."""

    id: str
    payment_id: str
    amount: int
    currency: str
    created_at: int
    status: str = "open"
    phase: str = "chargeback"
    reason_code: str = "chargeback_authorization"
    reason_description: str = "The cardholder did not authorise the payment."
    amount_deducted: int = 0
    entity: str = "dispute"


class Event(msgspec.Struct, frozen=True):
    """Something that happened, the id of what it is about, and the webhook that tells of it."""

    name: str
    about: str
    webhook: Webhook


class Account:
    """An account. Its setting is manual capture, so that only what an order says captures a payment by itself."""

    def __init__(self, clock: Clock, key_secret: str) -> None:
        self.clock = clock
        self.key_secret = key_secret
        self.webhook_secret = WEBHOOK_SECRET
        self.captures_automatically = False
        self.orders: dict[str, Order] = {}
        self.payments: dict[str, Payment] = {}
        self.refunds: dict[str, Refund] = {}
        self.disputes: dict[str, Dispute] = {}
        self.events: list[Event] = []
        """All that happened so far, in its order."""
        self._captured_by_razorpay: set[str] = set()

    # What the API does.

    def add_order(self, new: NewOrder) -> Order:
        """Makes an order."""
        order = Order(
            id=_new("order"),
            amount=new.amount,
            amount_paid=0,
            amount_due=new.amount,
            currency=new.currency,
            receipt=new.receipt,
            created_at=self._now(),
            notes=new.notes or [],
        )
        if self.captures_automatically if new.payment is None else new.payment.capture == "automatic":
            self._captured_by_razorpay.add(order.id)
        self.orders[order.id] = order
        return order

    def capture(self, payment: Payment) -> None:
        """The money of an authorised payment comes in."""
        order = self.orders[payment.order_id]
        payment.status, payment.captured = "captured", True
        order.status, order.amount_paid, order.amount_due = "paid", payment.amount, 0
        self._tell("payment.captured", payment.id, payment=payment)
        self._tell("order.paid", order.id, payment=payment, order=order)

    def add_refund(self, payment: Payment, new: NewRefund) -> Refund:
        """Money begins to go back."""
        refund = Refund(
            id=_new("rfnd"),
            payment_id=payment.id,
            amount=payment.amount - payment.amount_refunded if new.amount is None else new.amount,
            currency=payment.currency,
            created_at=self._now(),
            receipt=new.receipt,
            notes=new.notes or [],
        )
        self.refunds[refund.id] = refund
        _count_refunded(payment, refund.amount)
        self._tell("refund.created", refund.id, refund=refund, payment=payment)
        return refund

    # What people do.

    def authorize(self, order_id: str, amount: int | None = None) -> Payment:
        """The buyer's bank sets the money aside. Raises NotPayableError."""
        payment = self._attempt(order_id, amount)
        payment.status = "authorized"
        self._tell("payment.authorized", payment.id, payment=payment)
        return payment

    def pay(self, order_id: str, amount: int | None = None) -> dict[str, str]:
        """The buyer pays, with another amount than the order's if `amount` is given. Raises NotPayableError.

        Returns what checkout.js gives to the page.
        """
        payment = self.authorize(order_id, amount)
        if order_id in self._captured_by_razorpay:
            self.capture(payment)
        return {
            "razorpay_payment_id": payment.id,
            "razorpay_order_id": order_id,
            "razorpay_signature": _signature(f"{order_id}|{payment.id}".encode(), self.key_secret),
        }

    def decline(self, order_id: str) -> Payment:
        """The buyer's bank says no. Raises NotPayableError."""
        payment = self._attempt(order_id, None)
        payment.status, payment.error_code = "failed", "BAD_REQUEST_ERROR"
        payment.error_description = "Your payment was declined by your bank."
        self._tell("payment.failed", payment.id, payment=payment)
        return payment

    def confirm_late(self, payment_id: str) -> None:
        """The bank confirms a payment that has already failed for Razorpay: a late authorisation."""
        payment = self.payments[payment_id]
        payment.status, payment.error_code, payment.error_description = "authorized", None, None
        self._tell("payment.authorized", payment.id, payment=payment)

    def return_uncaptured(self, payment_id: str) -> Refund:
        """Razorpay gives an authorised payment back that nobody captured in time."""
        payment = self.payments[payment_id]
        refund = self.add_refund(payment, NewRefund())
        self.process_refund(refund.id)
        return refund

    def refund_at_dashboard(self, payment_id: str, amount: int) -> Refund:
        """Somebody sends money back at the Dashboard."""
        refund = self.add_refund(self.payments[payment_id], NewRefund(amount=amount))
        self.process_refund(refund.id)
        return refund

    def process_refund(self, refund_id: str) -> None:
        """The money of a refund has arrived."""
        refund = self.refunds[refund_id]
        refund.status = "processed"
        self._tell("refund.processed", refund.id, refund=refund, payment=self.payments[refund.payment_id])

    def fail_refund(self, refund_id: str) -> None:
        """The bank does not take a refund's money."""
        refund = self.refunds[refund_id]
        payment = self.payments[refund.payment_id]
        refund.status = "failed"
        _count_refunded(payment, -refund.amount)
        self._tell("refund.failed", refund.id, refund=refund, payment=payment)

    def dispute(self, payment_id: str) -> Dispute:
        """The buyer asks their bank for the money."""
        payment = self.payments[payment_id]
        dispute = Dispute(_new("disp"), payment_id, payment.amount, payment.currency, self._now())
        self.disputes[dispute.id] = dispute
        self._tell("payment.dispute.created", dispute.id, dispute=dispute, payment=payment)
        return dispute

    def close_dispute(self, dispute_id: str, status: str) -> None:
        """The bank decides a dispute; `status`: `won`, `lost` or `closed`."""
        dispute = self.disputes[dispute_id]
        dispute.status = status
        payment = self.payments[dispute.payment_id]
        self._tell(f"payment.dispute.{status}", dispute.id, dispute=dispute, payment=payment)

    # Webhooks.

    def webhooks_about(self, entity_id: str) -> list[Webhook]:
        """Returns all webhooks about something."""
        return [event.webhook for event in self.events if event.about == entity_id]

    def signed(self, body: bytes, *, secret: str | None = None) -> Webhook:
        """Returns the webhook of a new event, signed with the account's secret or another one."""
        return Webhook(
            body,
            {
                "content-type": "application/json",
                "user-agent": "Razorpay-Webhook/v1",
                "x-razorpay-event-id": _new("evt"),
                "x-razorpay-signature": _signature(body, self.webhook_secret if secret is None else secret),
            },
        )

    def _tell(self, event: str, about: str, **entities: Order | Payment | Refund | Dispute) -> None:
        """Sends a webhook with the entities as they are at this moment."""
        body = webhook_body(event, entities, self._now())
        self.events.append(Event(event, about, self.signed(body)))

    def _attempt(self, order_id: str, amount: int | None) -> Payment:
        order = self.orders[order_id]
        if order.status == "paid":
            raise NotPayableError("Your payment has been declined as the order is already paid.")
        if any(payment.status == "authorized" for payment in self.payments_of(order_id)):
            raise NotPayableError("Payment already in progress for this order.")
        order.status, order.attempts = "attempted", order.attempts + 1
        amount = order.amount if amount is None else amount
        payment = Payment(_new("pay"), order_id, amount, order.currency, self._now())
        self.payments[payment.id] = payment
        return payment

    def payments_of(self, order_id: str) -> Sequence[Payment]:
        """Returns the attempts to pay an order, the newest first."""
        return [payment for payment in reversed(self.payments.values()) if payment.order_id == order_id]

    def _now(self) -> int:
        return int(self.clock.now().timestamp())


def webhook_body(event: str, entities: Mapping[str, object], created_at: int) -> bytes:
    """Returns the body of a webhook."""
    return msgspec.json.encode(
        {
            "entity": "event",
            "account_id": "acc_BFQ7uQEaa7j2z7",
            "event": event,
            "contains": list(entities),
            "payload": {name: {"entity": entity} for name, entity in entities.items()},
            "created_at": created_at,
        }
    )


def _count_refunded(payment: Payment, amount: int) -> None:
    payment.amount_refunded += amount
    everything = payment.amount_refunded == payment.amount
    payment.refund_status = "full" if everything else "partial" if payment.amount_refunded else None
    if everything:
        payment.status = "refunded"
    elif payment.captured:
        payment.status = "captured"


def _signature(message: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def _new(kind: str) -> str:
    """Returns an id such as `order_` with 14 random letters and digits."""
    return f"{kind}_{new_id().replace('-', '')[-14:]}"
