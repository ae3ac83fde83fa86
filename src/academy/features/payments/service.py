"""What the rest of the academy asks of the payments: what was paid, by whom, and how the gateways fare."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from academy.features.payments.errors import TransactionNotFound, WebhookEventNotFound
from academy.features.payments.inbox import LONGEST_WAIT
from academy.features.payments.invoice import Buyer, Invoice
from academy.features.payments.invoicing import Invoicing
from academy.features.payments.model import StateChange, Transaction, TransactionFilter, WebhookEvent, WebhookStatus
from academy.features.payments.repository import TransactionRepository, WebhookRepository
from academy.infrastructure.database.base import Database, Page
from academy.infrastructure.gateways.base import Gateway
from academy.infrastructure.security.principal import Principal
from academy.kit.clock import Clock
from academy.kit.money import Money

_DELETED = "Deleted account"
# Gateways send an event again for days; whoever looks into an old payment asks the gateway.
_EVENTS_KEPT = timedelta(days=400)
REVENUE_DAYS = 30


class Revenue(msgspec.Struct, frozen=True, kw_only=True):
    """What came in and what went back, in one currency; `count`: payments."""

    paid: Money
    refunded: Money
    count: int


class PaymentFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How the payments fare; numbers end at 1,000.

    Attributes:
        revenue: of the last 30 days.
        open_disputes: about which the bank has not decided.
        waiting_events: webhooks that are not handled yet.
        refused_events: webhooks that somebody has to look at.
    """

    revenue: list[Revenue]
    open_disputes: int
    waiting_events: int
    refused_events: int


class PaymentService:
    """Transactions, as their buyers and the admins see them."""

    def __init__(self, database: Database, clock: Clock, gateways: Mapping[str, Gateway], invoicing: Invoicing) -> None:
        self._database = database
        self._clock = clock
        self._gateways = gateways
        self._invoicing = invoicing
        self._transactions = TransactionRepository(database)
        self._events = WebhookRepository(database)

    async def of_user(self, user_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[Transaction]:
        """Returns a buyer's transactions, newest first. Raises InvalidCursor."""
        return await self._transactions.of_user(user_id, limit, cursor)

    async def get(self, transaction_id: str, viewer: Principal | None = None) -> Transaction:
        """Returns a transaction; with a `viewer`, only one of theirs. Raises TransactionNotFound."""
        transaction = await self._transactions.get(transaction_id)
        if transaction is None or (viewer is not None and transaction.user_id != viewer.user_id):
            raise TransactionNotFound
        return transaction

    async def page(self, wanted: TransactionFilter, *, limit: int = 50, cursor: str | None = None) -> Page[Transaction]:
        """Returns the transactions that fit, newest first. Raises InvalidCursor."""
        return await self._transactions.page(wanted, limit, cursor)

    async def find(self, text: str) -> Transaction | None:
        """Returns the transaction with this id, or to which the invoice with this number was written."""
        return await self._transactions.get(text) or await self._transactions.of_invoice(text)

    async def documents(self, transaction: Transaction) -> list[Invoice]:
        """Returns the invoice and the credit notes of a transaction, in the order of their writing."""
        return await self._invoicing.of_transaction(transaction.id)

    async def document(self, transaction: Transaction, number: str) -> Invoice:
        """Returns one of them. Raises NotFoundError."""
        return await self._invoicing.get(transaction.id, number)

    async def revenue(self, since: datetime) -> list[Revenue]:
        """Returns what came in since then, by currency."""
        return [
            Revenue(
                paid=Money(amount=int(group.sums["amount.amount"]), currency=str(group.key)),
                refunded=Money(amount=int(group.sums["refunded"]), currency=str(group.key)),
                count=group.count,
            )
            for group in await self._transactions.totals(since)
        ]

    async def figures(self) -> PaymentFigures:
        """Returns how the payments fare, by some counts that indexes serve."""
        return PaymentFigures(
            revenue=await self.revenue(self._clock.now() - timedelta(days=REVENUE_DAYS)),
            open_disputes=await self._transactions.open_disputes(),
            waiting_events=await self._events.count(WebhookStatus.RECEIVED),
            refused_events=await self._events.count(WebhookStatus.REFUSED),
        )

    # --- the inbox of the webhooks ---

    async def webhook_events(
        self, status: WebhookStatus | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[WebhookEvent]:
        """Returns what the gateways told, newest first. Raises InvalidCursor."""
        return await self._events.page(status, limit, cursor)

    async def webhook_event(self, event_id: str) -> WebhookEvent:
        """Returns an event by our id of it. Raises WebhookEventNotFound."""
        event = await self._events.get(event_id)
        if event is None:
            raise WebhookEventNotFound
        return event

    async def oldest_waiting(self) -> WebhookEvent | None:
        """Returns the event that has been waiting to be handled for the longest time."""
        return await self._events.oldest_waiting()

    async def events_of(self, transaction: Transaction) -> list[WebhookEvent]:
        """Returns what the gateways told about a transaction."""
        return await self._events.of_transaction(transaction.id)

    async def health_check(self) -> str:
        """Returns "" when all that the gateways told is handled and nothing needs somebody, else what does."""
        troubles = []
        oldest = await self._events.oldest_waiting()
        if oldest is not None and self._clock.now() - oldest.created_at > LONGEST_WAIT:
            waiting = f"{oldest.created_at:%Y-%m-%d %H:%M} UTC"
            troubles.append(f"A webhook of {oldest.gateway} has been waiting since {waiting}.")
        if troubled := await self._transactions.troubled():
            troubles.append(f"Payments that need somebody: {troubled}. They are at /admin/transactions?troubled=true.")
        return " ".join(troubles)

    async def forget_old_events(self) -> None:
        """Removes what gateways told longer ago than anybody asks about it."""
        await self._events.delete_old(self._clock.now() - _EVENTS_KEPT)

    async def verify(self) -> dict[str, str]:
        """Asks every gateway whether it takes our credentials: name -> "" or what is wrong."""
        return {name: await gateway.verify() for name, gateway in self._gateways.items()}

    async def close(self) -> None:
        """Gives the connections to the gateways back."""
        for gateway in self._gateways.values():
            await gateway.close()

    # --- for the owner of an account ---

    async def export(self, user_id: str) -> dict[str, object]:
        """Returns a buyer's latest 200 transactions as plain values."""
        return {
            "transactions": [
                {
                    "id": transaction.id,
                    "course": transaction.course_title,
                    "status": transaction.status.value,
                    "amount": transaction.amount.amount,
                    "currency": transaction.amount.currency,
                    "refunded": transaction.refunded,
                    "buyer": msgspec.to_builtins(transaction.buyer),
                    "invoice_number": transaction.invoice_number,
                    "created_at": transaction.created_at.isoformat(),
                }
                for transaction in await self._transactions.all_of_user(user_id)
            ]
        }

    async def forget_user(self, user_id: str) -> None:
        """Takes a deleted account's name out of its payments, which stay, in the open transaction."""
        while held := await self._transactions.all_of_user(user_id):
            for transaction in held:
                buyer = Buyer(name=_DELETED, email="", country=transaction.buyer.country)
                forgotten = msgspec.structs.replace(
                    transaction,
                    user_id="",
                    buyer=buyer,
                    request_key=None,
                    open_key=None,
                    payload={},
                    history=[_without(user_id, change) for change in transaction.history],
                )
                await self._transactions.replace(forgotten)
                await self._events.forget_bodies(transaction.id)
                await self._invoicing.forget_buyer(transaction.id, buyer)


def _without(user_id: str, change: StateChange) -> StateChange:
    return msgspec.structs.replace(change, actor_id="") if change.actor_id == user_id else change
