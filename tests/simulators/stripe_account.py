"""What an account of Stripe holds, and how its API shows it.

Only the fields that the academy could read are there, with the names and the values of Stripe's.
"""

from collections.abc import Collection, Mapping

import msgspec

from academy.kit.ids import new_token
from tests.simulators.stripe_checks import RefusedError, SessionParams

Shown = dict[str, object]


def new_stripe_id(prefix: str) -> str:
    """Returns an id as Stripe's are: what it is, and random characters."""
    return f"{prefix}_{new_token().replace('-', '').replace('_', '')[:24]}"


class Refund(msgspec.Struct):
    """A refund."""

    id: str
    intent: "Intent"
    amount: int
    created: int
    metadata: Mapping[str, str]
    status: str = "succeeded"
    failure_reason: str | None = None

    def shown(self) -> Shown:
        """Returns it as the API shows it."""
        return {
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "charge": self.intent.charge_id,
            "created": self.created,
            "currency": self.intent.currency,
            "failure_reason": self.failure_reason,
            "metadata": self.metadata,
            "payment_intent": self.intent.id,
            "reason": None,
            "status": self.status,
        }


class Intent(msgspec.Struct):
    """A Payment Intent, with its latest charge."""

    id: str
    amount: int
    currency: str
    created: int
    metadata: Mapping[str, str]
    status: str = "requires_payment_method"
    charge_id: str | None = None
    error: Shown | None = None
    refunds: list[Refund] = []

    @property
    def refunded(self) -> int:
        """What has gone back, or is on its way."""
        return sum(refund.amount for refund in self.refunds if refund.status not in {"failed", "canceled"})

    def shown(self, expand: Collection[str] = ()) -> Shown:
        """Returns it as the API shows it."""
        charge = self.shown_charge() if "latest_charge" in expand and self.charge_id else self.charge_id
        return {
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_received": self.amount if self.status == "succeeded" else 0,
            "created": self.created,
            "currency": self.currency,
            "last_payment_error": self.error,
            "latest_charge": charge,
            "livemode": False,
            "metadata": self.metadata,
            "status": self.status,
        }

    def shown_charge(self) -> Shown:
        """Returns its latest charge as the API shows it."""
        return {
            "id": self.charge_id,
            "object": "charge",
            "amount": self.amount,
            "amount_refunded": self.refunded,
            "created": self.created,
            "currency": self.currency,
            "livemode": False,
            "metadata": self.metadata,
            "paid": True,
            "payment_intent": self.id,
            "refunded": self.refunded == self.amount,
            "status": "succeeded",
        }

    def check_refund(self, amount: int) -> None:
        """Raises RefusedError for what cannot be sent back."""
        if self.charge_id is None or self.status != "succeeded":
            raise RefusedError(f"This PaymentIntent ({self.id}) does not have a successful charge to refund.")
        if amount <= 0:
            raise RefusedError("Invalid positive integer", param="amount", code="parameter_invalid_integer")
        left = self.amount - self.refunded
        if not left:
            text = f"Charge {self.charge_id} has already been refunded."
            raise RefusedError(text, code="charge_already_refunded")
        if amount > left:
            text = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
            raise RefusedError(text, param="amount", code="amount_too_large")


class Session(msgspec.Struct):
    """A Checkout Session."""

    id: str
    params: SessionParams
    created: int
    expires_at: int
    amount_total: int
    currency: str
    status: str = "open"
    payment_status: str = "unpaid"
    intent: Intent | None = None

    def shown(self, expand: Collection[str] = ()) -> Shown:
        """Returns it as the API shows it; `expand` names what is shown whole, such as `payment_intent`."""
        intent: object = self.intent and self.intent.id
        if self.intent and any(path.split(".")[0] == "payment_intent" for path in expand):
            intent = self.intent.shown({path.partition(".")[2] for path in expand})
        params = self.params
        return {
            "id": self.id,
            "object": "checkout.session",
            "amount_subtotal": self.amount_total,
            "amount_total": self.amount_total,
            "cancel_url": params.cancel_url,
            "client_reference_id": params.client_reference_id,
            "created": self.created,
            "currency": self.currency,
            "customer_email": params.customer_email,
            "expires_at": self.expires_at,
            "livemode": False,
            "metadata": params.metadata,
            "mode": params.mode,
            "payment_intent": intent,
            "payment_status": self.payment_status,
            "status": self.status,
            "success_url": params.success_url,
            "url": f"https://checkout.stripe.com/c/pay/{self.id}" if self.status == "open" else None,
        }

    def expire(self) -> None:
        """Ends it unpaid. Raises RefusedError when it has ended already."""
        if self.status != "open":
            raise RefusedError(
                'Only Checkout Sessions with a status in ["open"] can be expired. '
                f"This Checkout Session has a status of `{self.status}`."
            )
        self.status = "expired"


class Dispute(msgspec.Struct):
    """A buyer's complaint at their bank."""

    id: str
    intent: Intent
    created: int
    status: str = "needs_response"

    def shown(self) -> Shown:
        """Returns it as the API shows it."""
        return {
            "id": self.id,
            "object": "dispute",
            "amount": self.intent.amount,
            "charge": self.intent.charge_id,
            "created": self.created,
            "currency": self.intent.currency,
            "livemode": False,
            "metadata": {},
            "payment_intent": self.intent.id,
            "reason": "fraudulent",
            "status": self.status,
        }
