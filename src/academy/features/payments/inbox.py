"""The inbox of the gateways' webhooks: taken fast, kept raw, made true by a job, each event once."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from weakref import WeakValueDictionary

import msgspec

from academy.features.payments.errors import NewsTooEarly
from academy.features.payments.model import (
    PaymentReceived,
    Transaction,
    TransactionStatus,
    WebhookEvent,
    WebhookStatus,
)
from academy.features.payments.repository import TransactionRepository, WebhookRepository
from academy.features.payments.settlement import Settlement, other_amount
from academy.infrastructure.database.base import Database
from academy.infrastructure.database.errors import UniqueViolation
from academy.infrastructure.gateways.base import Gateway, News, NewsKind, WebhooksClosed
from academy.infrastructure.jobs.base import JobKind, JobQueue
from academy.kit.clock import Clock

# An event that waits for longer shows in health.
LONGEST_WAIT = timedelta(minutes=5)


class HandleWebhook(msgspec.Struct, frozen=True):
    """Payload: an event of the inbox, by our id of it."""

    event_id: str


# Events come in any order: one that tells of a payment we have not heard of is tried for some hours.
HANDLE_WEBHOOK = JobKind("handle_webhook", HandleWebhook, max_attempts=12, longest_pause=timedelta(hours=1))


class WebhookInbox:
    """Takes webhooks and handles them."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        queue: JobQueue,
        gateways: Mapping[str, Gateway],
        settlement: Settlement,
    ) -> None:
        self._database = database
        self._clock = clock
        self._queue = queue
        self._gateways = gateways
        self._settlement = settlement
        self._events = WebhookRepository(database)
        self._transactions = TransactionRepository(database)
        self._taking: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def take(self, gateway: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Keeps a signed webhook and has a job handle it; one that came before changes nothing.

        Raises WebhooksClosed, BadSignature.
        """
        signer = self._gateways.get(gateway)
        if signer is None:
            raise WebhooksClosed
        news = signer.read_news(body, headers)
        # Many copies at once wait here for the first one, and not in the database, where each would hold a connection.
        async with self._taking.setdefault((gateway, news.event_id), asyncio.Lock()):
            known = await self._events.of_event(gateway, news.event_id)
            if known is None:
                await self._keep(gateway, body, news)
            elif known.status is WebhookStatus.UNMATCHED:
                await self._database.transaction(lambda: self._reopen(known))

    async def _reopen(self, event: WebhookEvent) -> None:
        event.status, event.updated_at = WebhookStatus.RECEIVED, self._clock.now()
        await self._events.replace(event)
        await self._queue.enqueue(HANDLE_WEBHOOK, HandleWebhook(event.id), key=event.id)

    async def _keep(self, gateway: str, body: bytes, news: News) -> None:
        now = self._clock.now()
        event = WebhookEvent(
            gateway=gateway,
            event_id=news.event_id,
            event_type=news.event_type,
            body=body.decode(errors="replace"),
            news=msgspec.json.encode(news).decode(),
            payment_key=f"{gateway}:{news.payment_reference}" if news.payment_reference else None,
            created_at=now,
            updated_at=now,
        )

        async def work() -> None:
            await self._events.insert(event)
            await self._queue.enqueue(HANDLE_WEBHOOK, HandleWebhook(event.id), key=event.id)

        try:
            await self._database.transaction(work)
        except UniqueViolation:
            return

    async def handle(self, payload: HandleWebhook) -> None:
        """Makes an event true, once: its effects and its mark are one transaction. Raises NewsTooEarly."""

        async def work() -> None:
            event = await self._events.get(payload.event_id)
            if event is None or event.status not in (WebhookStatus.RECEIVED, WebhookStatus.UNMATCHED):
                return
            news = msgspec.json.decode(event.news, type=News)
            event.status, event.outcome, meant = await self._apply(event, news)
            event.transaction_id = meant.id if meant else ""
            if meant and not meant.user_id:
                event.body = ""  # its buyer wants to be forgotten
            event.handled_at = event.updated_at = self._clock.now()
            await self._events.replace(event)

        await self._database.transaction(work)

    async def give_up(self, payload: HandleWebhook) -> None:
        """Marks an event about what never came; joins the transaction. It is handled when that comes after all."""
        event = await self._events.get(payload.event_id)
        if event is not None and event.status is WebhookStatus.RECEIVED:
            event.status = WebhookStatus.UNMATCHED
            event.outcome = "Nothing here fits what it tells: perhaps it is about something that was not sold here."
            event.handled_at = event.updated_at = self._clock.now()
            await self._events.replace(event)

    async def take_up(self, payment: PaymentReceived) -> None:
        """Has events handled that were given up before the payment that they name came."""

        async def work() -> None:
            transaction = await self._transactions.existing(payment.transaction_id)
            if transaction.payment_key:
                for early in await self._events.unmatched(transaction.payment_key):
                    await self._reopen(early)

        await self._database.transaction(work)

    async def _apply(self, event: WebhookEvent, news: News) -> tuple[WebhookStatus, str, Transaction | None]:
        """Returns what became of the event, in words, and the transaction that it is about."""
        if news.kind is NewsKind.OTHER:
            return WebhookStatus.IGNORED, "It tells nothing that changes a payment here.", None
        transaction = await self._meant(event.gateway, news)
        if transaction is None and news.kind in (NewsKind.FAILED, NewsKind.EXPIRED):
            return WebhookStatus.IGNORED, "Nothing was paid for something that is not known here.", None
        if transaction is None:
            raise NewsTooEarly
        if objection := _objection(event.gateway, transaction, news):
            if news.kind is NewsKind.PAID and objection == other_amount(transaction, news.amount):
                await self._settlement.note_trouble(transaction, objection)
            return WebhookStatus.REFUSED, objection, transaction
        outcome, changed = await self._change(transaction, event, news)
        return WebhookStatus.HANDLED, outcome, changed

    async def _meant(self, gateway: str, news: News) -> Transaction | None:
        """The transaction that the news is about: that which holds the payment, else that of the checkout."""
        if news.payment_reference:
            held = await self._transactions.of_payment(f"{gateway}:{news.payment_reference}")
            if held is not None:
                return held
        if news.kind in (NewsKind.REFUND, NewsKind.DISPUTE):
            return None  # money goes back only after it came
        if news.reference and (found := await self._transactions.of_checkout(gateway, news.reference)):
            return found
        return await self._transactions.get(news.transaction_id) if news.transaction_id else None

    async def _change(self, transaction: Transaction, event: WebhookEvent, news: News) -> tuple[str, Transaction]:
        cause, event_id = f"{event.gateway}: {news.event_type}", event.id
        match news.kind:
            case NewsKind.PAID:
                paid = await self._settlement.record_payment(
                    transaction, news.payment_reference, cause=cause, event_id=event_id
                )
                if paid.late_for == transaction.id:
                    return "The money came late; it has a transaction of its own.", paid
                return f"The transaction is {_words(paid.status)}.", paid
            case NewsKind.REFUND if news.refund:
                changed = await self._settlement.record_refund(transaction, news.refund, event_id=event_id)
                return f"The transaction is {_words(changed.status)}.", changed
            case NewsKind.DISPUTE if news.dispute:
                return "The dispute is noted.", await self._settlement.record_dispute(
                    transaction, news.dispute, news.occurred_at
                )
            case NewsKind.EXPIRED:
                status = TransactionStatus.EXPIRED
            case _ if not news.is_final:
                return "The try is noted; the buyer may try again.", await self._settlement.note_failure(
                    transaction, news.failure
                )
            case _:
                status = TransactionStatus.FAILED
        was_open = transaction.is_open
        closed = await self._settlement.close(transaction, status, cause, event_id=event_id, failure=news.failure)
        outcome = f"The transaction is {_words(closed.status)}."
        return outcome if was_open else f"Nothing to change: {outcome}", closed


def _objection(gateway: str, transaction: Transaction, news: News) -> str:
    """Why the news cannot be about this transaction; "" when it can."""
    if transaction.gateway != gateway:
        return f"It names a transaction of {transaction.gateway or 'no gateway'}."
    if news.reference and transaction.reference not in ("", news.reference):
        return f"It tells of checkout {news.reference}, but the transaction has {transaction.reference}."
    if news.kind is NewsKind.PAID and not news.payment_reference:
        return "It tells of money without saying which."
    if news.kind is NewsKind.PAID and news.amount != transaction.amount:
        return other_amount(transaction, news.amount)
    return ""


def _words(status: TransactionStatus) -> str:
    return status.value.replace("_", " ")
