"""Every query of the payments."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from academy.features.payments.errors import TransactionNotFound
from academy.features.payments.invoice import SELLERS_ZONE, Buyer, Invoice
from academy.features.payments.model import (
    DISPUTES_OVER,
    HOLDS_MONEY,
    Access,
    Transaction,
    TransactionFilter,
    WebhookEvent,
    WebhookStatus,
)
from academy.features.payments.pricing_model import Counter, Coupon, TaxRule
from academy.infrastructure.database.base import LARGEST_PAGE, Database, Group, Page

_MOST_COUNTED = 1_000


class TransactionRepository:
    """Transactions."""

    def __init__(self, database: Database) -> None:
        self._transactions = database.collection(Transaction)

    async def get(self, transaction_id: str) -> Transaction | None:
        """Returns a transaction."""
        return await self._transactions.get(transaction_id)

    async def of_request(self, request_key: str) -> Transaction | None:
        """Returns what was made with an Idempotency-Key."""
        return await self._transactions.find_one({"request_key": request_key})

    async def open_of(self, open_key: str) -> Transaction | None:
        """Returns the transaction with which a buyer can pay a course."""
        return await self._transactions.find_one({"open_key": open_key})

    async def of_payment(self, payment_key: str) -> Transaction | None:
        """Returns the transaction that holds a payment."""
        return await self._transactions.find_one({"payment_key": payment_key})

    async def of_checkout(self, gateway: str, reference: str) -> Transaction | None:
        """Returns the transaction of a gateway's checkout; the first one, when late money made another."""
        return await self._transactions.find_one({"gateway": gateway, "reference": reference})

    async def of_invoice(self, number: str) -> Transaction | None:
        """Returns the transaction to which an invoice was written."""
        return await self._transactions.find_one({"invoice_number": number})

    async def of_user(self, user_id: str, limit: int, cursor: str | None) -> Page[Transaction]:
        """Returns a buyer's transactions, newest first."""
        return await self._transactions.page({"user_id": user_id}, sort=("-created_at",), limit=limit, cursor=cursor)

    async def with_coupon(self, user_id: str, coupon_code: str) -> list[Transaction]:
        """Returns a buyer's transactions with a coupon, whatever became of them."""
        return await self._transactions.find({"user_id": user_id, "coupon_code": coupon_code})

    async def late_for(self, transaction_id: str) -> Transaction | None:
        """Returns the transaction of money that came after another one was closed."""
        return await self._transactions.find_one({"late_for": transaction_id})

    async def existing(self, transaction_id: str) -> Transaction:
        """Returns a transaction. Raises TransactionNotFound."""
        transaction = await self._transactions.get(transaction_id)
        if transaction is None:
            raise TransactionNotFound
        return transaction

    async def page(self, wanted: TransactionFilter, limit: int, cursor: str | None) -> Page[Transaction]:
        """Returns all transactions that fit, newest first; the disputed ones by the day of the dispute."""
        equal = {
            "user_id": wanted.user_id,
            "course_id": wanted.course_id,
            "coupon_code": wanted.coupon_code,
            "gateway": wanted.gateway,
            "status": wanted.status.value if wanted.status else "",
        }
        query: dict[str, object] = {field: value for field, value in equal.items() if value}
        if begun := _begun_on(wanted):
            query["created_at"] = begun
        sort = "-created_at"
        if wanted.disputed:
            query["disputed_at"], sort = {"$ne": None}, "-disputed_at"
        if wanted.troubled:
            query["troubled_at"], sort = {"$ne": None}, "-troubled_at"
        return await self._transactions.page(query, sort=(sort,), limit=limit, cursor=cursor)

    async def due_for_check(self, gateway: str, now: datetime) -> list[Transaction]:
        """Returns transactions about which a gateway should be asked, the longest due first; at most 200."""
        return await self._transactions.find({"gateway": gateway, "check_at": {"$lte": now}}, sort=("check_at",))

    async def due_elsewhere(self, gateways: Sequence[str], now: datetime) -> list[Transaction]:
        """Returns such transactions of other gateways than these."""
        query = {"gateway": {"$nin": list(gateways)}, "check_at": {"$lte": now}}
        return await self._transactions.find(query, sort=("check_at",))

    async def troubled(self) -> int:
        """Counts the transactions that somebody has to look at, up to 1,000."""
        return await self._transactions.count({"troubled_at": {"$ne": None}}, at_most=_MOST_COUNTED)

    async def granting(self, cursor: str | None) -> Page[Transaction]:
        """Returns transactions that hold money and gave access, newest first."""
        query = {"status": {"$in": [status.value for status in HOLDS_MONEY]}, "access": Access.GRANTED.value}
        return await self._transactions.page(query, sort=("-created_at",), limit=LARGEST_PAGE, cursor=cursor)

    async def totals(self, since: datetime) -> list[Group]:
        """Sums what was paid since then, and what of that went back, by currency."""
        return await self._transactions.group(
            {"paid_at": {"$gte": since}, "invoice_number": {"$ne": None}},
            by="amount.currency",
            sums=("amount.amount", "refunded"),
        )

    async def open_disputes(self) -> int:
        """Counts the transactions about whose dispute the bank has not decided, up to 1,000."""
        is_open = {"disputed_at": {"$ne": None}, "dispute.status": {"$nin": list(DISPUTES_OVER)}}
        return await self._transactions.count(is_open, at_most=_MOST_COUNTED)

    async def insert(self, transaction: Transaction) -> None:
        """Stores a new transaction. Raises UniqueViolation."""
        await self._transactions.insert(transaction)

    async def replace(self, transaction: Transaction) -> Transaction:
        """Stores a changed transaction. Raises VersionConflict."""
        return await self._transactions.replace(transaction)

    async def all_of_user(self, user_id: str) -> list[Transaction]:
        """Returns at most 200 of a buyer's transactions, the newest first."""
        return await self._transactions.find({"user_id": user_id}, sort=("-created_at",))


def _begun_on(wanted: TransactionFilter) -> dict[str, datetime]:
    """The days of a filter as moments."""
    zone = ZoneInfo(SELLERS_ZONE)
    moments: dict[str, datetime] = {}
    if wanted.from_day:
        moments["$gte"] = datetime.combine(wanted.from_day, time.min, zone)
    if wanted.to_day:
        moments["$lt"] = datetime.combine(wanted.to_day, time.min, zone) + timedelta(days=1)
    return moments


class WebhookRepository:
    """The inbox of the webhooks."""

    def __init__(self, database: Database) -> None:
        self._events = database.collection(WebhookEvent)

    async def insert(self, event: WebhookEvent) -> None:
        """Stores a new event. Raises UniqueViolation when it came before."""
        await self._events.insert(event)

    async def get(self, event_id: str) -> WebhookEvent | None:
        """Returns an event by our id of it."""
        return await self._events.get(event_id)

    async def of_event(self, gateway: str, event_id: str) -> WebhookEvent | None:
        """Returns an event by its gateway's id of it."""
        return await self._events.find_one({"gateway": gateway, "event_id": event_id})

    async def replace(self, event: WebhookEvent) -> WebhookEvent:
        """Stores a changed event. Raises VersionConflict."""
        return await self._events.replace(event)

    async def of_transaction(self, transaction_id: str) -> list[WebhookEvent]:
        """Returns what a gateway told about a transaction, in the order of arrival."""
        return await self._events.find({"transaction_id": transaction_id}, sort=("created_at",))

    async def page(self, status: WebhookStatus | None, limit: int, cursor: str | None) -> Page[WebhookEvent]:
        """Returns events, newest first."""
        query: Mapping[str, object] = {"status": status.value} if status else {}
        return await self._events.page(query, sort=("-created_at",), limit=limit, cursor=cursor)

    async def unmatched(self, payment_key: str) -> list[WebhookEvent]:
        """Returns events that name money which had not come when they were given up."""
        found = await self._events.find({"payment_key": payment_key})
        return [event for event in found if event.status is WebhookStatus.UNMATCHED]

    async def forget_bodies(self, transaction_id: str) -> None:
        """Empties the raw bodies of what was told about a transaction: they name its buyer."""
        await self._events.update_many({"transaction_id": transaction_id}, {"$set": {"body": ""}})

    async def delete_old(self, before: datetime) -> None:
        """Removes events that came before a moment and need nobody."""
        for status in (WebhookStatus.HANDLED, WebhookStatus.IGNORED):
            query = {"status": status.value, "created_at": {"$lt": before}}
            while old := await self._events.find(query, sort=("created_at",)):
                await self._events.delete_many({"id": {"$in": [event.id for event in old]}})

    async def oldest_waiting(self) -> WebhookEvent | None:
        """Returns the event that has been waiting for the longest time."""
        return await self._events.find_one({"status": WebhookStatus.RECEIVED.value}, sort=("created_at",))

    async def count(self, status: WebhookStatus) -> int:
        """Counts events in a state, up to 1,000."""
        return await self._events.count({"status": status.value}, at_most=_MOST_COUNTED)


class CouponRepository:
    """Coupons."""

    def __init__(self, database: Database) -> None:
        self._coupons = database.collection(Coupon)

    async def of_code(self, code: str) -> Coupon | None:
        """Returns the coupon with a code."""
        return await self._coupons.find_one({"code": code})

    async def page(self, limit: int, cursor: str | None) -> Page[Coupon]:
        """Returns the coupons, newest first."""
        return await self._coupons.page({}, sort=("-created_at",), limit=limit, cursor=cursor)

    async def insert(self, coupon: Coupon) -> None:
        """Stores a new coupon. Raises UniqueViolation."""
        await self._coupons.insert(coupon)

    async def replace(self, coupon: Coupon) -> Coupon:
        """Stores a changed coupon. Raises VersionConflict."""
        return await self._coupons.replace(coupon)

    async def take(self, code: str) -> bool:
        """Takes one use of a coupon that has one left; returns whether it had."""
        if await self._coupons.update_one({"code": code, "is_limited": False}, {"$inc": {"used": 1}}):
            return True
        return await self._coupons.update_one({"code": code, "left": {"$gt": 0}}, {"$inc": {"left": -1, "used": 1}})

    async def give_back(self, code: str) -> None:
        """Gives a use back."""
        # `left` of a coupon without a limit means nothing.
        await self._coupons.update_one({"code": code}, {"$inc": {"left": 1, "used": -1}})

    async def count_use(self, code: str) -> None:
        """Notes a use for which money came after it was given back, also when none is left: then `left` is below 0."""
        await self._coupons.update_one({"code": code}, {"$inc": {"left": -1, "used": 1}})


class TaxRepository:
    """The table of taxes."""

    def __init__(self, database: Database) -> None:
        self._rules = database.collection(TaxRule)

    async def matching(self, countries: Sequence[str], course_ids: Sequence[str]) -> list[TaxRule]:
        """Returns the lines of some countries for some courses."""
        return await self._rules.find({"country": {"$in": list(countries)}, "course_id": {"$in": list(course_ids)}})

    async def all(self) -> list[TaxRule]:
        """Returns the table, at most 200 lines, by country."""
        return await self._rules.find({}, sort=("country", "course_id", "name"))

    async def insert(self, rule: TaxRule) -> None:
        """Stores a new line. Raises UniqueViolation."""
        await self._rules.insert(rule)

    async def delete(self, rule_id: str) -> bool:
        """Removes a line; returns whether there was one."""
        return await self._rules.delete_one({"id": rule_id})


class InvoiceRepository:
    """Invoices and credit notes: written once. Only a buyer who wants to be forgotten is."""

    def __init__(self, database: Database) -> None:
        self._invoices = database.collection(Invoice)

    async def insert(self, invoice: Invoice) -> None:
        """Stores a new document. Raises UniqueViolation."""
        await self._invoices.insert(invoice)

    async def of_number(self, number: str) -> Invoice | None:
        """Returns the document with a number."""
        return await self._invoices.find_one({"number": number})

    async def of_transaction(self, transaction_id: str) -> list[Invoice]:
        """Returns the documents of a transaction, in the order of their writing."""
        return await self._invoices.find({"transaction_id": transaction_id}, sort=("issued_at",))

    async def set_buyer(self, transaction_id: str, buyer: Buyer) -> None:
        """Puts another buyer in all documents of a transaction."""
        await self._invoices.update_many({"transaction_id": transaction_id}, {"$set": {"buyer": buyer}})


class CounterRepository:
    """Counters."""

    def __init__(self, database: Database) -> None:
        self._counters = database.collection(Counter)

    async def next(self, name: str, now: datetime) -> int:
        """Returns the next number of a series, from 1, as part of the open transaction."""
        first = Counter(id=name, value=1, created_at=now, updated_at=now)
        counter = await self._counters.find_and_update({"id": name}, {"$inc": {"value": 1}}, insert=first)
        return counter.value if counter else 1
