"""Payments by Razorpay: an Order of its API, paid in its Standard Checkout on our own page.

https://razorpay.com/docs/payments/payment-gateway/web-integration/standard/integration-steps/ is the whole way.

Orders have no idempotency key. Before one is made, it is looked for by its receipt, which is the transaction's id; so a
call that is repeated finds what the first one made. What remains: two calls for one transaction at the very same time
can make two orders, unless the account refuses a receipt that is there already. Each of them can be paid once, and
names the transaction.

Orders never end either, and cannot be closed: a buyer who keeps the checkout open may pay late, and a bank may confirm
a payment days later. Every order says that payments are captured by Razorpay itself, whatever the account's setting is.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from academy.infrastructure.gateways.base import (
    Capabilities,
    GatewayRefund,
    GatewayRefused,
    GatewayUnavailable,
    News,
    OpenedCheckout,
    Order,
    Payment,
    PaymentState,
    RefundOrder,
    WebhooksClosed,
)
from academy.infrastructure.gateways.razorpay_api import (
    LABEL,
    OrderEntity,
    Orders,
    PaymentEntity,
    Payments,
    RazorpayApi,
    RefundEntity,
    Refunds,
)
from academy.infrastructure.gateways.razorpay_news import is_signed, read_webhook, refund_of
from academy.infrastructure.gateways.settings import RazorpaySettings
from academy.kit.money import Money

# What Razorpay lists for shops with a Content-Security-Policy:
# https://github.com/razorpay/razorpay-magento/blob/master/etc/csp_whitelist.xml
_CHECKOUT = "https://checkout.razorpay.com"
_API = "https://api.razorpay.com"
_CDN = "https://cdn.razorpay.com"
_STATISTICS = ("https://lumberjack.razorpay.com", "https://lumberjack-metrics.razorpay.com")

# Minutes after which Razorpay returns a payment that was not captured. Its page about orders allows five days, its page
# about the account's setting three: https://razorpay.com/docs/payments/payments/capture-settings/api/.
_LONGEST_CAPTURE = 3 * 24 * 60
_AUTOMATIC_CAPTURE = {
    "capture": "automatic",
    "capture_options": {
        "automatic_expiry_period": _LONGEST_CAPTURE,
        "manual_expiry_period": _LONGEST_CAPTURE,
        "refund_speed": "normal",
    },
}
_LARGEST_PAGE = "100"
_LONGEST_NOTE = 256
_THREE_DECIMALS = 3
# "Order receipt should be unique.", of accounts that see to it.
_RECEIPT_IS_TAKEN = "receipt should be unique"


class RazorpayGateway:
    """A Gateway that speaks to Razorpay. It connects when it is first used."""

    def __init__(self, settings: RazorpaySettings, timeout_seconds: float) -> None:
        """`timeout_seconds`: how long one call of its API may take."""
        self._settings = settings
        self._api = RazorpayApi(settings, timeout_seconds)

    @property
    def name(self) -> str:
        """Name as in PAYMENT_GATEWAYS."""
        return "razorpay"

    @property
    def capabilities(self) -> Capabilities:
        """What Razorpay can do, and the origins that its checkout.js needs."""
        return Capabilities(
            label=LABEL,
            described="UPI, cards, net banking and wallets",
            closes_checkouts=False,
            form_targets=(_API,),
            script_sources=(_CHECKOUT, _CDN),
            frame_sources=(_API, _CHECKOUT),
            connect_sources=(_API, *_STATISTICS),
            image_sources=(_CDN, _CHECKOUT),
        )

    async def open(self, order: Order) -> OpenedCheckout:
        """Makes an Order, or finds the one that this transaction has. Raises GatewayUnavailable, GatewayRefused."""
        _check_amount(order.amount)
        entity = await self._order_of(order.transaction_id) or await self._new_order(order)
        if (entity.amount, entity.currency) != (order.amount.amount, order.amount.currency):
            raise GatewayRefused(LABEL, f"{entity.id} of this transaction is about another amount.")
        return OpenedCheckout(reference=entity.id, payload=self._checkout_options(order, entity))

    async def close_checkout(self, reference: str) -> bool:
        """Returns False: an Order cannot be closed."""
        return False

    async def standing(self, reference: str) -> Payment:
        """Returns how an Order stands. Raises GatewayUnavailable, GatewayRefused for an unknown one.

        A payment that only waits for being captured is captured: it may have been authorised after the time for
        automatic capture, and Razorpay would return the money. An Order without money is open, however often the buyer
        tried.
        """
        payments = await self._payments_of(reference)
        refusal = ""
        waiting = next((payment for payment in payments if payment.status == "authorized"), None)
        if waiting is not None and _money_of(payments) is None:
            refusal = await self._capture(reference, waiting)
            payments = await self._payments_of(reference)
        money = _money_of(payments)
        if money is None:
            failure = refusal or _last_failure_of(payments)
            return Payment(reference=reference, state=PaymentState.OPEN, failure=failure)
        return Payment(
            reference=reference,
            state=PaymentState.PAID,
            payment_reference=money.id,
            amount=Money(amount=money.amount, currency=money.currency),
            refunded=money.amount_refunded or 0,
        )

    async def refund(self, order: RefundOrder) -> GatewayRefund:
        """Sends money back. Raises GatewayUnavailable, GatewayRefused.

        The idempotency key keeps two calls at the same time apart
        (https://razorpay.com/docs/api/refunds/normal-refunds-idempotent/). How long Razorpay remembers it is not
        promised, so a refund that was made earlier is looked for by its receipt.
        """
        payment = f"/v1/payments/{quote(order.payment_reference, safe='')}"
        made = await self._api.get(f"{payment}/refunds", Refunds, {"count": _LARGEST_PAGE})
        for entity in made.items:
            if entity.receipt == order.refund_id:
                return refund_of(entity)
        entity = await self._api.post(
            f"{payment}/refund",
            RefundEntity,
            {
                "amount": order.amount.amount,
                "speed": "normal",
                "receipt": order.refund_id,
                # For people who look at the refund at Razorpay.
                "notes": {"transaction_id": order.transaction_id, "reason": order.reason[:_LONGEST_NOTE]},
            },
            {"X-Refund-Idempotency": order.refund_id},
        )
        return refund_of(entity)

    def read_news(self, body: bytes, headers: Mapping[str, str]) -> News:
        """Checks the signature of a webhook and reads it. Raises WebhooksClosed, BadSignature.

        Razorpay signs no time: an old webhook is believed like a new one.
        """
        if not self._settings.webhook_secret:
            raise WebhooksClosed
        return read_webhook(body, headers, self._settings.webhook_secret)

    def check_return(self, reference: str, fields: Mapping[str, str]) -> bool:
        """Whether what checkout.js gave to the page is signed, and about this Order.

        The signature is over the Order's id that we know, not the one that the browser sends.
        """
        message = f"{reference}|{fields.get('razorpay_payment_id', '')}"
        signature = fields.get("razorpay_signature", "")
        return fields.get("razorpay_order_id") == reference and is_signed(message, signature, self._settings.key_secret)

    async def verify(self) -> str:
        """Returns "" when Razorpay takes our credentials, else what is wrong and what to do. Never raises."""
        try:
            await self._api.get("/v1/orders", Orders, {"count": "1"})
        except (GatewayUnavailable, GatewayRefused) as error:
            return f"Razorpay: {error.detail}"
        return ""

    async def close(self) -> None:
        """Closes the kept connections. Safe to call twice."""
        await self._api.close()

    async def _order_of(self, transaction_id: str) -> OrderEntity | None:
        """Returns the Order of a transaction; the oldest one, if there are several."""
        orders = await self._api.get("/v1/orders", Orders, {"receipt": transaction_id, "count": _LARGEST_PAGE})
        # Razorpay finds receipts that contain what is looked for.
        of_it = [order for order in orders.items if order.receipt == transaction_id]
        return min(of_it, key=lambda order: order.created_at, default=None)

    async def _new_order(self, order: Order) -> OrderEntity:
        body = {
            "amount": order.amount.amount,
            "currency": order.amount.currency,
            "receipt": order.transaction_id,
            "notes": {"transaction_id": order.transaction_id},
            "payment": _AUTOMATIC_CAPTURE,
        }
        try:
            return await self._api.post("/v1/orders", OrderEntity, body)
        except GatewayRefused as refusal:
            if _RECEIPT_IS_TAKEN not in refusal.detail.lower():
                raise
            made_meanwhile = await self._order_of(order.transaction_id)
            if made_meanwhile is None:
                raise GatewayUnavailable(LABEL, refusal.detail) from refusal
            return made_meanwhile

    def _checkout_options(self, order: Order, entity: OrderEntity) -> dict[str, str]:
        """Returns the options of checkout.js, a dot in a name standing for an option within another one.

        The page adds `name` (the academy's) and its handlers. `timeout`: for how many seconds the buyer may pay once
        the page is open; only their browser sees to it.
        """
        return {
            "key": self._settings.key_id,
            "order_id": entity.id,
            "amount": str(entity.amount),
            "currency": entity.currency,
            "description": _beginning_with_a_letter(order.description),
            "prefill.name": order.buyer_name,
            "prefill.email": order.buyer_email,
            "timeout": str(int((order.expires_at - order.ordered_at).total_seconds())),
        }

    async def _payments_of(self, reference: str) -> list[PaymentEntity]:
        return (await self._api.get(f"/v1/orders/{quote(reference, safe='')}/payments", Payments)).items

    async def _capture(self, reference: str, payment: PaymentEntity) -> str:
        """Captures a payment with the amount of its Order. Returns "", or why Razorpay does not do it.

        It does not when it captures the payment itself at this moment, or when another amount was authorised.
        """
        order = await self._api.get(f"/v1/orders/{quote(reference, safe='')}", OrderEntity)
        body = {"amount": order.amount, "currency": order.currency}
        try:
            await self._api.post(f"/v1/payments/{quote(payment.id, safe='')}/capture", PaymentEntity, body)
        except GatewayRefused as refusal:
            return refusal.detail
        return ""


def _money_of(payments: Sequence[PaymentEntity]) -> PaymentEntity | None:
    """Returns the payment that came in: an Order takes one."""
    return next((payment for payment in payments if payment.came_in), None)


def _last_failure_of(payments: Sequence[PaymentEntity]) -> str:
    """Returns why the last try failed; "" when it did not, or when nobody tried."""
    last = max(payments, key=lambda payment: payment.created_at, default=None)
    return "" if last is None else last.error_description or ""


def _check_amount(amount: Money) -> None:
    """Raises GatewayRefused for an amount that cannot be told to Razorpay in our minor units.

    Its currencies have the decimals of ISO 4217, three at most
    (https://razorpay.com/docs/payments/international-payments/#supported-currencies); of three, the last has to be 0
    (https://razorpay.com/docs/api/orders/create/).
    """
    if amount.exponent > _THREE_DECIMALS:
        raise GatewayRefused(LABEL, f"it does not know the currency {amount.currency}.")
    if amount.exponent == _THREE_DECIMALS and amount.amount % 10:
        raise GatewayRefused(LABEL, f"an amount in {amount.currency} has to end with 0.")


def _beginning_with_a_letter(text: str) -> str:
    """Returns a text without what Razorpay does not take at the beginning of a description."""
    start = next((place for place, character in enumerate(text) if character.isalnum()), len(text))
    return text[start:]
