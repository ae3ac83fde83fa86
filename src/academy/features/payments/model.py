"""Documents of the payments, and what they tell the rest of the academy."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from academy.features.payments.invoice import Buyer
from academy.features.payments.tax import Quote
from academy.infrastructure.database.document import Document, Index
from academy.infrastructure.jobs.base import Event
from academy.kit.ids import new_id
from academy.kit.money import Money


class TransactionStatus(StrEnum):
    """How far a transaction is."""

    CREATED = "created"
    PENDING = "pending"
    PAID = "paid"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


_S = TransactionStatus
ALLOWED_CHANGES: dict[TransactionStatus, frozenset[TransactionStatus]] = {
    _S.CREATED: frozenset((_S.PENDING, _S.FAILED, _S.EXPIRED, _S.CANCELLED)),
    _S.PENDING: frozenset((_S.PAID, _S.FAILED, _S.EXPIRED, _S.CANCELLED)),
    _S.PAID: frozenset((_S.REFUNDED, _S.PARTIALLY_REFUNDED)),
    _S.PARTIALLY_REFUNDED: frozenset((_S.REFUNDED, _S.PARTIALLY_REFUNDED)),
    _S.REFUNDED: frozenset(),
    _S.FAILED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.CANCELLED: frozenset(),
}
OPEN = (TransactionStatus.CREATED, TransactionStatus.PENDING)
HOLDS_MONEY = (TransactionStatus.PAID, TransactionStatus.PARTIALLY_REFUNDED)
# Of a dispute, in the gateways' words: https://docs.stripe.com/api/disputes/object#dispute_object-status and
# https://razorpay.com/docs/payments/disputes/ (states); the others wait for us or for the bank.
DISPUTES_OVER = ("won", "lost", "closed", "warning_closed", "prevented")
CLOSED = (TransactionStatus.FAILED, TransactionStatus.EXPIRED, TransactionStatus.CANCELLED)


class Access(StrEnum):
    """What a payment did for its buyer's access to the course.

    `held`: they had it already; `gone`: there is no such account or course any more. Then the money goes back.
    """

    NONE = "none"
    GRANTED = "granted"
    HELD = "held"
    GONE = "gone"
    REVOKED = "revoked"


GrantAccess = Callable[[str, str, str], Awaitable[Access]]
"""A higher feature enrols, in the open transaction: user id, course id, transaction id -> GRANTED, HELD or GONE."""

RevokeAccess = Callable[[str, str, str], Awaitable[None]]
"""A higher feature ends what the transaction granted, in the open transaction: user id, course id, transaction id."""

HasAccess = Callable[[str, str], Awaitable[bool]]
"""Asks a higher feature whether the user is enrolled: user id, course id."""

ServedTransactions = Callable[[Sequence[str]], Awaitable[set[str]]]
"""Asks a higher feature which of these transactions (at most 200) give their buyers access now."""


class StateChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a transaction became, when and why.

    Attributes:
        cause: one line for the admin, such as the gateway's event.
        event_id: of the webhook that told it; "" when nothing did.
        actor_id: the user who did it; "" for the academy itself and the gateway.
        is_note: whether it only tells what was done, and the state stayed what it was.
    """

    status: TransactionStatus
    at: datetime
    cause: str
    event_id: str = ""
    actor_id: str = ""
    is_note: bool = False


class RefundStatus(StrEnum):
    """How a refund stands: asked of us, taken by the gateway, sent, or refused."""

    REQUESTED = "requested"
    SENT = "sent"
    DONE = "done"
    FAILED = "failed"


UNDER_WAY = (RefundStatus.REQUESTED, RefundStatus.SENT)


class Refund(msgspec.Struct, kw_only=True):
    """Money that goes back.

    Attributes:
        amount: minor units of the transaction's currency.
        asked: the amount that was asked for; None: all that was left.
        reference: the gateway's id of it.
        key, earlier_keys: by which the gateway knows it ("": by `id`), and knew it when it was tried before.
        actor_id: the admin who asked for it; "" when the academy did, or somebody at the gateway itself.
        share: what it takes back of each line of the transaction's quote, once it is done.
        credit_note_number: once it is done. Of a refund that failed after that, the money is still owed.
    """

    id: str = msgspec.field(default_factory=new_id)
    amount: int
    asked: int | None = None
    reason: str
    status: RefundStatus = RefundStatus.REQUESTED
    reference: str = ""
    key: str = ""
    earlier_keys: list[str] = []
    failure: str = ""
    actor_id: str = ""
    requested_at: datetime
    done_at: datetime | None = None
    share: Quote | None = None
    credit_note_number: str = ""


class Dispute(msgspec.Struct, kw_only=True):
    """A buyer asked their bank for the money back; `reason` and `status` are the gateway's words of `told_at`."""

    reference: str
    amount: Money
    reason: str
    status: str
    at: datetime
    told_at: datetime

    @property
    def is_over(self) -> bool:
        """Whether the bank has decided."""
        return self.status in DISPUTES_OVER


class Transaction(Document, kw_only=True):
    """One buyer, one course, one price that was agreed, and what became of it.

    What is agreed never changes: the course may cost something else tomorrow.

    Attributes:
        user_id: "" once the account is deleted.
        gateway: name of the gateway; "" when nothing is to be paid.
        reference: the gateway's id of the checkout.
        payment_key: gateway and its id of the money that came in, so that money is recorded once.
        amount: what is to be paid, tax included: the quote's total.
        quote: what it is made of.
        refunded: minor units that went back.
        open_key: user and course while it can be paid: they have one such transaction at a time.
        request_key, request_hash: the Idempotency-Key (with its user), and what was asked with it.
        terms: what was asked, to tell whether the same is asked again.
        checkout_url, payload: where and with what the buyer pays.
        expires_at: no new try to pay begins after this.
        check_at: when the gateway is asked about it next; None: never.
        failure: why the last try to pay failed, in words for the buyer.
        coupon_held: whether it has taken a use of the coupon that it may yet give back.
        late_for: the transaction that was closed when this money for it arrived.
        trouble, troubled_at: what somebody has to look at, such as a refund that failed; "" and None: nothing.
        access: what it did for the buyer's access.
    """

    __collection__: ClassVar[str] = "transactions"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("open_key",), unique=True, present="open_key"),
        Index(("request_key",), unique=True, present="request_key"),
        Index(("payment_key",), unique=True, present="payment_key"),
        Index(("gateway", "reference")),
        Index(("user_id", "-created_at")),
        Index(("user_id", "coupon_code")),
        Index(("course_id", "-created_at")),
        Index(("status", "-created_at")),
        Index(("gateway", "-created_at")),
        Index(("coupon_code", "-created_at")),
        Index(("check_at",), present="check_at"),
        Index(("gateway", "check_at"), present="check_at"),
        Index(("late_for",), present="late_for"),
        Index(("-troubled_at",), present="troubled_at"),
        Index(("-paid_at",)),
        Index(("-disputed_at",), present="disputed_at"),
        Index(("invoice_number",), unique=True, present="invoice_number"),
        Index(("-created_at",)),
    )

    user_id: str
    buyer: Buyer
    course_id: str
    course_slug: str
    course_title: str
    gateway: str
    reference: str = ""
    payment_reference: str = ""
    payment_key: str | None = None
    status: TransactionStatus = TransactionStatus.CREATED
    amount: Money
    quote: Quote
    coupon_code: str = ""
    coupon_held: bool = False
    refunded: int = 0
    refunds: list[Refund] = []
    dispute: Dispute | None = None
    disputed_at: datetime | None = None
    history: list[StateChange] = []
    open_key: str | None = None
    request_key: str | None = None
    request_hash: str = ""
    terms: str
    checkout_url: str = ""
    payload: dict[str, str] = {}
    expires_at: datetime
    check_at: datetime | None = None
    failure: str = ""
    late_for: str | None = None
    trouble: str = ""
    troubled_at: datetime | None = None
    access: Access = Access.NONE
    paid_at: datetime | None = None
    invoice_number: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can still be paid."""
        return self.status in OPEN

    @property
    def is_closed(self) -> bool:
        """Whether it came to nothing."""
        return self.status in CLOSED

    @property
    def holds_money(self) -> bool:
        """Whether some of what was paid has not gone back."""
        return self.status in HOLDS_MONEY

    @property
    def owes_access(self) -> bool:
        """Whether it holds money of somebody who is still here, for a course that has to be open to them."""
        return self.holds_money and self.access is Access.GRANTED and self.user_id != ""

    @property
    def refundable(self) -> int:
        """Minor units that can be sent back: what came in, less what went back or is about to."""
        if not self.holds_money:
            return 0
        return self.amount.amount - self.refunded - sum(r.amount for r in self.refunds if r.status in UNDER_WAY)

    def owes(self, refund: Refund) -> bool:
        """Whether one of its refunds failed, and its money did not go back in another way: it can be ordered again."""
        if refund.status is not RefundStatus.FAILED:
            return False
        return bool(refund.credit_note_number) or refund.amount <= self.refundable

    def refund(self, refund_id: str) -> Refund | None:
        """Returns one of its refunds."""
        return next((refund for refund in self.refunds if refund.id == refund_id), None)

    def became(
        self, status: TransactionStatus, at: datetime, cause: str, *, event_id: str = "", actor_id: str = ""
    ) -> None:
        """Moves on to a state and notes it. Raises ValueError for a change that is not allowed: a bug of ours."""
        if status not in ALLOWED_CHANGES[self.status]:
            raise ValueError(f"a transaction that is {self.status} cannot become {status}")
        self.status = status
        self.updated_at = at
        self.history = [
            *self.history,
            StateChange(status=status, at=at, cause=cause, event_id=event_id, actor_id=actor_id),
        ]
        if status not in OPEN:
            self.open_key = None


class TransactionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What an admin looks for: the transactions that all of these which are set fit.

    Attributes:
        disputed: only those whose buyer asked their bank for the money back.
        troubled: only those that somebody has to look at.
        from_day, to_day: the first and the last day on which they were begun, by the seller's calendar.
    """

    status: TransactionStatus | None = None
    gateway: str = ""
    user_id: str = ""
    course_id: str = ""
    coupon_code: str = ""
    disputed: bool = False
    troubled: bool = False
    from_day: date | None = None
    to_day: date | None = None


def open_key(user_id: str, course_id: str) -> str:
    """What only one open transaction of a buyer for a course can have."""
    return f"{user_id}:{course_id}"


class WebhookStatus(StrEnum):
    """What became of a webhook.

    `ignored` told nothing for us; `refused` does not fit what it names, so somebody has to look at it; what `unmatched`
    names never came, and is handled should it come after all.
    """

    RECEIVED = "received"
    HANDLED = "handled"
    IGNORED = "ignored"
    REFUSED = "refused"
    UNMATCHED = "unmatched"


class WebhookEvent(Document, kw_only=True):
    """A signed webhook as it came, once per gateway and event id.

    Attributes:
        created_at: when it arrived; its signature was checked then.
        body: the raw body; "" when its buyer wants to be forgotten.
        news: what the gateway's module understood, as JSON.
        payment_key: as a Transaction's, of the money that it names; None when it names none.
        outcome: what was done, in a line for the admin.
    """

    __collection__: ClassVar[str] = "webhook_events"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("gateway", "event_id"), unique=True),
        Index(("status", "-created_at")),
        Index(("status", "created_at"), name="status_oldest"),
        Index(("transaction_id", "created_at")),
        Index(("payment_key",), present="payment_key"),
        Index(("-created_at",)),
    )

    gateway: str
    event_id: str
    event_type: str
    body: str
    news: str
    payment_key: str | None = None
    status: WebhookStatus = WebhookStatus.RECEIVED
    outcome: str = ""
    handled_at: datetime | None = None
    transaction_id: str = ""


class PaymentReceived(Event, frozen=True, kw_only=True):
    """A transaction is paid; what it paid for belongs to the buyer, or a refund of it is under way.

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


class PaymentRefunded(Event, frozen=True, kw_only=True):
    """Money went back to a buyer.

    Attributes:
        amount: of this refund.
        ends_access: whether the course is closed to them now.
    """

    __event__: ClassVar[str] = "payment_refunded"

    transaction_id: str
    refund_id: str
    user_id: str
    course_id: str
    amount: Money
    credit_note_number: str
    ends_access: bool
