"""The rehearsal gateway: the whole story of a payment, without money.

The buyer chooses on a page of ours what happens. Then it does what a real gateway does: it sends a signed webhook over
HTTP, again and again until it is taken. It gives courses away, so there is none in production.

Its webhook is a JSON object with the header `Rehearsal-Signature: t=SECONDS,v1=HEX`, where HEX is the HMAC-SHA256 of
`SECONDS.BODY`, as Stripe signs (https://docs.stripe.com/webhooks#verify-manually).
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta

import httpx
import msgspec

from academy.infrastructure.database.base import Database
from academy.infrastructure.database.errors import UniqueViolation
from academy.infrastructure.gateways.base import (
    BadSignature,
    Capabilities,
    GatewayRefund,
    GatewayRefused,
    News,
    NewsKind,
    OpenedCheckout,
    Order,
    Payment,
    PaymentState,
    RefundOrder,
    RefundState,
)
from academy.infrastructure.gateways.model import RehearsalPayment
from academy.infrastructure.jobs.base import JobKind, JobQueue
from academy.kit.clock import Clock
from academy.kit.errors import ConflictError, NotFoundError
from academy.kit.ids import new_id

SIGNATURE_HEADER = "rehearsal-signature"
_LABEL = "Rehearsal"
_TOLERANCE = timedelta(minutes=5)
_DECLINED = "The bank declined the card. Try again, or another card."


class SendRehearsalWebhook(msgspec.Struct, frozen=True):
    """Payload: the news to tell, as JSON."""

    body: str


SEND_REHEARSAL_WEBHOOK = JobKind(
    "send_rehearsal_webhook", SendRehearsalWebhook, max_attempts=12, longest_pause=timedelta(minutes=10)
)


class CheckoutOver(ConflictError):
    """The checkout was paid, closed, or its time is over."""

    code = "checkout_over"

    def __init__(self) -> None:
        super().__init__("This checkout is over. Go back to the course and begin anew.")


class RehearsalGateway:
    """A Gateway that keeps its payments in the academy's database.

    Attributes:
        transport: what its webhooks travel by; None: the network.
    """

    def __init__(self, database: Database, clock: Clock, queue: JobQueue, secret: bytes, *, public_url: str) -> None:
        self._database = database
        self._clock = clock
        self._queue = queue
        self._secret = hmac.digest(secret, b"rehearsal webhooks", "sha256")
        self._url = public_url
        self._payments = database.collection(RehearsalPayment)
        self.transport: httpx.AsyncBaseTransport | None = None

    @property
    def name(self) -> str:
        """Name as in PAYMENT_GATEWAYS."""
        return "rehearsal"

    @property
    def capabilities(self) -> Capabilities:
        """It can do everything but move money."""
        return Capabilities(
            label=_LABEL, described="No money moves: you choose what the bank says.", closes_checkouts=True
        )

    async def open(self, order: Order) -> OpenedCheckout:
        """Opens a checkout; the same transaction has one."""
        now = self._clock.now()
        payment = RehearsalPayment(
            id=new_id(),
            transaction_id=order.transaction_id,
            amount=order.amount,
            description=order.description,
            return_url=order.return_url,
            cancel_url=order.cancel_url,
            expires_at=order.expires_at,
            created_at=now,
            updated_at=now,
        )
        try:
            await self._payments.insert(payment)
        except UniqueViolation:
            known = await self._payments.find_one({"transaction_id": order.transaction_id})
            payment = known or payment
        return OpenedCheckout(reference=payment.id, checkout_url=f"{self._url}/rehearsal/{payment.id}")

    async def payment(self, reference: str) -> RehearsalPayment:
        """Returns a checkout, for its page. Raises NotFoundError."""
        payment = await self._payments.get(reference)
        if payment is None:
            raise NotFoundError("There is no such checkout.")
        return payment

    async def pay(self, reference: str) -> RehearsalPayment:
        """The buyer pays. Raises NotFoundError, CheckoutOver."""

        async def work() -> RehearsalPayment:
            now = self._clock.now()
            paid = await self._payments.find_and_update(
                {"id": reference, "state": PaymentState.OPEN.value, "expires_at": {"$gt": now}},
                {"$set": {"state": PaymentState.PAID.value, "failure": "", "updated_at": now}},
            )
            if paid is None:
                await self.payment(reference)
                raise CheckoutOver
            await self._tell(paid, "payment.paid", NewsKind.PAID)
            return paid

        return await self._database.transaction(work)

    async def decline(self, reference: str) -> RehearsalPayment:
        """The bank declines; the buyer may try again. Raises NotFoundError, CheckoutOver."""

        async def work() -> RehearsalPayment:
            now = self._clock.now()
            declined = await self._payments.find_and_update(
                {"id": reference, "state": PaymentState.OPEN.value, "expires_at": {"$gt": now}},
                {"$set": {"failure": _DECLINED, "updated_at": now}},
            )
            if declined is None:
                await self.payment(reference)
                raise CheckoutOver
            await self._tell(declined, "payment.declined", NewsKind.FAILED)
            return declined

        return await self._database.transaction(work)

    async def close_checkout(self, reference: str) -> bool:
        """Closes a checkout that nobody paid."""

        async def work() -> bool:
            now = self._clock.now()
            closed = await self._payments.find_and_update(
                {"id": reference, "state": PaymentState.OPEN.value},
                {"$set": {"state": PaymentState.EXPIRED.value, "updated_at": now}},
            )
            if closed is not None:
                await self._tell(closed, "checkout.expired", NewsKind.EXPIRED)
                return True
            held = await self._payments.get(reference)
            return held is None or held.state is PaymentState.EXPIRED

        return await self._database.transaction(work)

    async def standing(self, reference: str) -> Payment:
        """Returns how a payment stands."""
        payment = await self._payments.get(reference)
        if payment is None:
            raise GatewayRefused(_LABEL, f"There is no checkout {reference}.")
        return Payment(
            reference=payment.id,
            state=payment.state,
            payment_reference=payment.payment_reference,
            amount=payment.amount if payment.state is PaymentState.PAID else None,
            refunded=payment.refunded,
            failure=payment.failure,
        )

    async def refund(self, order: RefundOrder) -> GatewayRefund:
        """Sends money back, once for each id."""

        async def work() -> GatewayRefund:
            payment = await self._payments.get(order.payment_reference.removeprefix("rehearsed-"))
            if (
                payment is None
                or payment.state is not PaymentState.PAID
                or payment.amount.currency != order.amount.currency
            ):
                raise GatewayRefused(_LABEL, f"There is no payment {order.payment_reference}.")
            done = GatewayRefund(
                reference=f"refund-{order.refund_id}",
                refund_id=order.refund_id,
                amount=order.amount,
                state=RefundState.DONE,
            )
            if order.refund_id not in payment.refunds:
                if not 0 < order.amount.amount <= payment.amount.amount - payment.refunded:
                    raise GatewayRefused(_LABEL, "That is more than is left of the payment.")
                payment.refunds = {**payment.refunds, order.refund_id: order.amount.amount}
                payment.updated_at = self._clock.now()
                await self._payments.replace(payment)
                await self._tell(payment, "refund.done", NewsKind.REFUND, done)
            return done

        return await self._database.transaction(work)

    # --- webhooks ---

    async def _tell(
        self, payment: RehearsalPayment, event_type: str, kind: NewsKind, refund: GatewayRefund | None = None
    ) -> None:
        news = News(
            event_id=new_id(),
            event_type=event_type,
            kind=kind,
            occurred_at=self._clock.now(),
            reference=payment.id,
            payment_reference=payment.payment_reference,
            transaction_id=payment.transaction_id,
            amount=payment.amount if kind is NewsKind.PAID else None,
            failure=payment.failure,
            is_final=kind is NewsKind.EXPIRED,
            refund=refund,
        )
        await self._queue.enqueue(SEND_REHEARSAL_WEBHOOK, SendRehearsalWebhook(msgspec.json.encode(news).decode()))

    async def send_webhook(self, payload: SendRehearsalWebhook) -> None:
        """Sends a webhook, signed. Raises httpx.HTTPError when it is not taken: then the job tries again."""
        body = payload.body.encode()
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: self.sign(body, self._clock.now())}
        async with httpx.AsyncClient(transport=self.transport, timeout=10.0) as client:
            answer = await client.post(f"{self._url}/api/v1/webhooks/rehearsal", content=body, headers=headers)
            answer.raise_for_status()

    def sign(self, body: bytes, at: datetime) -> str:
        """Returns the header that makes a body believed."""
        seconds = int(at.timestamp())
        return f"t={seconds},v1={self._signature(seconds, body)}"

    def _signature(self, seconds: int, body: bytes) -> str:
        return hmac.new(self._secret, b"%d." % seconds + body, hashlib.sha256).hexdigest()

    def read_news(self, body: bytes, headers: Mapping[str, str]) -> News:
        """Checks the signature of a webhook and reads it."""
        fields = dict(part.split("=", 1) for part in headers.get(SIGNATURE_HEADER, "").split(",") if "=" in part)
        given, signature = fields.get("t", ""), fields.get("v1", "")
        seconds = int(given) if given.isascii() and given.isdigit() and len(given) <= 12 else 0  # noqa: PLR2004 - any time
        if not hmac.compare_digest(self._signature(seconds, body).encode(), signature.encode()):
            raise BadSignature("It is not signed with this academy's secret.")
        if abs(self._clock.now().timestamp() - seconds) > _TOLERANCE.total_seconds():
            raise BadSignature("It was signed too long ago.")
        try:
            return msgspec.json.decode(body, type=News)
        except msgspec.DecodeError as error:
            raise BadSignature("It cannot be read.") from error

    def check_return(self, reference: str, fields: Mapping[str, str]) -> bool:
        """It has no script on our page."""
        return False

    async def verify(self) -> str:
        """It is well when the database is, and that is checked elsewhere."""
        return ""

    async def close(self) -> None:
        """There is no connection of its own."""
