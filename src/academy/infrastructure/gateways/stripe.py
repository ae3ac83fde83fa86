"""Payments by Stripe: its hosted Checkout, through the official SDK.

https://docs.stripe.com/api/checkout/sessions, https://docs.stripe.com/api/refunds, https://docs.stripe.com/api/errors

Stripe remembers an idempotency key for a day at least, and answers the same request with the same answer, also when
that was an error of its own (https://docs.stripe.com/api/idempotent_requests): after such an error nothing happened
twice, but repeats may go on failing until the day is over. A Checkout Session does not live longer than that day. A
refund that is repeated later is looked for among those of the payment.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from typing import TypeVar

import msgspec
import stripe
from stripe.params import RefundListParams

from academy.infrastructure.gateways import stripe_events
from academy.infrastructure.gateways.base import (
    Capabilities,
    GatewayRefund,
    GatewayRefused,
    GatewayUnavailable,
    News,
    OpenedCheckout,
    Order,
    Payment,
    RefundOrder,
)
from academy.infrastructure.gateways.settings import StripeSettings
from academy.infrastructure.gateways.stripe_http import StripeHttpClient
from academy.infrastructure.gateways.stripe_objects import (
    LABEL,
    StripeBalance,
    StripeOpenedSession,
    StripeRefund,
    StripeRefunds,
    StripeSession,
    gateway_refund,
    payment,
    stripe_amount,
)
from academy.kit.clock import Clock

# One more try at once: most failures of a network are over then, and the buyer waits.
_RETRIES = 1
# Stripe takes 30 minutes to 24 hours from now. The margin is for what a repeat takes, and for clocks that differ.
_SHORTEST, _LONGEST = timedelta(minutes=30), timedelta(hours=24)
_MARGIN = timedelta(minutes=5)
# https://docs.stripe.com/api/metadata
_LONGEST_METADATA = 500
_PAGE = 100
_USUAL_WAIT, _LONGEST_WAIT = 30, 3600
_NO_KEY = "STRIPE_SECRET_KEY is empty or has characters that no API key has. Copy it anew."
_WRONG_KEY = "Stripe does not take STRIPE_SECRET_KEY. Copy it anew from the dashboard, Developers, API keys."
_FORBIDDEN = (
    "STRIPE_SECRET_KEY is a restricted key that lacks a permission. It needs Checkout Sessions: write, Charges and "
    "Refunds: write, PaymentIntents: read, Balance: read."
)

T = TypeVar("T")


class StripeGateway:
    """A Gateway that speaks to Stripe. It connects when it is first used."""

    def __init__(self, settings: StripeSettings, timeout_seconds: float, clock: Clock) -> None:
        """`timeout_seconds`: how long one call of the API may take, with its repeat."""
        self._settings = settings
        self._timeout = timeout_seconds
        self._clock = clock
        # For its statistics the SDK would leave a file in the user's home, and run a program in the event loop.
        stripe.enable_telemetry = False
        self._http = StripeHttpClient(timeout_seconds)
        self._client = stripe.StripeClient(
            settings.secret_key,
            http_client=self._http,
            base_addresses={"api": settings.url},
            max_network_retries=_RETRIES,
        )

    @property
    def name(self) -> str:
        """Name as in PAYMENT_GATEWAYS."""
        return "stripe"

    @property
    def capabilities(self) -> Capabilities:
        """What Stripe can do. The buyer is sent to its own pages, so ours need none of its scripts."""
        return Capabilities(
            label=LABEL,
            described="Cards, wallets and bank payments",
            closes_checkouts=True,
            form_targets=("https://checkout.stripe.com",),
        )

    async def open(self, order: Order) -> OpenedCheckout:
        """Makes a Checkout Session. Raises as `Gateway.open` does."""
        ids = {"transaction_id": order.transaction_id}
        amount = stripe_amount(order.amount)
        session = await self._ask(
            self._api.checkout.sessions.create_async(
                {
                    "mode": "payment",
                    "line_items": [
                        {
                            "price_data": {
                                "currency": order.amount.currency.lower(),
                                "unit_amount": amount,
                                "product_data": {"name": order.description},
                            },
                            "quantity": 1,
                        }
                    ],
                    "client_reference_id": order.transaction_id,
                    "metadata": ids,
                    "payment_intent_data": {"metadata": ids, "description": order.description},
                    "customer_email": order.buyer_email,
                    "success_url": order.return_url,
                    "cancel_url": order.cancel_url,
                    "expires_at": _expiry(order),
                    # The buyer pays what they saw here, in that currency.
                    "adaptive_pricing": {"enabled": False},
                },
                {"idempotency_key": order.transaction_id},
            ),
            StripeOpenedSession,
        )
        return OpenedCheckout(reference=session.id, checkout_url=session.url)

    async def close_checkout(self, reference: str) -> bool:
        """Expires a Checkout Session. Raises as `Gateway.close_checkout` does."""
        try:
            session = await self._ask(self._api.checkout.sessions.expire_async(reference), StripeSession)
        except GatewayRefused:
            # Only open ones can be expired: this one has ended in one way or the other.
            return await self._is_expired(reference)
        return session.status == "expired"

    async def standing(self, reference: str) -> Payment:
        """Looks at a Checkout Session. Raises as `Gateway.standing` does."""
        return payment(await self._session(reference))

    async def refund(self, order: RefundOrder) -> GatewayRefund:
        """Refunds a Payment Intent. Raises as `Gateway.refund` does."""
        amount = stripe_amount(order.amount)
        known = await self._known_refund(order)
        if known is not None:
            return gateway_refund(known)
        notes = {"refund_id": order.refund_id, "transaction_id": order.transaction_id}
        if order.reason:
            notes["reason"] = order.reason[:_LONGEST_METADATA]
        refund = await self._ask(
            self._api.refunds.create_async(
                {"payment_intent": order.payment_reference, "amount": amount, "metadata": notes},
                {"idempotency_key": order.refund_id},
            ),
            StripeRefund,
        )
        return gateway_refund(refund)

    def read_news(self, body: bytes, headers: Mapping[str, str]) -> News:
        """Reads an event. Raises as `Gateway.read_news` does."""
        signature = headers.get("stripe-signature", "")
        return stripe_events.read(body, signature, self._settings.webhook_secret, self._clock.now())

    def check_return(self, reference: str, fields: Mapping[str, str]) -> bool:
        """False: the buyer brings back nothing that Stripe has signed."""
        return False

    async def verify(self) -> str:
        """Returns "" when Stripe takes our key, else what is wrong and what to do. Never raises."""
        try:
            await self._ask(self._api.balance.retrieve_async(), StripeBalance)
        except (GatewayUnavailable, GatewayRefused) as error:
            return error.detail
        return ""

    async def close(self) -> None:
        """Closes the kept connections. Safe to call twice."""
        await self._http.close_async()

    @property
    def _api(self) -> "stripe.V1Services":
        """Raises GatewayUnavailable for a key that cannot be sent: the HTTP library would quote it in its error."""
        key = self._settings.secret_key
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise GatewayUnavailable(LABEL, _NO_KEY)
        return self._client.v1

    async def _ask(self, call: Awaitable[object], kind: type[T]) -> T:
        """Returns what Stripe answers to a call of its API. Raises GatewayUnavailable, GatewayRefused."""
        try:
            async with asyncio.timeout(self._timeout):
                answer = await call
        except TimeoutError as error:
            raise GatewayUnavailable(LABEL, f"Stripe did not answer within {self._timeout:g} s.") from error
        except (stripe.InvalidRequestError, stripe.CardError, stripe.IdempotencyError) as error:
            raise GatewayRefused(LABEL, _said(error)) from error
        except stripe.RateLimitError as error:
            raise GatewayUnavailable(LABEL, "Stripe's rate limit is reached.", retry_after=_wait(error)) from error
        except stripe.AuthenticationError as error:
            raise GatewayUnavailable(LABEL, _WRONG_KEY) from error
        except stripe.PermissionError as error:
            raise GatewayUnavailable(LABEL, _FORBIDDEN) from error
        except stripe.APIConnectionError as error:
            raise GatewayUnavailable(LABEL, f"Stripe cannot be reached: {_said(error)}") from error
        except (stripe.StripeError, AttributeError, RuntimeError) as error:
            # The SDK stumbles over an error that is no object, and over connections that were given back.
            raise GatewayUnavailable(LABEL, f"Stripe could not do it: {_said(error)}") from error
        return _read(answer, kind)

    async def _session(self, reference: str) -> StripeSession:
        expanded: list[str] = ["payment_intent.latest_charge"]
        return await self._ask(
            self._api.checkout.sessions.retrieve_async(reference, {"expand": expanded}), StripeSession
        )

    async def _is_expired(self, reference: str) -> bool:
        try:
            return (await self._session(reference)).status == "expired"
        except GatewayRefused:
            return False

    async def _known_refund(self, order: RefundOrder) -> StripeRefund | None:
        """Returns the refund that was made for an order already."""
        params: RefundListParams = {"payment_intent": order.payment_reference, "limit": _PAGE}
        while True:
            page = await self._ask(self._api.refunds.list_async(params), StripeRefunds)
            for refund in page.data:
                if gateway_refund(refund).refund_id == order.refund_id:
                    return refund
            if not page.has_more or not page.data:
                return None
            params["starting_after"] = page.data[-1].id


def _expiry(order: Order) -> int:
    """Returns when a checkout ends, as a Unix time that Stripe takes.

    It is counted from the order and not from now: Stripe knows a repeat by its parameters, and refuses another request
    with the same idempotency key.
    """
    earliest = order.ordered_at + _SHORTEST + _MARGIN
    latest = order.ordered_at + _LONGEST - _MARGIN
    return int(min(max(order.expires_at, earliest), latest).timestamp())


def _read(answer: object, kind: type[T]) -> T:
    """Returns an answer of the SDK as the part of it that we know. Raises GatewayUnavailable."""
    try:
        if isinstance(answer, stripe.StripeObject):
            return msgspec.convert(answer.to_dict(), kind)
        detail = "the answer is no object"
    except msgspec.ValidationError as error:
        detail = str(error)
    raise GatewayUnavailable(LABEL, f"Stripe did not answer as its API says ({detail}). Look at STRIPE_URL.")


def _said(error: Exception) -> str:
    """Returns Stripe's own words about an error, in one line."""
    words = error.user_message if isinstance(error, stripe.StripeError) else ""
    return " ".join((words or type(error).__name__).split())[:_LONGEST_METADATA]


def _wait(error: stripe.RateLimitError) -> int:
    """Returns after how many seconds a call may be repeated."""
    wait = (error.headers or {}).get("Retry-After", "")
    return min(max(int(wait), 1), _LONGEST_WAIT) if wait.isdecimal() else _USUAL_WAIT
