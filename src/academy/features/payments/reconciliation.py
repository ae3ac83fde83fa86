"""Asking the gateways: what lost webhooks would have told, and who paid and has nothing."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import structlog

from academy.features.payments.access import AccessDoor
from academy.features.payments.errors import NothingToRepair
from academy.features.payments.model import Transaction, TransactionStatus
from academy.features.payments.repository import TransactionRepository
from academy.features.payments.settlement import Settlement, other_amount
from academy.infrastructure.database.base import Database, Page
from academy.infrastructure.gateways.base import Gateway, GatewayRefused, GatewayUnavailable, Payment, PaymentState
from academy.kit.clock import Clock
from academy.kit.errors import AcademyError

# The later, the rarer: a payment that did not come in an hour seldom comes.
_SHORTEST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=6)
_PAUSE_SHARE = 4
# A gateway that cannot close checkouts may be paid late: it is asked for so long.
_LONGEST_WATCH = timedelta(days=7)
# Of 200 transactions each, that one search for the unserved looks through.
_MOST_PAGES = 10


class Reconciliation:
    """Compares what we know with what the gateways know."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        gateways: Mapping[str, Gateway],
        settlement: Settlement,
        access: AccessDoor,
    ) -> None:
        self._database = database
        self._clock = clock
        self._gateways = gateways
        self._settlement = settlement
        self._access = access
        self._transactions = TransactionRepository(database)

    async def run(self) -> None:
        """Asks about all transactions that are due. A gateway that is away is asked again at the next run."""
        now = self._clock.now()
        for name in self._gateways:
            await self._check_all(await self._transactions.due_for_check(name, now))
        await self._check_all(await self._transactions.due_elsewhere(list(self._gateways), now))

    async def _check_all(self, due: Sequence[Transaction]) -> None:
        for transaction in due:
            try:
                await self.check(transaction)
            except GatewayUnavailable as error:
                log = structlog.get_logger()
                log.warning("reconciliation_postponed", gateway=transaction.gateway, detail=error.detail)
                return
            except AcademyError as error:
                structlog.get_logger().error("reconciliation_failed", transaction_id=transaction.id, code=error.code)

    async def check(self, transaction: Transaction) -> Transaction:
        """Asks about one, ends it when its time is over, and says when to ask next. Raises GatewayUnavailable."""
        now = self._clock.now()
        gateway = self._gateways.get(transaction.gateway)
        if gateway is None or not transaction.reference:
            # Nobody can pay what no gateway has; one whose keys are gone cannot be asked.
            return await self._next(transaction.id, is_over=transaction.expires_at <= now, may_still_be_paid=False)
        is_over, is_closed = transaction.expires_at <= now, False
        if is_over or not transaction.is_open:
            is_closed = await gateway.close_checkout(transaction.reference)
        payment = None if is_closed else await self._payment(gateway, transaction)
        if payment is not None:
            await self._database.transaction(lambda: self._apply(transaction.id, payment))
            is_over = is_over and payment.state is not PaymentState.PROCESSING
        return await self._next(transaction.id, is_over=is_over, may_still_be_paid=not is_closed)

    async def ask(self, transaction: Transaction) -> Transaction:
        """Asks the gateway how a payment stands and makes that true here. Raises GatewayUnavailable."""
        gateway = self._gateways.get(transaction.gateway)
        if gateway is None or not transaction.reference:
            return transaction
        payment = await self._payment(gateway, transaction)
        if payment is None:
            return transaction
        return await self._database.transaction(lambda: self._apply(transaction.id, payment))

    async def _payment(self, gateway: Gateway, transaction: Transaction) -> Payment | None:
        try:
            return await gateway.standing(transaction.reference)
        except GatewayRefused as error:
            structlog.get_logger().warning("gateway_knows_nothing", transaction_id=transaction.id, detail=error.detail)
            return None

    async def _apply(self, transaction_id: str, payment: Payment) -> Transaction:
        transaction = await self._transactions.existing(transaction_id)
        cause = "The gateway was asked."
        if payment.state is PaymentState.PAID:
            if payment.amount != transaction.amount:
                return await self._settlement.note_trouble(transaction, other_amount(transaction, payment.amount))
            return await self._settlement.record_payment(transaction, payment.payment_reference, cause=cause)
        if payment.state is PaymentState.FAILED:
            status, failure = TransactionStatus.FAILED, payment.failure
            return await self._settlement.close(transaction, status, cause, failure=failure)
        if payment.state is PaymentState.EXPIRED:
            return await self._settlement.close(transaction, TransactionStatus.EXPIRED, cause)
        return transaction

    async def _next(self, transaction_id: str, *, is_over: bool, may_still_be_paid: bool) -> Transaction:
        async def work() -> Transaction:
            transaction = await self._transactions.existing(transaction_id)
            if not transaction.is_open and transaction.check_at is None:
                return transaction
            if is_over:
                transaction = await self._settlement.close(
                    transaction, TransactionStatus.EXPIRED, "Its time is over.", may_still_be_paid=may_still_be_paid
                )
            age = self._clock.now() - transaction.created_at
            goes_on = transaction.is_open or (may_still_be_paid and age < _LONGEST_WATCH)
            if not goes_on:
                return await self._settlement.stop_watching(transaction)
            pause = min(max(age / _PAUSE_SHARE, _SHORTEST_PAUSE), _LONGEST_PAUSE)
            transaction.check_at = self._clock.now() + pause
            return await self._transactions.replace(transaction)

        return await self._database.transaction(work)

    # --- paid, and nothing for it ---

    async def unserved(self, cursor: str | None = None, *, most_pages: int = _MOST_PAGES) -> Page[Transaction]:
        """Returns transactions that hold money for a course that their buyers cannot open, newest first.

        Looks through at most `most_pages` times 200 paid transactions; `next_cursor` says where to look on, and is None
        when all are looked through. Raises InvalidCursor.
        """
        found: list[Transaction] = []
        for _ in range(most_pages):
            page = await self._transactions.granting(cursor)
            found += await self._without_access(page.items)
            cursor = page.next_cursor
            if cursor is None:
                break
        return Page(items=found, next_cursor=cursor)

    async def is_unserved(self, transaction: Transaction) -> bool:
        """Whether the buyer paid for access that they do not have."""
        return bool(await self._without_access([transaction]))

    async def _without_access(self, transactions: Sequence[Transaction]) -> list[Transaction]:
        """Those whose buyers cannot open what they bought; whoever deleted their account has nothing to open."""
        served = await self._access.served([transaction.id for transaction in transactions])
        return [one for one in transactions if one.owes_access and one.id not in served]

    async def repair(self, transaction_id: str, actor_id: str) -> Transaction:
        """Gives the buyer what they paid for. Raises TransactionNotFound, NothingToRepair."""

        async def work() -> Transaction:
            transaction = await self._transactions.existing(transaction_id)
            if not await self.is_unserved(transaction):
                raise NothingToRepair
            return await self._settlement.grant_again(transaction, actor_id)

        return await self._database.transaction(work)
