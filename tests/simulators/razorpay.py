"""A Razorpay that keeps orders, payments and refunds: its REST API, with the books of `razorpay_account.py` behind it.

README.md names the vendor's pages that it follows.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from academy.kit.clock import Clock, SystemClock
from tests.simulators.local_server import Answer, LocalServer, Request, Trouble, running
from tests.simulators.razorpay_account import Account, Order, Payment, Refund
from tests.simulators.razorpay_checks import (
    Mistake,
    NewCapture,
    NewOrder,
    NewRefund,
    RefusedCallError,
    check_key,
    check_order,
    check_refund,
    decoded,
)

KEY_ID = "rzp_test_SimulatedKeyId"
KEY_SECRET = "key-secret-of-the-tests"

_NO_SUCH_URL = Mistake("The requested URL was not found on the server.", source="NA", step="NA", reason="NA")
_LARGEST_PAGE = 100

T = TypeVar("T")


class Fault(StrEnum):
    """What a Razorpay that is reached does wrong."""

    NONE = "none"
    SERVER_ERROR = "500"
    GATEWAY_ERROR = "the bank's side fails"
    ERROR_PAGE = "an error page instead of JSON"
    NO_JSON = "a page instead of JSON"
    ANOTHER_JSON = "JSON of another shape"
    LIMITED = "too many requests"
    ANSWER_LOST = "does what a POST asks for, and hangs up on everybody from then on"


_ERRORS: dict[Fault, tuple[int, Mistake]] = {
    Fault.SERVER_ERROR: (500, Mistake("We are facing some trouble completing your request.", code="SERVER_ERROR")),
    Fault.GATEWAY_ERROR: (400, Mistake("The gateway request timed out", code="GATEWAY_ERROR", source="gateway")),
    Fault.LIMITED: (429, Mistake("Request failed. Please try after sometime.")),
}


class Razorpay(Account):
    """The account that is simulated, with its server."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, KEY_SECRET)
        self.server: LocalServer
        self.key_id = KEY_ID
        self.fault = Fault.NONE
        self.receipts_are_unique = False
        """Whether an order with a receipt that is there already is refused: a feature of some accounts."""
        self._refunds_by_key: dict[str | None, tuple[str, bytes, str]] = {}

    @property
    def url(self) -> str:
        """Where its API is."""
        return self.server.url

    def forget_keys(self) -> None:
        """Forgets all idempotency keys, as it may after some time."""
        self._refunds_by_key.clear()

    def answer(self, request: Request) -> Answer:
        """Answers a call of the API."""
        try:
            return self._broken() or _json(self._answered(request))
        except RefusedCallError as refused:
            return _refusal(refused.status, refused.mistake)
        finally:
            if self.fault is Fault.ANSWER_LOST and request.method == "POST":
                self.server.trouble = Trouble.DROP_AFTER

    def _broken(self) -> Answer | None:
        match self.fault:
            case Fault.NONE | Fault.ANSWER_LOST:
                return None
            case Fault.ERROR_PAGE:
                return Answer(404, b"<html><body>404 page not found</body></html>", {"Content-Type": "text/html"})
            case Fault.NO_JSON:
                return Answer(200, b"<html><body>Welcome</body></html>", {"Content-Type": "text/html"})
            case Fault.ANOTHER_JSON:
                return _json({"entity": "event"})
            case Fault.SERVER_ERROR | Fault.GATEWAY_ERROR | Fault.LIMITED:
                return _refusal(*_ERRORS[self.fault])

    def _answered(self, request: Request) -> object:
        """Returns what a call asks for, as JSON is made of it. Raises RefusedCallError."""
        credentials = base64.b64encode(f"{self.key_id}:{self.key_secret}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {credentials}":
            raise RefusedCallError(Mistake("Authentication failed", source="NA", step="NA", reason="NA"), 401)
        target = urlsplit(request.path)
        query = dict(parse_qsl(target.query, keep_blank_values=True))
        match [unquote(part) for part in target.path.strip("/").split("/")]:
            case ["v1", "orders", *parts]:
                return self._orders_answer(request, parts, query)
            case ["v1", "payments", payment_id, *parts]:
                return self._payments_answer(request, _found(self.payments, payment_id), parts, query)
            case _:
                raise RefusedCallError(_NO_SUCH_URL)

    def _orders_answer(self, request: Request, parts: list[str], query: dict[str, str]) -> object:
        match [request.method, *parts]:
            case ["POST"]:
                return self._create_order(decoded(request.body, NewOrder))
            case ["GET"]:
                receipt = query.pop("receipt", "")
                orders = [order for order in reversed(self.orders.values()) if receipt in (order.receipt or "")]
                return _page(orders, query)
            case ["GET", order_id]:
                return _found(self.orders, order_id)
            case ["GET", order_id, "payments"]:
                return _collection(self.payments_of(_found(self.orders, order_id).id))
            case _:
                raise RefusedCallError(_NO_SUCH_URL)

    def _payments_answer(self, request: Request, payment: Payment, parts: list[str], query: dict[str, str]) -> object:
        match [request.method, *parts]:
            case ["GET"]:
                return payment
            case ["POST", "capture"]:
                return self._capture(payment, decoded(request.body, NewCapture))
            case ["POST", "refund"]:
                return self._refund(payment, request)
            case ["GET", "refunds"]:
                refunds = [refund for refund in reversed(self.refunds.values()) if refund.payment_id == payment.id]
                return _page(refunds, query)
            case _:
                raise RefusedCallError(_NO_SUCH_URL)

    def _create_order(self, new: NewOrder) -> Order:
        check_order(new)
        if self.receipts_are_unique and any(order.receipt == new.receipt for order in self.orders.values()):
            raise RefusedCallError(Mistake("Order receipt should be unique.", "receipt"))
        return self.add_order(new)

    def _capture(self, payment: Payment, new: NewCapture) -> Payment:
        if payment.captured:
            raise RefusedCallError(Mistake("This payment has already been captured"))
        if payment.status != "authorized":
            text = "Only payments which have been authorized and not yet captured can be captured"
            raise RefusedCallError(Mistake(text))
        if self.orders[payment.order_id].status == "paid":
            raise RefusedCallError(Mistake("Your payment has been declined as the order is already paid."))
        if (new.amount, new.currency) != (payment.amount, payment.currency):
            raise RefusedCallError(Mistake("Capture amount must be equal to the amount authorized", "amount"))
        self.capture(payment)
        return payment

    def _refund(self, payment: Payment, request: Request) -> Refund:
        key = request.headers.get("x-refund-idempotency")
        if key is not None:
            check_key(key)
        path, body, refund_id = self._refunds_by_key.get(key, (request.path, request.body, ""))
        if (path, body) != (request.path, request.body):
            text = "Different request with the same idempotency key has already been processed."
            raise RefusedCallError(Mistake(text, source="NA", step="NA", reason="NA"), 409)
        if refund_id:
            return self.refunds[refund_id]
        new = decoded(body, NewRefund)
        if not payment.captured:
            raise RefusedCallError(Mistake("The payment status should be captured for action to be taken"))
        check_refund(new, payment.currency, payment.amount - payment.amount_refunded)
        refund = self.add_refund(payment, new)
        if key is not None:
            self._refunds_by_key[key] = (path, body, refund.id)
        return refund


@contextmanager
def running_razorpay(clock: Clock | None = None) -> Iterator[Razorpay]:
    """Gives a Razorpay that listens on a free loopback port, and ends it; `clock`: its time, else the system's."""
    razorpay = Razorpay(clock or SystemClock())
    with running(razorpay.answer) as server:
        razorpay.server = server
        yield razorpay


def _page(items: Sequence[Order] | Sequence[Refund], query: dict[str, str]) -> dict[str, object]:
    """Returns a page of what was found. Raises RefusedCallError, also for parameters that are left over."""
    count, skip = int(query.pop("count", "10")), int(query.pop("skip", "0"))
    if query:
        text = f"{', '.join(query)} is/are not required and should not be sent"
        raise RefusedCallError(Mistake(text, reason="extra_field_sent"))
    if count > _LARGEST_PAGE:
        raise RefusedCallError(Mistake("The count may not be greater than 100.", "count"))
    return _collection(items[skip : skip + count])


def _collection(items: Sequence[Order] | Sequence[Payment] | Sequence[Refund]) -> dict[str, object]:
    return {"entity": "collection", "count": len(items), "items": items}


def _found(entities: Mapping[str, T], entity_id: str) -> T:
    if entity_id not in entities:
        raise RefusedCallError(Mistake("The id provided does not exist"))
    return entities[entity_id]


def _json(value: object) -> Answer:
    return Answer(200, msgspec.json.encode(value), {"Content-Type": "application/json"})


def _refusal(status: int, mistake: Mistake) -> Answer:
    return Answer(status, msgspec.json.encode({"error": mistake}), {"Content-Type": "application/json"})
