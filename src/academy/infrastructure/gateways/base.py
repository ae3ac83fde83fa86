"""The gateway door: how a buyer's money reaches the academy, and how it goes back.

The promise of a gateway
------------------------
`open` tells the gateway what is to be paid and says where the buyer pays it. It is safe to repeat: with the same
`transaction_id` it never lets the buyer pay twice where the gateway can tell (see `Capabilities`).

`read_news` turns the raw body of a webhook into `News`, and believes nobody: the signature is checked over the very
bytes that came, before anything in them is looked at. What the gateway tells beyond payments, refunds and disputes is
news of the kind OTHER.

`standing` asks the gateway how a payment stands, and so does what a lost webhook would have done. `refund` sends money
back; with the same `refund_id` it sends it once, however often it is called. `close_checkout` makes a checkout that
nobody paid impossible to pay, where the gateway can; it answers whether that is certain now.

What goes wrong is one of two things:

- `GatewayUnavailable`: this call failed, and the same call may succeed later. The network, a time-out, a rate limit,
  an answer of the 5xx kind, but also wrong credentials: the operator mends them, and the call is made again.
- `GatewayRefused`: this call will never succeed: the amount is too small, the payment is refunded already, no such
  payment. Its message says why in the gateway's words.

No step of a call takes longer than GATEWAY_TIMEOUT_SECONDS. Amounts are integer minor units everywhere. `verify` asks
whether the gateway takes our credentials; it changes nothing. Nothing here writes to the database of the academy, and
none of it is called inside a database transaction.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from academy.kit.errors import AcademyError, Kind
from academy.kit.money import Money


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway can do, and what its checkout page needs of ours.

    Attributes:
        label: its name for people, such as `Stripe`.
        described: what a buyer can pay with, in a few words.
        closes_checkouts: whether a checkout can be made impossible to pay; else one that was given up may still be.
        form_targets: origins that the buyer's browser is sent on to (`form-action` of CSP).
        script_sources, frame_sources, connect_sources, image_sources: origins that its script on our page needs (CSP).
    """

    label: str
    described: str
    closes_checkouts: bool
    form_targets: tuple[str, ...] = ()
    script_sources: tuple[str, ...] = ()
    frame_sources: tuple[str, ...] = ()
    connect_sources: tuple[str, ...] = ()
    image_sources: tuple[str, ...] = ()


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be paid, by whom.

    Attributes:
        transaction_id: ours; travels along as metadata, so that a webhook can name it.
        amount: with tax, as the buyer saw it.
        description: one line, the course's title.
        return_url: where the buyer comes back after paying.
        cancel_url: where the buyer comes back without.
        ordered_at: when the buyer ordered it, the same on every repeat.
        expires_at: not to be paid after this, where the gateway can tell.
    """

    transaction_id: str
    amount: Money
    description: str
    buyer_name: str
    buyer_email: str
    return_url: str
    cancel_url: str
    ordered_at: datetime
    expires_at: datetime


class OpenedCheckout(msgspec.Struct, frozen=True, kw_only=True):
    """A checkout that the buyer can pay.

    Attributes:
        reference: the gateway's id of it (a Checkout Session, an Order).
        checkout_url: where the buyer is sent; "" when they pay in the gateway's script on our own page.
        payload: what that script needs; empty when there is a `checkout_url`. No secret in it.
    """

    reference: str
    checkout_url: str = ""
    payload: Mapping[str, str] = {}


class PaymentState(StrEnum):
    """How a payment stands at the gateway. `processing`: the buyer has done their part, and the money takes days."""

    OPEN = "open"
    PROCESSING = "processing"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """How a payment stands at the gateway.

    Attributes:
        reference: of the checkout.
        payment_reference: the gateway's id of the money that came in (a Payment Intent, a Payment); "" before that.
        amount: what was paid; None before that.
        refunded: minor units that went back so far.
        failure: why it failed, in words for the buyer; "" otherwise.
    """

    reference: str
    state: PaymentState
    payment_reference: str = ""
    amount: Money | None = None
    refunded: int = 0
    failure: str = ""


class RefundState(StrEnum):
    """How a refund stands: some gateways send the money later and tell by webhook."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class RefundOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Money to send back.

    Attributes:
        refund_id: ours; the idempotency key, and metadata where the gateway keeps some.
        payment_reference: of the money that came in.
        amount: part or all of it.
        reason: one line, from whoever asked for it.
    """

    refund_id: str
    transaction_id: str
    payment_reference: str
    amount: Money
    reason: str


class GatewayRefund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund as the gateway knows it. `refund_id` is ours, "" for one that was made at the gateway itself."""

    reference: str
    refund_id: str
    amount: Money
    state: RefundState
    failure: str = ""


class NewsKind(StrEnum):
    """What a webhook tells."""

    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"
    REFUND = "refund"
    DISPUTE = "dispute"
    OTHER = "other"


class GatewayDispute(msgspec.Struct, frozen=True, kw_only=True):
    """A buyer asked their bank for the money back. `status` and `reason` are the gateway's words."""

    reference: str
    amount: Money
    reason: str
    status: str


class News(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook, understood.

    Attributes:
        event_id: the gateway's, the same on every delivery of the event.
        event_type: the gateway's word, such as `checkout.session.completed`.
        occurred_at: when it happened, by the gateway's clock.
        reference: of the checkout; "" where the event does not name it.
        payment_reference: of the money; "" where the event does not name it.
        transaction_id: ours, from the metadata; "" where the event does not carry it.
        amount: what was paid, of the kind PAID.
        failure: why it failed, in words for the buyer. With `is_final` nobody can pay this checkout any more.
        refund, dispute: of their kinds.
    """

    event_id: str
    event_type: str
    kind: NewsKind
    occurred_at: datetime
    reference: str = ""
    payment_reference: str = ""
    transaction_id: str = ""
    amount: Money | None = None
    failure: str = ""
    is_final: bool = False
    refund: GatewayRefund | None = None
    dispute: GatewayDispute | None = None


class GatewayUnavailable(AcademyError):
    """The gateway cannot be reached or cannot answer now; nothing is known to have happened. Try the same again."""

    code = "gateway_unavailable"
    kind = Kind.UNAVAILABLE

    def __init__(self, gateway: str, detail: str, *, retry_after: int = 30) -> None:
        super().__init__(
            f"{gateway} does not answer at the moment. Try again in a moment.",
            retry_after=retry_after,
        )
        self.detail = detail


class GatewayRefused(AcademyError):
    """The gateway will never do this; `detail` says why in its words."""

    code = "gateway_refused"
    kind = Kind.CONFLICT

    def __init__(self, gateway: str, detail: str) -> None:
        super().__init__(f"{gateway} refused this: {detail}")
        self.detail = detail


class BadSignature(AcademyError):
    """A webhook is not signed by the gateway, or too old to be believed."""

    code = "bad_signature"
    kind = Kind.INVALID

    def __init__(self, detail: str) -> None:
        super().__init__("The signature of this webhook does not fit.")
        self.detail = detail


class WebhooksClosed(AcademyError):
    """No secret is set for this gateway's webhooks, so nothing that comes can be believed."""

    code = "webhooks_closed"
    kind = Kind.NOT_FOUND

    def __init__(self) -> None:
        super().__init__("This academy takes no webhooks here.")


class Gateway(Protocol):
    """A gateway; see the module's promise."""

    @property
    def name(self) -> str:
        """Stable name, stored with each transaction: `stripe`, `razorpay`, `rehearsal`."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    async def open(self, order: Order) -> OpenedCheckout:
        """Opens a checkout. Raises GatewayUnavailable, GatewayRefused."""
        ...

    async def close_checkout(self, reference: str) -> bool:
        """Makes an unpaid checkout impossible to pay. Returns whether nobody can pay it any more (False: ask standing).

        Raises GatewayUnavailable.
        """
        ...

    async def standing(self, reference: str) -> Payment:
        """Returns how a payment stands. Raises GatewayUnavailable, GatewayRefused for an unknown reference."""
        ...

    async def refund(self, order: RefundOrder) -> GatewayRefund:
        """Sends money back. Raises GatewayUnavailable, GatewayRefused."""
        ...

    def read_news(self, body: bytes, headers: Mapping[str, str]) -> News:
        """Checks the signature of a webhook and reads it. `headers` have lower-case names.

        Raises WebhooksClosed, BadSignature, and BadSignature too for a signed body that cannot be read.
        """
        ...

    def check_return(self, reference: str, fields: Mapping[str, str]) -> bool:
        """Whether what the buyer's browser brought back from the gateway's script is signed by the gateway.

        False for gateways that sign nothing there. True is no payment yet: ask `standing` what was paid.
        """
        ...

    async def verify(self) -> str:
        """Returns "" when the gateway takes our credentials, else what is wrong and what to do."""
        ...

    async def close(self) -> None:
        """Gives all connections back; safe to call twice."""
        ...
