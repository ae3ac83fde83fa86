"""Sending money back: asked for by an admin, done by a job, as often as it takes, once."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta

from academy.features.payments.errors import KeyReused, NotRefundable
from academy.features.payments.model import UNDER_WAY, Refund, RefundStatus, Transaction
from academy.features.payments.repository import TransactionRepository
from academy.features.payments.settlement import SendRefund, Settlement
from academy.infrastructure.database.base import Database
from academy.infrastructure.gateways.base import Gateway, GatewayRefund, GatewayRefused, RefundOrder, RefundState
from academy.infrastructure.jobs.base import PutBack
from academy.infrastructure.security.principal import Principal
from academy.kit.clock import Clock
from academy.kit.errors import InvalidError
from academy.kit.ids import new_id
from academy.kit.money import Money

LONGEST_REASON = 200
# Money takes days to arrive; gateways tell by webhook when it has.
_NEXT_LOOK = timedelta(hours=6)


class Refunds:
    """Refunds."""

    def __init__(
        self, database: Database, clock: Clock, gateways: Mapping[str, Gateway], settlement: Settlement
    ) -> None:
        self._database = database
        self._clock = clock
        self._gateways = gateways
        self._settlement = settlement
        self._transactions = TransactionRepository(database)

    async def request(
        self, admin: Principal, transaction_id: str, *, amount: int | None, reason: str, key: str = ""
    ) -> Transaction:
        """Has money sent back: a part, or without `amount` all that is left. Asked again with the same `key`: once.

        Another request with the same key raises KeyReused.

        Raises TransactionNotFound, NotRefundable, InvalidError for an amount or a reason.
        """
        if not 1 <= len(reason) <= LONGEST_REASON:
            text = f"Say why, in 1 to {LONGEST_REASON} characters; the buyer reads it on the credit note."
            raise InvalidError(text, fields={"reason": text})

        # Gateways know it as a key of at most 40 characters.
        refund_id = hashlib.sha256(f"{transaction_id}:{key}".encode()).hexdigest()[:36] if key else new_id()

        async def work() -> Transaction:
            transaction = await self._transactions.existing(transaction_id)
            if (known := transaction.refund(refund_id)) is not None:
                if (known.reason, known.asked) != (reason, amount):
                    raise KeyReused
                return transaction
            due = _checked(transaction, amount)
            await self._settlement.request_refund(
                transaction, due, reason, refund_id=refund_id, asked=amount, actor_id=admin.user_id
            )
            return await self._transactions.replace(transaction)

        return await self._database.transaction(work)

    async def send_again(self, admin: Principal, transaction_id: str, refund_id: str) -> Transaction:
        """Has the gateway asked anew for a refund that failed. Raises TransactionNotFound, NotRefundable."""

        async def work() -> Transaction:
            transaction = await self._transactions.existing(transaction_id)
            refund = transaction.refund(refund_id)
            if refund is None or refund.status is not RefundStatus.FAILED:
                raise NotRefundable("This refund has not failed, so it is not ordered again.")
            if not transaction.owes(refund):
                raise NotRefundable("So much of the payment is not left any more. Order a smaller refund.")
            return await self._settlement.send_again(transaction, refund, admin.user_id)

        return await self._database.transaction(work)

    async def settled_by_hand(self, admin: Principal, transaction_id: str) -> Transaction:
        """Ends the trouble of a transaction whose money went its way outside, e.g. by a transfer; to no effect twice.

        Raises TransactionNotFound.
        """

        async def work() -> Transaction:
            transaction = await self._transactions.existing(transaction_id)
            if not transaction.trouble:
                return transaction
            return await self._settlement.end_trouble(transaction, admin.user_id)

        return await self._database.transaction(work)

    async def send(self, payload: SendRefund) -> None:
        """Asks the gateway to send a refund, and later how it stands: the webhook that tells it may get lost.

        Raises GatewayUnavailable: then the job tries again; PutBack as long as the money is on its way.
        """
        transaction = await self._transactions.existing(payload.transaction_id)
        refund = transaction.refund(payload.refund_id)
        if refund is None or refund.status not in UNDER_WAY:
            return
        amount = Money(amount=refund.amount, currency=transaction.amount.currency)
        gateway = self._gateways.get(transaction.gateway)
        if gateway is None and refund.status is RefundStatus.SENT:
            return  # it goes its way, and nobody can be asked about it any more
        if gateway is None:
            told = _failed(refund, amount, f"{transaction.gateway} is not set up here any more.")
        else:
            order = RefundOrder(
                refund_id=refund.key or refund.id,
                transaction_id=transaction.id,
                payment_reference=transaction.payment_reference,
                amount=amount,
                reason=refund.reason,
            )
            try:
                told = await gateway.refund(order)
            except GatewayRefused as error:
                told = _failed(refund, amount, error.message)
        await self._record(transaction.id, told)
        if told.state is RefundState.PENDING:
            raise PutBack(self._clock.now() + _NEXT_LOOK)

    async def give_up(self, payload: SendRefund) -> None:
        """Notes that the gateway could not be asked for more than a day; joins the transaction."""
        transaction = await self._transactions.existing(payload.transaction_id)
        refund = transaction.refund(payload.refund_id)
        if refund is not None and refund.status is RefundStatus.REQUESTED:
            amount = Money(amount=refund.amount, currency=transaction.amount.currency)
            told = _failed(refund, amount, "The gateway could not be reached for more than a day.")
            await self._settlement.record_refund(transaction, told)

    async def _record(self, transaction_id: str, told: GatewayRefund) -> None:
        async def work() -> None:
            await self._settlement.record_refund(await self._transactions.existing(transaction_id), told)

        await self._database.transaction(work)


def _checked(transaction: Transaction, amount: int | None) -> int:
    if not transaction.holds_money:
        raise NotRefundable("Nothing was paid with this transaction that could go back.")
    left = transaction.refundable
    if not transaction.amount.amount:
        raise NotRefundable("A coupon paid all of this, so there is no money to send back.")
    if left <= 0:
        raise NotRefundable("All of this payment has gone back, or is on its way.")
    if amount is None:
        return left
    if not 0 < amount <= left:
        most = Money(amount=left, currency=transaction.amount.currency)
        text = f"At most {most.major_units} {most.currency} can go back."
        raise InvalidError(text, fields={"amount": text})
    return amount


def _failed(refund: Refund, amount: Money, failure: str) -> GatewayRefund:
    return GatewayRefund(
        reference=refund.reference,
        refund_id=refund.key or refund.id,
        amount=amount,
        state=RefundState.FAILED,
        failure=failure,
    )
