"""A Stripe account in test mode: Checkout Sessions, refunds, the balance, and its signed events.

README.md names the vendor's pages that it follows.
"""

import hashlib
import hmac
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from urllib.parse import unquote, urlsplit

import msgspec

from academy.kit.clock import Clock
from academy.kit.money import Money
from tests.simulators.local_server import Answer, LocalServer, Request, Trouble, running
from tests.simulators.stripe_account import Dispute, Intent, Refund, Session, Shown, new_stripe_id
from tests.simulators.stripe_checks import (
    NoParams,
    RefundListParams,
    RefundParams,
    RefusedError,
    SessionParams,
    read,
)
from tests.simulators.stripe_faults import BROKEN, Fault, error_answer, json_answer
from tests.simulators.webhooks import Webhook, delivered

SECRET_KEY = "sk_test_simulated-key-of-the-tests"
WEBHOOK_SECRET = "whsec_of-the-tests"

_KEYS_LIVE = 24 * 60 * 60
_LARGEST_PAGE = 100
_DECLINED: Shown = {"type": "card_error", "code": "card_declined", "message": "Your card was declined."}


class NotPayableError(Exception):
    """The buyer is shown that this checkout is over."""


class Event(msgspec.Struct, frozen=True):
    """Something that happened in the account."""

    id: str
    type: str
    body: bytes


class _Kept(msgspec.Struct, frozen=True):
    """A request that was answered, by its idempotency key."""

    path: str
    params: bytes
    answer: Answer
    until: float


class Stripe:
    """The account that is simulated, with its server. All its methods may be called from any thread."""

    def __init__(self, clock: Clock) -> None:
        self.server: LocalServer
        self.clock = clock
        self.secret_key = SECRET_KEY
        self.webhook_secret = WEBHOOK_SECRET
        self.fault = Fault.NONE
        self.retry_after = ""
        """What LIMITED tells in its header Retry-After; "": no such header."""
        self.lost_answers = 0
        """How many requests that change something are done, but not answered; those that only ask are."""
        self.refunds_take_days = False
        self.last_request: Request
        self.sessions: dict[str, Session] = {}
        self.intents: dict[str, Intent] = {}
        self._keys: dict[str, _Kept] = {}
        self._lock = threading.RLock()
        self._answer_is_lost = False

    @property
    def url(self) -> str:
        """Where its API is."""
        return self.server.url

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Lets everybody wait for an answer meanwhile."""
        with self._lock:
            yield

    # --- the API ---------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Answer:
        """Answers a call of the API."""
        with self._lock:
            self.last_request = request
            self._lose_answer(request)
            try:
                return self._broken() or self._authenticated(request)
            except RefusedError as refused:
                return json_answer(refused.status, {"error": refused.error})

    def _lose_answer(self, request: Request) -> None:
        if self._answer_is_lost:
            self.server.trouble, self._answer_is_lost = Trouble.NONE, False
        if self.lost_answers and request.method == "POST":
            self.server.trouble, self._answer_is_lost = Trouble.DROP_AFTER, True
            self.lost_answers -= 1

    def _broken(self) -> Answer | None:
        answer = BROKEN.get(self.fault)
        if answer is None or self.fault is not Fault.LIMITED or not self.retry_after:
            return answer
        return Answer(answer.status, answer.body, {**answer.headers, "Retry-After": self.retry_after})

    def _authenticated(self, request: Request) -> Answer:
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        if key != self.secret_key:
            text = f"Invalid API Key provided: {key[:8]}****{key[-4:]}"
            return error_answer(401, "invalid_request_error", text)
        if self.fault is Fault.FORBIDDEN:
            text = f"The provided key '{key[:8]}***' does not have the required permissions for this endpoint."
            return error_answer(403, "invalid_request_error", text)
        return self._once(request) if request.method == "POST" else self._answer(request)

    def _once(self, request: Request) -> Answer:
        """Answers a request, and answers it the same way when it comes again with the same idempotency key."""
        key, now = request.headers.get("idempotency-key", ""), self.clock.now().timestamp()
        if self.fault is Fault.KEY_IN_USE:
            text = f"There is currently another in-progress request using this Stripe Idempotent Key: {key}."
            raise RefusedError(text, status=409, kind="idempotency_error", code="idempotency_key_in_use")
        if not key:
            return self._answer(request)
        kept = self._keys.get(key)
        if kept is not None and kept.until > now:
            if (kept.path, kept.params) != (request.path, request.body):
                text = "Keys for idempotent requests can only be used with the same parameters they were first used "
                raise RefusedError(f"{text}with. Try using a key other than '{key}'.", kind="idempotency_error")
            return Answer(kept.answer.status, kept.answer.body, {**kept.answer.headers, "Idempotent-Replayed": "true"})
        # What does not get past the checks is not remembered.
        answer = BROKEN[Fault.ERROR_500] if self.fault is Fault.ERROR_500_LATE else self._answer(request)
        self._keys[key] = _Kept(request.path, request.body, answer, now + _KEYS_LIVE)
        return answer

    def _answer(self, request: Request) -> Answer:
        url = urlsplit(request.path)
        parts = [unquote(part) for part in url.path.strip("/").split("/")]
        params = request.body.decode() if request.method == "POST" else url.query
        self._expire_late_sessions()
        match request.method, parts:
            case "POST", ["v1", "checkout", "sessions"]:
                return self._open(read(params, SessionParams))
            case "GET", ["v1", "checkout", "sessions", session_id]:
                return json_answer(200, self._session(session_id).shown(read(params, NoParams).expand))
            case "POST", ["v1", "checkout", "sessions", session_id, "expire"]:
                session, expand = self._session(session_id), read(params, NoParams).expand
                session.expire()
                return json_answer(200, session.shown(expand))
            case "POST", ["v1", "refunds"]:
                return self._refund(read(params, RefundParams))
            case "GET", ["v1", "refunds"]:
                return self._list_refunds(read(params, RefundListParams))
            case "GET", ["v1", "balance"]:
                read(params, NoParams)
                return json_answer(200, {"object": "balance", "available": [], "livemode": False, "pending": []})
        text = f"Unrecognized request URL ({request.method}: {url.path})."
        raise RefusedError(text, status=404)

    def _open(self, params: SessionParams) -> Answer:
        now = self._now()
        params.check(now)
        session = Session(
            id=new_stripe_id("cs_test"),
            params=params,
            created=now,
            expires_at=params.expires_at or now + 24 * 60 * 60,
            amount_total=params.total,
            currency=params.currency,
        )
        self.sessions[session.id] = session
        return json_answer(200, session.shown(params.expand))

    def _refund(self, params: RefundParams) -> Answer:
        intent = self._intent(params.payment_intent)
        amount = intent.amount - intent.refunded if params.amount is None else params.amount
        intent.check_refund(amount)
        return json_answer(200, self._new_refund(intent, amount, params.metadata).shown())

    def _list_refunds(self, params: RefundListParams) -> Answer:
        if not 1 <= params.limit <= _LARGEST_PAGE:
            raise RefusedError("Invalid integer: must be between 1 and 100", param="limit")
        refunds = self._intent(params.payment_intent).refunds[::-1]
        if params.starting_after:
            ids = [refund.id for refund in refunds]
            if params.starting_after not in ids:
                raise RefusedError(f"No such refund: '{params.starting_after}'", param="starting_after", status=404)
            refunds = refunds[ids.index(params.starting_after) + 1 :]
        page = [refund.shown() for refund in refunds[: params.limit]]
        more = len(page) < len(refunds)
        return json_answer(200, {"object": "list", "data": page, "has_more": more, "url": "/v1/refunds"})

    # --- what buyers, banks and the dashboard do ---------------------------------------------------------------------

    def pay(self, session_id: str, amount: Money | None = None) -> list[Event]:
        """The buyer pays by card: what was ordered, or another `amount`. Raises NotPayableError."""
        with self._lock:
            session, intent = self._attempt(session_id)
            if amount is not None:
                session.amount_total = intent.amount = amount.amount
                session.currency = intent.currency = amount.currency.lower()
            session.status = "complete"
            return [*self._succeed(session, intent), self._event("checkout.session.completed", session.shown())]

    def pay_by_bank(self, session_id: str) -> list[Event]:
        """The buyer orders a bank transfer that takes days. Raises NotPayableError."""
        with self._lock:
            session, intent = self._attempt(session_id)
            session.status, intent.status = "complete", "processing"
            return [
                self._event("payment_intent.processing", intent.shown()),
                self._event("checkout.session.completed", session.shown()),
            ]

    def transfer(self, session_id: str, *, arrives: bool) -> list[Event]:
        """The bank transfer of `pay_by_bank` arrives, or does not."""
        with self._lock:
            session, intent = self._attempted(session_id)
            if arrives:
                succeeded = self._succeed(session, intent)
                return [*succeeded, self._event("checkout.session.async_payment_succeeded", session.shown())]
            intent.status = "requires_payment_method"
            intent.error = {"type": "api_error", "code": "payment_intent_payment_attempt_failed"}
            intent.error["message"] = "The payment failed: the account has no money."
            return [
                self._event("payment_intent.payment_failed", intent.shown()),
                self._event("checkout.session.async_payment_failed", session.shown()),
            ]

    def decline(self, session_id: str) -> list[Event]:
        """The bank says no; the buyer may try again. Raises NotPayableError."""
        with self._lock:
            _, intent = self._attempt(session_id)
            intent.error = _DECLINED
            return [self._event("payment_intent.payment_failed", intent.shown())]

    def expire(self, session_id: str) -> list[Event]:
        """The time of a checkout is over."""
        with self._lock:
            session = self._session(session_id)
            session.expire()
            return [self._event("checkout.session.expired", session.shown())]

    def refund_at_dashboard(self, intent_id: str, amount: int) -> list[Event]:
        """Somebody refunds at Stripe's dashboard."""
        with self._lock:
            intent = self._intent(intent_id)
            intent.check_refund(amount)
            return self.events_of(self._new_refund(intent, amount, {}).id)

    def events_of(self, refund_id: str) -> list[Event]:
        """Returns the events of a refund that was just made."""
        with self._lock:
            refund = self._known_refund(refund_id)
            return [
                self._event("refund.created", refund.shown()),
                self._event("charge.refunded", refund.intent.shown_charge()),
            ]

    def end_refund(self, refund_id: str, failure: str = "") -> list[Event]:
        """The bank takes a refund, or does not for the reason `failure`, such as `expired_or_canceled_card`."""
        with self._lock:
            refund = self._known_refund(refund_id)
            refund.status, refund.failure_reason = ("failed", failure) if failure else ("succeeded", None)
            types = ["refund.updated", "charge.refund.updated", *(["refund.failed"] if failure else [])]
            return [self._event(kind, refund.shown()) for kind in types]

    def dispute(self, intent_id: str) -> list[Event]:
        """The buyer asks their bank for the money, and their bank decides for them."""
        with self._lock:
            dispute = Dispute(new_stripe_id("du"), self._intent(intent_id), self._now())
            created = self._event("charge.dispute.created", dispute.shown())
            dispute.status = "lost"
            return [created, self._event("charge.dispute.closed", dispute.shown())]

    # --- events ------------------------------------------------------------------------------------------------------

    def signed(self, body: bytes, *, secret: str = "", at: datetime | None = None) -> Webhook:
        """Returns a body with its signature: by the endpoint's secret and now, or another one and `at` another time."""
        sent_at = str(int((at or self.clock.now()).timestamp()))
        key = (secret or self.webhook_secret).encode()
        signature = hmac.new(key, sent_at.encode() + b"." + body, hashlib.sha256).hexdigest()
        # v0 is there in test mode only, and is no signature.
        header = f"t={sent_at},v1={signature},v0={'0' * 64}"
        return Webhook(body, {"content-type": "application/json; charset=utf-8", "stripe-signature": header})

    async def deliver(self, url: str, events: Sequence[Event], *, attempts: int = 1) -> list[list[int]]:
        """Posts events to a webhook, each until it is taken. Returns the statuses of its answers, for each event."""
        return [await delivered(url, partial(self.signed, event.body), attempts=attempts) for event in events]

    def _event(self, kind: str, shown: Shown) -> Event:
        event: Shown = {
            "id": new_stripe_id("evt"),
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": self._now(),
            "data": {"object": shown},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }
        return Event(str(event["id"]), kind, msgspec.json.format(msgspec.json.encode(event), indent=2))

    # --- the account -------------------------------------------------------------------------------------------------

    def _now(self) -> int:
        return int(self.clock.now().timestamp())

    def _session(self, session_id: str) -> Session:
        if session_id not in self.sessions:
            text = f"No such checkout.session: {session_id}"
            raise RefusedError(text, param="session", code="resource_missing", status=404)
        return self.sessions[session_id]

    def _intent(self, intent_id: str) -> Intent:
        if intent_id not in self.intents:
            text = f"No such payment_intent: '{intent_id}'"
            raise RefusedError(text, param="payment_intent", code="resource_missing", status=404)
        return self.intents[intent_id]

    def _known_refund(self, refund_id: str) -> Refund:
        refunds = (refund for intent in self.intents.values() for refund in intent.refunds)
        return next(refund for refund in refunds if refund.id == refund_id)

    def _new_refund(self, intent: Intent, amount: int, metadata: dict[str, str]) -> Refund:
        refund = Refund(new_stripe_id("re"), intent, amount, self._now(), metadata)
        refund.status = "pending" if self.refunds_take_days else "succeeded"
        intent.refunds.append(refund)
        return refund

    def _attempt(self, session_id: str) -> tuple[Session, Intent]:
        """The buyer presses `Pay`: the first time this makes the Payment Intent."""
        self._expire_late_sessions()
        session = self._session(session_id)
        if session.status != "open":
            raise NotPayableError(session.status)
        if session.intent is None:
            metadata = session.params.payment_intent_data.metadata
            session.intent = Intent(new_stripe_id("pi"), session.amount_total, session.currency, self._now(), metadata)
            self.intents[session.intent.id] = session.intent
        return session, session.intent

    def _attempted(self, session_id: str) -> tuple[Session, Intent]:
        session = self._session(session_id)
        assert session.intent is not None, "nobody has tried to pay this"
        return session, session.intent

    def _succeed(self, session: Session, intent: Intent) -> list[Event]:
        session.payment_status, intent.status = "paid", "succeeded"
        intent.charge_id, intent.error = new_stripe_id("ch"), None
        return [
            self._event("charge.succeeded", intent.shown_charge()),
            self._event("payment_intent.succeeded", intent.shown()),
        ]

    def _expire_late_sessions(self) -> None:
        for session in self.sessions.values():
            if session.status == "open" and session.expires_at <= self._now():
                session.expire()


@contextmanager
def running_stripe(clock: Clock) -> Iterator[Stripe]:
    """Gives an account with its server, which goes by `clock`, and ends it."""
    stripe = Stripe(clock)
    with running(stripe.answer) as stripe.server:
        yield stripe
