"""What a gateway tells becomes true here, once: money is recorded, access given, invoices written, coupons freed.

Everything in this module joins the open transaction and calls no gateway.
"""

from datetime import datetime, timedelta

import msgspec

from academy.features.payments.access import AccessDoor
from academy.features.payments.coupons import Coupons
from academy.features.payments.invoicing import Invoicing
from academy.features.payments.model import (
    Access,
    Dispute,
    PaymentReceived,
    PaymentRefunded,
    Refund,
    RefundStatus,
    StateChange,
    Transaction,
    TransactionStatus,
)
from academy.features.payments.repository import TransactionRepository
from academy.infrastructure.database.base import Database
from academy.infrastructure.gateways.base import GatewayDispute, GatewayRefund, RefundState
from academy.infrastructure.jobs.base import JobKind, JobQueue
from academy.kit.clock import Clock
from academy.kit.ids import new_id
from academy.kit.money import Money

_BACK_TO_BUYER = {
    Access.HELD: "The buyer has the course by another way.",
    Access.GONE: "The account or the course does not exist any more.",
}


class SendRefund(msgspec.Struct, frozen=True):
    """Payload: a refund that the gateway is to be asked for."""

    transaction_id: str
    refund_id: str


# Its tries are spread over more than a day: gateways have bad hours, and money must not get lost in them.
SEND_REFUND = JobKind("send_refund", SendRefund, max_attempts=16, longest_pause=timedelta(hours=3))


class Settlement:
    """Moves transactions along."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        queue: JobQueue,
        access: AccessDoor,
        coupons: Coupons,
        invoicing: Invoicing,
    ) -> None:
        self._clock = clock
        self._queue = queue
        self._access = access
        self._coupons = coupons
        self._invoicing = invoicing
        self._transactions = TransactionRepository(database)

    async def record_payment(
        self, transaction: Transaction, payment_reference: str, *, cause: str, event_id: str = ""
    ) -> Transaction:
        """Records money that came for a checkout, whatever became of that meanwhile.

        Money for a transaction that is not open any more (it was given up, or paid by another try) is recorded as a
        transaction of its own: what came in is never lost, and never counted twice. Recording the same payment again
        changes nothing. Where the buyer gets nothing for it, it is sent back.
        """
        payment_key = f"{transaction.gateway}:{payment_reference}"
        known = await self._transactions.of_payment(payment_key)
        if known is not None:
            return known
        if transaction.is_open:
            target = transaction
        else:
            target = await self._late(transaction)
        target.payment_reference, target.payment_key = payment_reference, payment_key
        return await self.settle(target, cause=cause, event_id=event_id)

    async def _late(self, closed: Transaction) -> Transaction:
        """Makes a transaction for money that came after its own was closed: the same terms, a life of its own."""
        now = self._clock.now()
        cause = f"Money came for {closed.id}, which is {closed.status.value.replace('_', ' ')}."
        late = msgspec.structs.replace(
            closed,
            id=new_id(),
            version=1,
            created_at=now,
            updated_at=now,
            status=TransactionStatus.CREATED,
            history=[StateChange(status=TransactionStatus.CREATED, at=now, cause=cause)],
            late_for=closed.id,
            payment_reference="",
            payment_key=None,
            refunds=[],
            refunded=0,
            dispute=None,
            disputed_at=None,
            access=Access.NONE,
            invoice_number=None,
            paid_at=None,
            request_key=None,
            open_key=None,
            check_at=None,
            failure="",
            trouble="",
            troubled_at=None,
        )
        await self._transactions.insert(late)
        if late.coupon_code and not closed.coupon_held:
            await self._coupons.count_late_use(late.coupon_code)
        # What the gateway was still asked for has come, and takes along what was kept for it.
        closed.check_at, closed.coupon_held = None, False
        await self._transactions.replace(closed)
        return late

    async def settle(self, transaction: Transaction, *, cause: str, event_id: str = "") -> Transaction:
        """Makes an open transaction paid: access, invoice and news in one with it."""
        now = self._clock.now()
        if transaction.status is TransactionStatus.CREATED:
            transaction.became(TransactionStatus.PENDING, now, cause, event_id=event_id)
        transaction.became(TransactionStatus.PAID, now, cause, event_id=event_id)
        transaction.paid_at = now
        transaction.check_at, transaction.failure, transaction.coupon_held = None, "", False
        transaction.access = await self._grant(transaction)
        if transaction.amount.amount:
            transaction.invoice_number = await self._invoicing.write_invoice(transaction)
            await self._tell_payment(transaction)
        if transaction.access in _BACK_TO_BUYER:
            if transaction.coupon_code:
                await self._coupons.give_back(transaction.coupon_code)
            if transaction.amount.amount:
                reason = _BACK_TO_BUYER[transaction.access]
                await self.request_refund(transaction, transaction.amount.amount, reason, refund_id=new_id())
        return await self._transactions.replace(transaction)

    async def _grant(self, transaction: Transaction) -> Access:
        if not transaction.user_id:
            return Access.GONE
        return await self._access.grant(transaction.user_id, transaction.course_id, transaction.id)

    async def _tell_payment(self, transaction: Transaction) -> None:
        if transaction.invoice_number and transaction.paid_at:
            await self._queue.publish(
                PaymentReceived(
                    transaction_id=transaction.id,
                    user_id=transaction.user_id,
                    course_id=transaction.course_id,
                    amount=transaction.amount,
                    invoice_number=transaction.invoice_number,
                    paid_at=transaction.paid_at,
                )
            )

    async def grant_again(self, transaction: Transaction, actor_id: str) -> Transaction:
        """Gives the buyer of a paid transaction the access that is missing; where that cannot be, notes the trouble."""
        transaction.access = await self._grant(transaction)
        if transaction.access in _BACK_TO_BUYER:
            self._trouble(transaction, f"{_BACK_TO_BUYER[transaction.access]} Send the money back.")
        else:
            self._note(transaction, "Access was repaired.", actor_id)
        return await self._transactions.replace(transaction)

    async def close(
        self,
        transaction: Transaction,
        status: TransactionStatus,
        cause: str,
        *,
        event_id: str = "",
        actor_id: str = "",
        failure: str = "",
        may_still_be_paid: bool = False,
    ) -> Transaction:
        """Ends an open transaction without money: failed, expired or cancelled; to no effect when it is not open.

        `may_still_be_paid`: the gateway cannot rule it out, so it goes on being asked, and keeps its use of a coupon.
        """
        if not transaction.is_open:
            return transaction
        transaction.became(status, self._clock.now(), cause, event_id=event_id, actor_id=actor_id)
        transaction.failure = failure or transaction.failure
        if may_still_be_paid:
            transaction.check_at = transaction.check_at or self._clock.now()
            return await self._transactions.replace(transaction)
        return await self.stop_watching(transaction)

    async def stop_watching(self, transaction: Transaction) -> Transaction:
        """Asks no gateway about a closed transaction any more, and gives its use of a coupon back."""
        transaction.check_at = None
        if transaction.coupon_held:
            transaction.coupon_held = False
            await self._coupons.give_back(transaction.coupon_code)
        return await self._transactions.replace(transaction)

    async def note_trouble(self, transaction: Transaction, trouble: str) -> Transaction:
        """Notes, once, what somebody has to look at: it shows in the admin's list and in health."""
        if any(change.cause == trouble for change in transaction.history):
            return transaction
        self._note(transaction, trouble)
        self._trouble(transaction, trouble)
        return await self._transactions.replace(transaction)

    async def end_trouble(self, transaction: Transaction, actor_id: str) -> Transaction:
        """Notes that somebody settled what was the trouble, in a way that no gateway tells of."""
        self._note(transaction, "What had to be looked at is settled.", actor_id)
        transaction.trouble, transaction.troubled_at = "", None
        return await self._transactions.replace(transaction)

    def _trouble(self, transaction: Transaction, trouble: str) -> None:
        transaction.trouble, transaction.troubled_at = trouble, self._clock.now()
        transaction.updated_at = transaction.troubled_at

    async def note_failure(self, transaction: Transaction, failure: str) -> Transaction:
        """Notes why a try to pay failed; the buyer may try again."""
        if not transaction.is_open:
            return transaction
        transaction.failure = failure
        transaction.updated_at = self._clock.now()
        return await self._transactions.replace(transaction)

    # --- money that goes back ---

    async def request_refund(
        self,
        transaction: Transaction,
        amount: int,
        reason: str,
        *,
        refund_id: str,
        asked: int | None = None,
        actor_id: str = "",
    ) -> None:
        """Notes a refund in `transaction`, which the caller stores, and has a job ask the gateway for it."""
        now = self._clock.now()
        refund = Refund(id=refund_id, amount=amount, asked=asked, reason=reason, actor_id=actor_id, requested_at=now)
        transaction.refunds = [*transaction.refunds, refund]
        self._note(transaction, f"A refund was ordered: {reason}", actor_id)
        await self._queue.enqueue(SEND_REFUND, SendRefund(transaction.id, refund_id), key=refund_id)

    async def send_again(self, transaction: Transaction, refund: Refund, actor_id: str) -> Transaction:
        """Has the gateway asked anew for a refund that failed; under another key, since it remembers the answer."""
        refund.earlier_keys = [*refund.earlier_keys, refund.key or refund.id]
        refund.key, refund.reference = new_id(), ""
        refund.status, refund.failure = RefundStatus.REQUESTED, ""
        self._note(transaction, "A refund that failed was ordered again.", actor_id)
        self._clear_trouble(transaction)
        await self._queue.enqueue(SEND_REFUND, SendRefund(transaction.id, refund.id), key=refund.key)
        return await self._transactions.replace(transaction)

    def _note(self, transaction: Transaction, text: str, actor_id: str = "") -> None:
        now = self._clock.now()
        change = StateChange(status=transaction.status, at=now, cause=text, actor_id=actor_id, is_note=True)
        transaction.history = [*transaction.history, change]
        transaction.updated_at = now

    def _clear_trouble(self, transaction: Transaction) -> None:
        if not any(transaction.owes(refund) for refund in transaction.refunds):
            transaction.trouble, transaction.troubled_at = "", None

    async def record_refund(self, transaction: Transaction, told: GatewayRefund, *, event_id: str = "") -> Transaction:
        """Records how a refund stands at the gateway, also of one that was made there and not here.

        News come in any order: one that is over stays so. But one that we gave up, so that the gateway never told us
        its reference, may have reached it all the same.
        """
        refund = self._told(transaction, told)
        if told.state is RefundState.FAILED and told.refund_id in refund.earlier_keys:
            return transaction  # it was ordered again since
        is_over = refund.status is RefundStatus.DONE or (refund.status is RefundStatus.FAILED and refund.reference)
        if is_over and told.state is not RefundState.FAILED:
            return transaction
        refund.reference = told.reference or refund.reference
        if told.state is RefundState.FAILED:
            # Also one that was done: banks send money back days later. Its credit note stays, and the money is owed.
            refund.failure = told.failure or "The gateway could not send the money."
            refund.status = RefundStatus.FAILED
            self._trouble(transaction, f"A refund failed: {refund.failure} Order it again, or pay it in another way.")
        elif told.state is RefundState.PENDING:
            refund.status, refund.failure = RefundStatus.SENT, ""
        else:
            await self._refunded(transaction, refund, event_id)
            self._clear_trouble(transaction)
        transaction.updated_at = self._clock.now()
        return await self._transactions.replace(transaction)

    def _told(self, transaction: Transaction, told: GatewayRefund) -> Refund:
        """The refund that the gateway means, made here when it is not known yet."""
        for refund in transaction.refunds:
            is_ours = told.refund_id and told.refund_id in (refund.id, refund.key, *refund.earlier_keys)
            if is_ours or (told.reference and refund.reference == told.reference):
                return refund
        made = Refund(
            amount=told.amount.amount,
            reason="Made at the gateway.",
            reference=told.reference,
            requested_at=self._clock.now(),
        )
        transaction.refunds = [*transaction.refunds, made]
        return made

    async def _refunded(self, transaction: Transaction, refund: Refund, event_id: str) -> None:
        now = self._clock.now()
        refund.status, refund.done_at, refund.failure = RefundStatus.DONE, now, ""
        if refund.credit_note_number:
            return  # it was on the books before it failed
        transaction.refunded += refund.amount
        is_whole = transaction.refunded >= transaction.amount.amount
        refund.credit_note_number = await self._invoicing.write_credit_note(transaction, refund)
        became = TransactionStatus.REFUNDED if is_whole else TransactionStatus.PARTIALLY_REFUNDED
        transaction.became(became, now, refund.reason, event_id=event_id, actor_id=refund.actor_id)
        ends_access = is_whole and transaction.access is Access.GRANTED
        if ends_access:
            await self._access.revoke(transaction.user_id, transaction.course_id, transaction.id)
            transaction.access = Access.REVOKED
        await self._queue.publish(
            PaymentRefunded(
                transaction_id=transaction.id,
                refund_id=refund.id,
                user_id=transaction.user_id,
                course_id=transaction.course_id,
                amount=Money(amount=refund.amount, currency=transaction.amount.currency),
                credit_note_number=refund.credit_note_number,
                ends_access=ends_access,
            )
        )

    async def record_dispute(
        self, transaction: Transaction, told: GatewayDispute, occurred_at: datetime
    ) -> Transaction:
        """Shows the admin that the buyer asked their bank for the money back, and how that goes; older news is none."""
        now = self._clock.now()
        known = transaction.dispute
        if known is not None and known.told_at > occurred_at:
            return transaction
        began = known.at if known and known.reference == told.reference else now
        transaction.dispute = Dispute(
            reference=told.reference,
            amount=told.amount,
            reason=told.reason,
            status=told.status,
            at=began,
            told_at=occurred_at,
        )
        transaction.disputed_at = began
        transaction.updated_at = now
        return await self._transactions.replace(transaction)


def other_amount(transaction: Transaction, paid: Money | None) -> str:
    """Returns, for the admin, that another amount was paid than was to be."""
    told = f"{paid.major_units} {paid.currency}" if paid else "nothing"
    due = transaction.amount
    return (
        f"The gateway tells of {told}, but {due.major_units} {due.currency} were to be paid. Settle it at the gateway."
    )
